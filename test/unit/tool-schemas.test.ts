/** What each agent's model is told of its tools: the same for all of its tasks, and strict enough for OpenAI. */
import { describe, expect, test } from '@jest/globals';
import { loadAgents } from '../../bot/config/settings.ts';
import { reportsOf } from '../../bot/decide/tasks.ts';
import { TASKS } from '../../bot/domain/task-types.ts';
import { strictSchema, type Schema } from '../../jobs/engines/strict-schema.ts';
import { selectTools } from '../../jobs/tools/all.ts';
import { toolSpec } from '../../jobs/tools/tool.ts';
import type { Agent, TaskType } from '../../schema/wire/agent.ts';

const agents = Object.values(loadAgents('config/agents')).filter((agent) => agent !== undefined);

/** Limits of structured outputs as OpenAI documents them. */
const MOST = { properties: 5_000, depth: 10, chars: 120_000, enums: 1_000 };
const UNKNOWN = ['default', 'oneOf', 'allOf', 'not', '$ref', '$schema', 'patternProperties'];

function told(agent: Agent, task: TaskType, reports = reportsOf(agent)) {
  const { tools } = agent.settings;
  return selectTools({ tools, report: TASKS[task].report, reports }).map(toolSpec);
}

describe.each(agents.map((agent) => [agent.role, agent] as const))('%s', (_, agent) => {
  test('is told the same of its tools whatever the task', () => {
    const all = agent.settings.tasks.map((task) => JSON.stringify(told(agent, task)));
    expect(new Set(all).size).toBe(1);
  });

  test('its schemas keep within what strict mode takes', () => {
    const [task] = agent.settings.tasks;
    const parts = { properties: 0, depth: 0, chars: 0, enums: 0 };
    for (const { parameters } of told(agent, task as TaskType)) {
      const strict = strictSchema(parameters);
      expect(strict).toMatchObject({ type: 'object', additionalProperties: false });
      measure(strict, 1, parts);
    }
    for (const [name, most] of Object.entries(MOST)) {
      expect({ [name]: parts[name as keyof typeof MOST] <= most }).toEqual({ [name]: true });
    }
  });
});

test('without the kinds of the role its tasks would be told different things', () => {
  const several = agents.filter((agent) => reportsOf(agent).length > 1);
  expect(several.length).toBeGreaterThan(0);
  for (const agent of several) {
    const all = agent.settings.tasks.map((task) => JSON.stringify(told(agent, task, [])));
    expect(new Set(all).size).toBeGreaterThan(1);
  }
});

/** Adds up what a schema holds; every object must close itself and require all it names. */
function measure(schema: Schema, depth: number, parts: Record<string, number>): void {
  for (const word of UNKNOWN) expect(schema).not.toHaveProperty([word]);
  const add = (name: string, more: number): void => void (parts[name] = (parts[name] ?? 0) + more);
  parts['depth'] = Math.max(parts['depth'] ?? 0, depth);
  for (const value of (schema['enum'] as unknown[] | undefined) ?? []) {
    add('enums', 1);
    add('chars', String(value).length);
  }
  add('chars', String(schema['const'] ?? '').length);
  for (const choice of (schema['anyOf'] as Schema[] | undefined) ?? [])
    measure(choice, depth, parts);
  if (schema['items'] !== undefined) measure(schema['items'] as Schema, depth + 1, parts);
  if (schema['type'] !== 'object') return;
  const properties = (schema['properties'] ?? {}) as Record<string, Schema>;
  expect(schema['additionalProperties']).toBe(false);
  expect(schema['required']).toEqual(Object.keys(properties));
  for (const [name, inner] of Object.entries(properties)) {
    add('properties', 1);
    add('chars', name.length);
    measure(inner, depth + 1, parts);
  }
}
