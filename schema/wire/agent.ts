/** Front matter of config/agents/*.md; the body below it is the agent's prompt. */
import * as z from 'zod';
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
  'analyze_repo',
  'create_epic',
  'break_down_epic',
  'create_user_story',
  'prioritize_backlog',
  'triage_issue',
  'evaluate_feasibility',
  'write_spec',
  'create_implementation_issue',
  'answer_question',
  'implement_feature',
  'implement_fix',
  'implement_refactor',
  'address_review_feedback',
  'review_mr',
  'write_tests',
  'run_tests',
  'validate_feature',
  'analyze_coverage',
  'security_scan',
  'dependency_audit',
  'compliance_check',
  'manage_pipeline',
  'deploy',
  'rollback',
  'fix_build',
  'publish',
  'static_analysis',
  'bug_hunt',
  'write_docs',
  'write_adr',
  'write_runbook',
]);
export type TaskType = z.infer<typeof TaskType>;

/** What a result of this agent may carry; anything else is refused by the publisher. */
export const OutputVerb = z.enum(['changes', 'comment', 'report']);
export type OutputVerb = z.infer<typeof OutputVerb>;

/** What a prompt may name as `{{name}}`; facts of the project, never text by people. */
export const PromptVariable = z.enum(['project', 'default_branch']);
export type PromptVariable = z.infer<typeof PromptVariable>;

export const AgentFrontMatter = z.strictObject({
  title: z.string().min(1).max(80),
  aliases: z.array(z.string().max(40)).max(8).default([]),
  tasks: z.array(TaskType).min(1),
  /** Every variable that the prompt names. */
  variables: z.array(PromptVariable).max(8).default([]),
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

/** What settings change of an agent's front matter; what is left out stays as it is. */
export const AgentOverride = z.strictObject({
  engine: EngineName.optional(),
  models: z.array(ModelRoute).min(1).max(10).optional(),
  limits: AgentFrontMatter.shape.limits.partial().optional(),
});
export type AgentOverride = z.infer<typeof AgentOverride>;

/** An agent as loaded: its role, its settings and its prompt. */
export interface Agent {
  role: AgentRole;
  settings: AgentFrontMatter;
  prompt: string;
}
