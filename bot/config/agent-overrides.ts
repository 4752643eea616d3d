/**
 * Agents as the installation wants them: the front matter of config/agents/*.md, changed by `agents` of the
 * settings, held to one provider where AUTODEV_LLM_PROVIDER says so.
 */
import type { Agent, AgentRole } from '../../schema/wire/agent.ts';
import type { Settings } from '../../schema/wire/settings.ts';
import { roleNamed } from '../domain/roles.ts';
import type { ProviderName } from '../domain/cool-downs.ts';
import { SettingsError } from './settings-error.ts';
import { checkRoutes, loadAgents } from './settings.ts';

export type AgentsByRole = Record<AgentRole, Agent | undefined>;

/**
 * Reads the agents and applies what changes them.
 * @throws SettingsError naming file and field of a wrong override, and every agent that has no model of the
 * provider that is forced.
 */
export function loadInstallationAgents(
  dir: string,
  settings: Settings,
  options: { settingsFile: string; forced: ProviderName | null },
): AgentsByRole {
  const changed = overridden(loadAgents(dir), settings, options.settingsFile);
  checkRoutes(settings, changed);
  return options.forced === null ? changed : forcedTo(options.forced, changed);
}

function overridden(agents: AgentsByRole, settings: Settings, file: string): AgentsByRole {
  const changed = { ...agents };
  const wrong: string[] = [];
  const known = (name: string, field: string): AgentRole | null => {
    const role = roleNamed(name, agents);
    if (role === null) {
      const roles = Object.values(agents).flatMap((agent) => agent?.role ?? []);
      wrong.push(`  ${field}: no agent is called ${name}; use one of ${roles.join(', ')}`);
    }
    return role;
  };
  for (const [name, { engine, models, limits }] of Object.entries(settings.agents)) {
    const role = known(name, `agents.${name}`);
    const agent = role === null ? undefined : changed[role];
    if (role === null || !agent) continue;
    changed[role] = {
      ...agent,
      settings: {
        ...agent.settings,
        ...(engine === undefined ? {} : { engine }),
        ...(models === undefined ? {} : { models }),
        limits: { ...agent.settings.limits, ...defined(limits ?? {}) },
      },
    };
  }
  settings.overrides.roles.forEach((name, at) => known(name, `overrides.roles.${at}`));
  settings.overrides.models.forEach((name, at) => {
    const [provider = '', ...model] = name.split('/');
    const { prices } = settings;
    const priced = provider === 'openai' || provider === 'anthropic' ? prices[provider] : {};
    if (Object.hasOwn(priced, model.join('/'))) return;
    wrong.push(
      `  overrides.models.${at}: ${name} has no price; write provider/model of \`prices\``,
    );
  });
  if (wrong.length > 0) throw new SettingsError(`${file}: wrong settings\n${wrong.join('\n')}`);
  return changed;
}

function defined<T extends object>(values: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> };
}

function forcedTo(provider: ProviderName, agents: AgentsByRole): AgentsByRole {
  const forced = { ...agents };
  const without: AgentRole[] = [];
  for (const agent of Object.values(agents)) {
    if (agent === undefined) continue;
    const models = agent.settings.models.filter((route) => route.provider === provider);
    if (models.length === 0) without.push(agent.role);
    forced[agent.role] = { ...agent, settings: { ...agent.settings, models } };
  }
  if (without.length === 0) return forced;
  throw new SettingsError(
    `AUTODEV_LLM_PROVIDER is ${provider}, but ${without.join(', ')} has no model of it; name one under ` +
      `agents.${without[0]}.models in config/settings.yaml, or unset the variable`,
  );
}
