/** Front matter of config/agents/*.md; the body below it is the agent's prompt. */
import { z } from 'zod';
import { EngineName, ModelRoute, TaskLimits, ToolName } from './job-api.ts';

export const AgentRole = z.enum([
  'pm',
  'architect',
  'builder',
  'reviewer',
  'tester',
  'security',
  'devops',
  'bug_finder',
  'docs',
]);
export type AgentRole = z.infer<typeof AgentRole>;

export const TaskType = z.enum([
  'answer_question',
  'triage_issue',
  'break_down_epic',
  'write_spec',
  'implement_feature',
  'implement_fix',
  'implement_refactor',
  'fix_build',
  'address_review_feedback',
  'write_docs',
  'review_mr',
  'run_tests',
  'security_scan',
]);
export type TaskType = z.infer<typeof TaskType>;

/** What a result of this agent may carry; anything else is refused by the publisher. */
export const OutputVerb = z.enum(['changes', 'comment', 'report']);
export type OutputVerb = z.infer<typeof OutputVerb>;

export const AgentFrontMatter = z.strictObject({
  title: z.string().min(1).max(80),
  aliases: z.array(z.string().max(40)).max(8).default([]),
  tasks: z.array(TaskType).min(1),
  engine: EngineName,
  /** First is used; the others are for when a provider is not configured. */
  models: z.array(ModelRoute).min(1),
  tools: z.array(ToolName).min(1),
  output: z.array(OutputVerb),
  /** What its vote counts beside the others'. */
  voteWeight: z.number().min(0).max(10).default(1),
  limits: TaskLimits.extend({ maxCostUsd: z.number().positive().max(1000) }),
});
export type AgentFrontMatter = z.infer<typeof AgentFrontMatter>;

/** An agent as loaded: its role, its settings and its prompt. */
export interface Agent {
  role: AgentRole;
  settings: AgentFrontMatter;
  prompt: string;
}
