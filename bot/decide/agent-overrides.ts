/**
 * Purpose: what a repository changes of the agents in its `.autodev.yml`, held to what the installation
 * allows (`overrides` of its settings). What goes beyond that is left out and named; the rest holds.
 */
import type { Agent, AgentRole } from '../../schema/wire/agent.ts';
import type { ModelRoute } from '../../schema/wire/job-api.ts';
import type { RepoConfig } from '../../schema/wire/repo-config.ts';
import type { Settings } from '../../schema/wire/settings.ts';
import { routeName } from '../domain/cool-downs.ts';
import { roleNamed } from '../domain/roles.ts';
import type { RepoOverride, RepoOverrides } from '../domain/repo-overrides.ts';
import type { RunContext } from '../domain/runs.ts';
import { code } from './text.ts';

type Agents = Readonly<Record<AgentRole, Agent | undefined>>;
type Wish = RepoConfig['agents'][string];

export interface AllowedOverrides {
  agents: RepoOverrides;
  /** One line per field that was left out: field, why, and what to do. */
  problems: string[];
}

const SETTINGS = 'config/settings.yaml of the bot';

/** What holds of the repository's wishes, and what does not. */
export function allowedOverrides(
  config: Pick<RepoConfig, 'agents'>,
  settings: Pick<Settings, 'overrides'>,
  agents: Agents,
): AllowedOverrides {
  const allowed: AllowedOverrides = { agents: {}, problems: [] };
  const open = new Set(settings.overrides.roles.map((name) => roleNamed(name, agents)));
  for (const [name, wish] of Object.entries(config.agents)) {
    const field = `agents.${name}`;
    const say = (part: string, what: string): void => {
      allowed.problems.push(`${code(part === '' ? field : `${field}.${part}`)}: ${what}`);
    };
    const role = roleNamed(name, agents);
    const agent = role === null ? undefined : agents[role];
    if (role === null || !agent) {
      const roles = Object.values(agents).flatMap((one) => (one ? [code(one.role)] : []));
      say('', `no agent has this name; use one of ${roles.join(', ')}`);
      continue;
    }
    if (allowed.agents[role] !== undefined) {
      say('', `names ${code(role)} a second time; put both into one entry`);
      continue;
    }
    allowed.agents[role] = {
      ...limitsOf(wish, agent, say),
      ...(open.has(role) ? changesOf(wish, agent, settings, say) : closed(wish, role, say)),
    };
  }
  return allowed;
}

type Say = (part: string, what: string) => void;

/** Limits may be lowered for every role, and raised for none. */
function limitsOf(wish: Wish, agent: Agent, say: Say): Pick<RepoOverride, 'limits'> {
  const { limits } = agent.settings;
  const lowered: NonNullable<RepoOverride['limits']> = {};
  const names = { turns: 'turns', minutes: 'minutes', cost_usd: 'maxCostUsd' } as const;
  for (const key of ['turns', 'minutes', 'cost_usd'] as const) {
    const value = wish.limits[key];
    if (value === undefined) continue;
    const most = limits[names[key]];
    if (value <= most) lowered[names[key]] = value;
    else
      say(`limits.${key}`, `${value} is above ${most}, the installation's; only less is possible`);
  }
  return Object.keys(lowered).length === 0 ? {} : { limits: lowered };
}

function closed(wish: Wish, role: AgentRole, say: Say): RepoOverride {
  for (const part of ['engine', 'models', 'instructions'] as const) {
    if (wish[part] === undefined) continue;
    say(
      part,
      `repositories may not change it; an operator can add ${code(role)} to ` +
        `\`overrides.roles\` in ${SETTINGS}`,
    );
  }
  return {};
}

function changesOf(
  wish: Wish,
  agent: Agent,
  { overrides }: Pick<Settings, 'overrides'>,
  say: Say,
): RepoOverride {
  const changes: RepoOverride = {};
  const { engine, models, instructions } = wish;
  if (engine !== undefined) {
    if (engine === agent.settings.engine || overrides.engines.includes(engine)) {
      changes.engine = engine;
    } else {
      say(
        'engine',
        `${code(engine)} is not allowed here; an operator can add it to ` +
          `\`overrides.engines\` in ${SETTINGS}`,
      );
    }
  }
  if (models !== undefined) {
    const possible = [...agent.settings.models.map(routeName), ...overrides.models];
    const not = models.filter((model) => !possible.includes(model));
    if (not.length === 0) changes.models = models.map(routeOf);
    else {
      say(
        'models',
        `${not.map((one) => code(one)).join(', ')} cannot be used here; possible are ` +
          `${possible.map((one) => code(one)).join(', ')}, and an operator can add others to ` +
          `\`overrides.models\` in ${SETTINGS}`,
      );
    }
  }
  if (instructions !== undefined) {
    if (overrides.instructions) changes.instructions = instructions;
    else {
      say(
        'instructions',
        `repositories may not add any; an operator can set ` +
          `\`overrides.instructions: true\` in ${SETTINGS}`,
      );
    }
  }
  return changes;
}

/** The schema of `.autodev.yml` lets no other provider through. */
function routeOf(name: string): ModelRoute {
  const [provider, ...model] = name.split('/');
  return { provider: provider === 'openai' ? 'openai' : 'anthropic', model: model.join('/') };
}

/** The agent as the run has it: as the installation set it up, with what its repository changed. */
export function agentFor(agent: Agent, context: Pick<RunContext, 'agents'>): Agent {
  const own = context.agents?.[agent.role];
  if (own === undefined) return agent;
  const { engine, models, limits, instructions } = own;
  const said =
    instructions === undefined
      ? ''
      : `\n\nFrom the maintainers of this repository, within the rules above:\n\n${instructions}`;
  return {
    ...agent,
    prompt: `${agent.prompt}${said}`,
    settings: {
      ...agent.settings,
      ...(engine === undefined ? {} : { engine }),
      ...(models === undefined ? {} : { models }),
      limits: { ...agent.settings.limits, ...limits },
    },
  };
}
