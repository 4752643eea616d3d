/** Agents as settings and AUTODEV_LLM_PROVIDER make them. */
import { expect, test } from '@jest/globals';
import { loadInstallationAgents } from '../../bot/config/agent-overrides.ts';
import { readEnv } from '../../bot/config/env.ts';
import { loadSettings } from '../../bot/config/settings.ts';
import { Settings } from '../../schema/wire/settings.ts';

const SHIPPED = loadSettings('config/settings.yaml');
const load = (patch: object, forced: 'openai' | 'anthropic' | null = null) =>
  loadInstallationAgents('config/agents', Settings.parse({ ...SHIPPED, ...patch }), {
    settingsFile: 'settings.yaml',
    forced,
  });

test('settings change engine, models and limits, by role or alias', () => {
  const models = [{ provider: 'openai', model: 'gpt-6.1-sol' }];
  const agents = load({ agents: { Engineer: { engine: 'codex', models, limits: { turns: 7 } } } });
  expect(agents.builder?.settings).toMatchObject({ engine: 'codex', models, limits: { turns: 7 } });
  const before = load({}).builder?.settings.limits;
  expect(agents.builder?.settings.limits).toEqual({ ...before, turns: 7 });
});

test.each<[string, object, RegExp]>([
  ['no agent', { agents: { cook: {} } }, /agents\.cook: no agent is called cook; use one of/],
  [
    'a model without a price',
    { agents: { builder: { models: [{ provider: 'openai', model: 'x' }] } } },
    /openai\/x has no price/,
  ],
  ['a role to open', { overrides: { roles: ['cook'] } }, /overrides\.roles\.0: no agent/],
  ['a model to open', { overrides: { models: ['openai/x'] } }, /overrides\.models\.0: openai\/x/],
])('%s that does not exist is named with file and field', (_, patch, says) => {
  expect(() => load(patch)).toThrow(says);
});

test('a provider is forced on every agent', () => {
  const agents = load({}, 'openai');
  for (const agent of Object.values(agents)) {
    expect(new Set(agent?.settings.models.map(({ provider }) => provider))).toEqual(
      new Set(['openai']),
    );
  }
});

test('an agent without a model of it is an error at the start, with the fix', () => {
  const models = [{ provider: 'anthropic', model: 'claude-sonnet-5-5' }];
  expect(() => load({ agents: { builder: { models } } }, 'openai')).toThrow(
    /AUTODEV_LLM_PROVIDER is openai, but builder has no model of it; name one under agents\.builder/,
  );
});

const ENV = {
  AUTODEV_GITLAB_URL: 'https://gitlab.example.com',
  AUTODEV_GITLAB_TOKEN: 'glpat-x',
  AUTODEV_WEBHOOK_SECRET: 'x'.repeat(16),
};

test('AUTODEV_LLM_PROVIDER wants a provider that exists and has a key', () => {
  const problem = (env: Record<string, string>): string => {
    const result = readEnv({ ...ENV, ...env });
    return result.ok ? String(result.config.llmProvider) : JSON.stringify(result.problems);
  };
  expect(problem({})).toBe('null');
  expect(problem({ AUTODEV_LLM_PROVIDER: 'openai', OPENAI_API_KEY: 'k' })).toBe('openai');
  expect(problem({ AUTODEV_LLM_PROVIDER: 'openai', ANTHROPIC_API_KEY: 'k' })).toMatch(
    /is openai, but OPENAI_API_KEY is not set/,
  );
  expect(problem({ AUTODEV_LLM_PROVIDER: 'google' })).toMatch(/use one of openai, anthropic/);
});
