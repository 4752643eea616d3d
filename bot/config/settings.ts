/** Loads config/settings.yaml and config/agents/*.md, the installation's own settings. */
import { readFileSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parse } from 'yaml';
import type { z } from 'zod';
import {
  AgentFrontMatter,
  AgentRole,
  type Agent,
  type OutputVerb,
} from '../../schema/wire/agent.ts';
import { Settings } from '../../schema/wire/settings.ts';
import type { Workflow } from '../../schema/wire/workflow.ts';
import { builds, TASKS } from '../domain/task-types.ts';
import { SettingsError } from './settings-error.ts';
import { parseWorkflow, type Agents } from './workflows.ts';

const FRONT_MATTER = /^---\n([\s\S]*?)\n---\n([\s\S]*)$/;

/**
 * Reads the settings file.
 * @throws SettingsError naming every wrong field.
 */
export function loadSettings(file: string): Settings {
  return check(Settings, readYaml(file, read(file)), file);
}

/**
 * Reads every agent of a folder, keyed by role (the file's name).
 * @throws SettingsError for an unknown role, bad front matter or an empty prompt.
 */
export function loadAgents(dir: string): Record<AgentRole, Agent | undefined> {
  const agents = {} as Record<AgentRole, Agent | undefined>;
  for (const name of readdirSync(dir).filter((entry) => entry.endsWith('.md'))) {
    const file = join(dir, name);
    const role = AgentRole.safeParse(basename(name, '.md'));
    if (!role.success) {
      throw new SettingsError(
        `${file}: no role has this name; use one of ${AgentRole.options.join(', ')}`,
      );
    }
    const parts = FRONT_MATTER.exec(read(file).replaceAll('\r\n', '\n'));
    const [, head, body] = parts ?? [];
    if (head === undefined || body === undefined || body.trim() === '') {
      throw new SettingsError(
        `${file}: wants front matter between --- lines and a prompt below it`,
      );
    }
    const settings = check(AgentFrontMatter, readYaml(file, head), file);
    const problem = unfit(settings, body);
    if (problem !== null) throw new SettingsError(`${file}: ${problem}`);
    agents[role.data] = { role: role.data, settings, prompt: body.trim() };
  }
  return agents;
}

/** What does not fit together although each part is well formed; null when all does. */
function unfit(settings: AgentFrontMatter, prompt: string): string | null {
  for (const task of settings.tasks) {
    const verbs: OutputVerb[] = [
      ...(builds(task) ? (['changes'] as const) : []),
      ...(TASKS[task].report === 'none' ? [] : (['report'] as const)),
    ];
    const missing = verbs.find((verb) => !settings.output.includes(verb));
    if (missing !== undefined) return `${task} brings ${missing}; add it to \`output\``;
    if (builds(task) && !settings.tools.includes('edit_file')) {
      return `${task} changes files; add edit_file to \`tools\``;
    }
  }
  const named = [...prompt.matchAll(/\{\{([^{}\n]{0,60})\}\}/g)].map(([, name]) => name ?? '');
  const declared: readonly string[] = settings.variables;
  const strange = named.find((name) => !declared.includes(name));
  if (strange !== undefined) return `the prompt names {{${strange}}}; declare it in \`variables\``;
  const unused = declared.find((name) => !named.includes(name));
  return unused === undefined ? null : `the variable ${unused} is declared and never named`;
}

/**
 * Reads every workflow template of a folder, keyed by name (the file's name), for the agents that
 * are set up.
 * @throws SettingsError naming file and line of an unknown stage, agent or field, and of a task that
 * its agent does not take.
 */
export function loadWorkflows(
  dir: string,
  agents: Agents = {},
): Record<string, Workflow | undefined> {
  const workflows: Record<string, Workflow | undefined> = {};
  for (const name of readdirSync(dir).filter((entry) => entry.endsWith('.yaml'))) {
    const file = join(dir, name);
    const workflow = parseWorkflow(read(file), file, agents);
    if (workflow.name !== basename(name, '.yaml')) {
      throw new SettingsError(
        `${file}: is named ${workflow.name}; call the file ${workflow.name}.yaml`,
      );
    }
    workflows[workflow.name] = workflow;
  }
  return workflows;
}

/**
 * Every model an agent may use must have a price, or its budget could not be kept.
 * @throws SettingsError naming agent and model.
 */
export function checkRoutes(
  settings: Settings,
  agents: Readonly<Record<AgentRole, Agent | undefined>>,
): void {
  for (const agent of Object.values(agents)) {
    for (const { provider, model } of agent?.settings.models ?? []) {
      if (settings.prices[provider][model]) continue;
      throw new SettingsError(
        `config/agents/${agent?.role}.md: ${provider}/${model} has no price; ` +
          `add it under prices.${provider} in config/settings.yaml`,
      );
    }
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new SettingsError(`${file}: cannot be read; check the path and the file's rights`, {
      cause,
    });
  }
}

function readYaml(file: string, text: string): unknown {
  try {
    return parse(text, { maxAliasCount: 0 });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.split('\n')[0] : String(cause);
    throw new SettingsError(`${file}: is not valid YAML: ${why}`, { cause });
  }
}

function check<T extends z.ZodType>(schema: T, value: unknown, file: string): z.output<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const lines = result.error.issues.map(
    (issue) => `  ${issue.path.join('.') || '(top level)'}: ${issue.message}`,
  );
  throw new SettingsError(`${file}: wrong settings\n${lines.join('\n')}`);
}
