/** config/workflows/*.yaml: the stages a run goes through. A run keeps the template it started with. */
import * as z from 'zod';
import { AgentRole, TaskType } from './agent.ts';

const StageId = z.string().regex(/^[a-z][a-z0-9-]{0,30}$/, 'must be lower-case words with hyphens');

/**
 * One agent works; `aside` stages are entered only when another stage names them. On an `optional`
 * stage a result without changes is a good one.
 */
const TaskStage = z.strictObject({
  id: StageId,
  kind: z.literal('task'),
  task: TaskType,
  agent: AgentRole,
  aside: z.boolean().default(false),
  optional: z.boolean().default(false),
});

/** The change's own pipeline, and agents that look at the change; together they vote. */
const VerifyStage = z.strictObject({
  id: StageId,
  kind: z.literal('verify'),
  tasks: z.array(z.strictObject({ task: TaskType, agent: AgentRole })).max(5),
  /** The task stage that answers findings and a red pipeline; absent: a person does. */
  fix: StageId.optional(),
  /** How often the fix stage may be tried. */
  rounds: z.int().min(0).max(5).default(0),
});

/** A person decides by approving the change, which the bot then merges; `back` is where a no leads. */
const GateStage = z.strictObject({
  id: StageId,
  kind: z.literal('gate'),
  gate: z.enum(['spec', 'merge']),
  back: StageId.optional(),
});

/** The repository's own deploy job is played: of the merged commit, or `back` to the one before. */
const DeployStage = z.strictObject({
  id: StageId,
  kind: z.literal('deploy'),
  to: z.enum(['merged', 'back']).default('merged'),
});

/** The children of an epic become issues with runs of their own, whose ends are waited for. */
const ChildrenStage = z.strictObject({ id: StageId, kind: z.literal('children') });

export const StageDefinition = z.discriminatedUnion('kind', [
  TaskStage,
  VerifyStage,
  GateStage,
  DeployStage,
  ChildrenStage,
]);
export type StageDefinition = z.infer<typeof StageDefinition>;

export const Workflow = z.strictObject({
  name: z.string().regex(/^[a-z][a-z-]{0,30}$/),
  version: z.int().positive(),
  title: z.string().min(1).max(80),
  stages: z.array(StageDefinition).min(1).max(20),
});
export type Workflow = z.infer<typeof Workflow>;
