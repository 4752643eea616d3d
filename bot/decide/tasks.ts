/**
 * Purpose: tasks as they are handed to agents: who does what, from which facts, under which limits.
 */
import type { Agent, AgentRole, PromptVariable, TaskType } from '../../schema/wire/agent.ts';
import type { EngineName, ModelRoute, WhenMissing } from '../../schema/wire/job-api.ts';
import { ReportKind } from '../../schema/wire/report.ts';
import type { Project } from '../domain/events.ts';
import type { AttemptSpec, Run, RunContext } from '../domain/runs.ts';
import type { NewTask, Snapshot } from '../domain/snapshot.ts';
import { scannersOf } from '../domain/scans.ts';
import { TASKS } from '../domain/task-types.ts';
import { agentFor } from './agent-overrides.ts';
import { routesWith } from './assign.ts';
import { taskInput, type TaskInputFacts } from './task-input.ts';

/** What stands in the way of an agent's work, or the agent with the models it can use. */
export function usableAgent(
  role: AgentRole,
  snapshot: Snapshot,
  run: Pick<Run, 'overrides'> & { context: Pick<RunContext, 'agents'> },
): { agent: Agent; models: ModelRoute[] } | { problem: string; next: string } {
  const installed = snapshot.agents[role];
  if (!installed) {
    return {
      problem: `The agent \`${role}\` is not set up.`,
      next: `Add \`config/agents/${role}.md\` to the bot and restart it.`,
    };
  }
  const agent = agentFor(installed, run.context);
  const models = routesWith(agent.settings.models, role, run).filter((route) =>
    snapshot.providers.includes(route.provider),
  );
  if (models.length === 0) {
    return {
      problem: 'No model provider is set up for this agent.',
      next: 'Set OPENAI_API_KEY or ANTHROPIC_API_KEY for the bot and restart it.',
    };
  }
  return { agent, models };
}

/** What the tasks of an agent bring, each kind once, in the order in which the wire names them. */
export function reportsOf(agent: Agent): ReportKind[] {
  const kinds = new Set(agent.settings.tasks.map((task) => TASKS[task].report));
  return ReportKind.options.filter((kind) => kinds.has(kind));
}

/** The agent's prompt with the facts of the project that it names: the same for every task there. */
function promptOf(
  agent: Agent,
  { project }: { project: Pick<Project, 'path' | 'defaultBranch'> },
): string {
  const values: Record<PromptVariable, string> = {
    project: project.path,
    default_branch: project.defaultBranch,
  };
  return agent.settings.variables.reduce(
    (prompt, name) => prompt.replaceAll(`{{${name}}}`, () => values[name]),
    agent.prompt,
  );
}

/** Who votes on a change is asked for what became of the findings of its own role. */
function factsOf(type: TaskType, role: AgentRole, facts: TaskInputFacts): TaskInputFacts {
  const { known, unwanted, ...rest } = facts;
  if (known === undefined || TASKS[type].delivers !== 'votes') return rest;
  return {
    ...rest,
    ...(unwanted ? { unwanted } : {}),
    known: known.filter(({ by }) => by === role),
  };
}

/** Where a task stands among the others of its run. */
export type TaskPlace = Pick<NewTask, 'priority' | 'parentId' | 'dependsOn' | 'acceptance'>;
const USUAL_PRIORITY = 5;

/** A task for an agent that `usableAgent` found. */
export function makeTask(
  type: TaskType,
  found: { agent: Agent; models: ModelRoute[] },
  context: RunContext,
  facts: TaskInputFacts,
  snapshot: { project: Pick<Project, 'path' | 'defaultBranch'> },
  place: Partial<TaskPlace> = {},
): NewTask {
  const { agent, models } = found;
  const { priority = USUAL_PRIORITY, parentId = null, dependsOn = [], acceptance = [] } = place;
  const { maxCostUsd, ...limits } = agent.settings.limits;
  const scanners = scannersOf(type, context.scanners ?? []);
  const spec: AttemptSpec = {
    taskType: type,
    agent: agent.role,
    project: { path: snapshot.project.path, defaultBranch: snapshot.project.defaultBranch },
    instructions: promptOf(agent, snapshot),
    input: taskInput(type, { ...factsOf(type, agent.role, facts), acceptance }),
    engine: agent.settings.engine,
    whenMissing: whenMissing(agent.settings.engine, context),
    isolation: context.isolation,
    models,
    tools: agent.settings.tools,
    report: TASKS[type].report,
    reports: reportsOf(agent),
    ...(scanners.length > 0 ? { scanners } : {}),
    limits,
    image: context.image,
    tags: context.tags,
  };
  const capMicrousd = Math.min(context.taskCapMicrousd, Math.floor(maxCostUsd * 1_000_000));
  return { type, agent: agent.role, capMicrousd, priority, parentId, dependsOn, acceptance, spec };
}

/** Our own loop is part of the job program, so it is never missing. */
function whenMissing(engine: EngineName, context: RunContext): WhenMissing {
  return engine === 'builtin' ? 'builtin' : context.whenMissing[engine];
}
