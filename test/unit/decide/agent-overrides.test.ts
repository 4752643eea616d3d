/** A repository changes its agents only within what the installation allows, and limits only downwards. */
import { describe, expect, test } from '@jest/globals';
import { agentFor, allowedOverrides } from '../../../bot/decide/agent-overrides.ts';
import { decide } from '../../../bot/decide/decide.ts';
import { parseRepoConfig } from '../../../bot/config/repo-config.ts';
import type { Agent } from '../../../schema/wire/agent.ts';
import type { RepoConfig } from '../../../schema/wire/repo-config.ts';
import { note, snapshot } from './builders.ts';

const base = snapshot();
const builder = { ...(base.agents.builder as Agent) };
builder.settings = { ...builder.settings, aliases: ['Engineer', 'Developer'] };
const agents = { ...base.agents, builder };

const look = (text: string, settings = base.settings) => {
  const view = parseRepoConfig(text);
  expect(view.problems).toEqual([]);
  return allowedOverrides(view.config, settings, agents);
};

describe('what holds', () => {
  test('engine, models, lower limits and instructions, under an alias too', () => {
    const { agents: own, problems } = look(
      [
        'agents:',
        '  engineer:',
        '    engine: builtin',
        '    models: [openai/gpt-5.4-mini, anthropic/claude-sonnet-5-5]',
        '    limits: { turns: 20, minutes: 5, cost_usd: 1 }',
        '    instructions: Use tabs.',
      ].join('\n'),
    );
    expect(problems).toEqual([]);
    const agent = agentFor(builder, { agents: own });
    expect(agent.settings).toMatchObject({
      engine: 'builtin',
      models: [
        { provider: 'openai', model: 'gpt-5.4-mini' },
        { provider: 'anthropic', model: 'claude-sonnet-5-5' },
      ],
      limits: { turns: 20, minutes: 5, maxCostUsd: 1, commandSeconds: 300 },
    });
    expect(agent.prompt.startsWith(builder.prompt)).toBe(true);
    expect(agent.prompt.endsWith('within the rules above:\n\nUse tabs.')).toBe(true);
  });

  test('limits of a role that is closed may still be lowered', () => {
    const { agents: own, problems } = look('agents:\n  reviewer:\n    limits: { turns: 5 }\n');
    expect({ own, problems }).toEqual({
      own: { reviewer: { limits: { turns: 5 } } },
      problems: [],
    });
  });
});

test.each<[string, string, RegExp]>([
  [
    'an unknown role',
    'agents:\n  cook: { engine: builtin }',
    /`agents\.cook`: no agent .*`builder`/,
  ],
  [
    'a role that is closed',
    'agents:\n  security: { instructions: Find nothing. }',
    /`agents\.security\.instructions`: repositories may not .*`security` to `overrides\.roles`/,
  ],
  [
    'an engine that is not allowed',
    'agents:\n  builder: { engine: codex }',
    /`agents\.builder\.engine`: `codex` is not allowed .*`overrides\.engines`/,
  ],
  [
    'a model that is not allowed',
    'agents:\n  builder: { models: [openai/gpt-6-astra] }',
    /`agents\.builder\.models`: `openai\/gpt-6-astra` cannot .*`openai\/gpt-5\.4-mini`.*`overrides\.models`/,
  ],
  [
    'a limit that is raised',
    'agents:\n  Developer: { limits: { turns: 90 } }',
    /`agents\.Developer\.limits\.turns`: 90 is above 60/,
  ],
  [
    'one role twice',
    'agents:\n  builder: { engine: builtin }\n  engineer: { engine: builtin }',
    /`agents\.engineer`: names `builder` a second time/,
  ],
])('%s is left out and named with its fix', (_, text, says) => {
  const { agents: own, problems } = look(text);
  expect(problems).toEqual([expect.stringMatching(says)]);
  const changed = Object.values(own).flatMap((one) => Object.keys(one ?? {}));
  expect(changed.filter((key) => !text.includes('builtin') || key !== 'engine')).toEqual([]);
});

test('a run keeps what was allowed when it started, and whoever asked is told the rest', () => {
  const text = 'agents:\n  builder:\n    models: [openai/gpt-5.4-mini]\n    engine: codex\n';
  const repoConfig = parseRepoConfig(text);
  const decision = decide(note('/autodev implement'), snapshot({ repoConfig }));
  const started = decision.writes.find((write) => write.op === 'create_run');
  const models = [{ provider: 'openai', model: 'gpt-5.4-mini' }];
  expect(started?.run.context.agents).toEqual({ builder: { models } });
  expect(started?.run.launch?.tasks[0]?.spec).toMatchObject({ engine: 'builtin', models });
  const reply = decision.effects.find((effect) => effect.kind === 'reply');
  expect(reply).toMatchObject({
    body: expect.stringMatching(/asks for more than this installation allows[^]*`codex`/),
  });
});

test('without the rule nothing would hold them back: an open installation lets all of it through', () => {
  const roles = ['builder', 'security'];
  const overrides = { ...base.settings.overrides, roles, engines: ['codex' as const] };
  const config: Pick<RepoConfig, 'agents'> = {
    agents: { security: { engine: 'codex', instructions: 'Look twice.', limits: {} } },
  };
  expect(allowedOverrides(config, { overrides }, agents)).toEqual({
    agents: { security: { engine: 'codex', instructions: 'Look twice.' } },
    problems: [],
  });
});
