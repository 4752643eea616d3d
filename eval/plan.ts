/** What is tried with what: the tasks' specifications as the bot would make them. */
import { freezeContext } from '../bot/decide/start.ts';
import { makeTask } from '../bot/decide/tasks.ts';
import { NO_SPENDING } from '../bot/domain/budgets.ts';
import type { RunContext } from '../bot/domain/runs.ts';
import type { NewTask } from '../bot/domain/snapshot.ts';
import type { GatewayDeps } from '../bot/gateway/types.ts';
import type { Agent, AgentRole } from '../schema/wire/agent.ts';
import type { EngineName, ModelRoute } from '../schema/wire/job-api.ts';
import { RepoConfig } from '../schema/wire/repo-config.ts';
import type { Settings } from '../schema/wire/settings.ts';
import type { Options } from './options.ts';
import { type EvalTask, TaskError } from './task.ts';

type Providers = GatewayDeps['providers'];

/** The models that the program behind an engine can speak to. */
const PROVIDER_OF: Readonly<Record<EngineName, ModelRoute['provider'] | null>> = {
  builtin: null,
  codex: 'openai',
  claude: 'anthropic',
};

const PROJECT = { path: 'eval/tasks', defaultBranch: 'main' };

export interface Crew {
  settings: Settings;
  agents: Readonly<Record<AgentRole, Agent | undefined>>;
  providers: Providers;
}

/** One try at one task. */
export interface PlannedTry {
  task: EvalTask;
  plan: NewTask;
  /** Which try at this task it is, from 1. */
  run: number;
}

/** What runs of the evaluation are started with: the installation's settings as they are. */
export function contextOf(settings: Settings): RunContext {
  const title = 'Evaluation';
  const subject = { title, description: '', url: 'http://localhost/eval/tasks/-/issues/1' };
  const workflow = { name: 'eval', version: 1, title, stages: [] };
  return freezeContext(subject, workflow, {
    settings,
    repoConfig: { config: RepoConfig.parse({}), problems: [] },
    project: {
      forge: 'gitlab',
      id: 1,
      webUrl: subject.url,
      repoId: 1,
      archived: false,
      ...PROJECT,
    },
    spending: NO_SPENDING,
  });
}

/**
 * The task as its agent gets it: the agent's own prompt, tools and report, with the limits of the task.
 * @throws TaskError when the agent is missing or none of its models can be used.
 */
export function planTask(
  task: EvalTask,
  crew: Crew,
  options: Pick<Options, 'model' | 'engine'>,
): NewTask {
  const agent = crew.agents[task.agent];
  if (agent === undefined) throw new TaskError(`${task.name}: there is no agent ${task.agent}`);
  const engine = options.engine ?? agent.settings.engine;
  const { turns, minutes, usd } = task.limits;
  const limits = { ...agent.settings.limits, turns, minutes, maxCostUsd: usd };
  const chosen: Agent = { ...agent, settings: { ...agent.settings, engine, limits } };
  const models = modelsFor(task, chosen, crew, options.model);
  const context = contextOf(crew.settings);
  const { title, issue: text, failedJobs } = task;
  const facts = { iid: 1, title, text, request: '', failedJobs };
  return makeTask(task.type, { agent: chosen, models }, context, facts, { project: PROJECT });
}

function modelsFor(
  task: EvalTask,
  agent: Agent,
  { settings, providers }: Crew,
  named: ModelRoute | null,
): ModelRoute[] {
  const { engine } = agent.settings;
  const only = PROVIDER_OF[engine];
  const first = (named === null ? agent.settings.models : [named]).find(
    ({ provider }) => (only === null || provider === only) && providers[provider] !== null,
  );
  if (first === undefined) {
    const wanted = only ?? named?.provider ?? 'openai or anthropic';
    throw new TaskError(
      `${task.name}: no model can be used with the engine ${engine}: it needs a key of ${wanted}`,
    );
  }
  if (named !== null && settings.prices[named.provider][named.model] === undefined) {
    throw new TaskError(
      `${named.provider}/${named.model} has no price, so --max-usd could not be kept; add it under ` +
        `prices.${named.provider} in config/settings.yaml`,
    );
  }
  // One model does the work: the figures are about it, not about whoever steps in.
  return [first];
}
