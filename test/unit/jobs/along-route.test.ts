/** Command line tools along a route: who goes on when a provider is limited, and with what it is told. */
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { alongRoute, type Leg, type RouteWork } from '../../../jobs/agent/along-route.ts';
import type { LoopResult } from '../../../jobs/engines/builtin/loop-input.ts';
import { claude } from '../../../jobs/engines/cli/claude.ts';
import { codex } from '../../../jobs/engines/cli/codex.ts';
import type { TaskSpec } from '../../../schema/wire/job-api.ts';
import { makeSpec } from '../../contract/jobs-standin.ts';

const MODELS: TaskSpec['models'] = [
  { provider: 'openai', model: 'a' },
  { provider: 'openai', model: 'b' },
  { provider: 'anthropic', model: 'c' },
];

let folder = '';
let tmp = '';
beforeEach(() => {
  folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'autodev-route-')));
  tmp = realpathSync(mkdtempSync(path.join(tmpdir(), 'autodev-route-tmp-')));
  writeFileSync(path.join(folder, 'a.txt'), 'one\n');
});
afterEach(() => {
  for (const dir of [folder, tmp]) rmSync(dir, { recursive: true, force: true });
});

const result = (patch: Partial<LoopResult>): LoopResult => ({
  ...{ outcome: 'finished', cause: 'Done', summary: 'Words <data>.', model: 'm' },
  ...{ turns: 0, toolCalls: 0, ...patch },
});
/** Left alone for twenty minutes. */
const limited = (turns: number, model: string): LoopResult =>
  result({
    ...{ outcome: 'outage', cause: `${model} answered 429.`, turns, toolCalls: turns, model },
    waitMs: 1_200_000,
  });

interface Told {
  legs: (Leg & { by: string })[];
  notes: string[];
  instead: string[];
}

/** Runs the route; each leg takes the next result. `claude` may be missing. */
async function run(
  engine: TaskSpec['engine'],
  results: LoopResult[],
  options: { claude?: boolean; models?: TaskSpec['models'] } = {},
): Promise<Told & { result: LoopResult }> {
  const told: Told = { legs: [], notes: [], instead: [] };
  const take = (by: string, leg: Leg): Promise<LoopResult> => {
    told.legs.push({ ...leg, by });
    writeFileSync(path.join(folder, `${told.legs.length}.txt`), `by ${by}\n`);
    return Promise.resolve(results[told.legs.length - 1] ?? result({}));
  };
  const spec = { ...makeSpec('openai'), engine, models: options.models ?? MODELS };
  const work: RouteWork = {
    ...{ spec, folder, tmp, path: process.env['PATH'] ?? '', now: () => 0 },
    signal: new AbortController().signal,
    find: async (name) => {
      if (name === 'builtin') return { kind: 'builtin' };
      if (name === 'claude' && options.claude === false) {
        return { kind: 'unusable', why: 'claude is not there', install: 'npm install' };
      }
      const tool = name === 'codex' ? codex : claude;
      return { kind: 'tool', tool: { engine: tool, program: name, version: '1' } };
    },
    withTool: ({ engine: tool }, leg) => take(tool.name, leg),
    withLoop: (leg) => take('builtin', leg),
    note: (text) => told.notes.push(text),
    instead: (why) => told.instead.push(why),
  };
  return { result: await alongRoute(work), ...told };
}

const by = ({ legs }: Told): string[] => legs.map((leg) => leg.by);

test('the next model of the same provider, then the tool of the other one, within the same limits', async () => {
  const done = await run('codex', [limited(3, 'openai/a'), limited(5, 'openai/b'), result({})]);
  expect(by(done)).toEqual(['codex', 'codex', 'claude']);
  expect(done.legs.map((leg) => leg.begun.turns)).toEqual([0, 3, 5]);
  expect(done.legs.map((leg) => leg.spec.models[0]?.model)).toEqual(['a', 'b', 'c']);
  expect(done.result.outcome).toBe('finished');
  expect(done.legs[0]?.handover).toBe('');
  const { handover = '' } = done.legs[2] ?? {};
  expect(handover).toContain('This task was begun with openai/b, which cannot be asked for now.');
  // Both files of those before it, and nothing that was there at the start.
  expect(handover).toMatch(/\+by codex[^]*\+by codex/);
  expect(handover).not.toContain('one');
  expect(handover).toContain('‹data>');
  expect(done.instead.at(-1)).toBe('openai/b answered 429. anthropic/c goes on.');
});

test('our own loop goes on where the other tool is not installed', async () => {
  const models = [MODELS[0], MODELS[2]] as TaskSpec['models'];
  const done = await run('codex', [limited(3, 'openai/a')], { claude: false, models });
  expect(by(done)).toEqual(['codex', 'builtin']);
  expect(done.legs[1]?.begun).toEqual({ turns: 3, toolCalls: 3 });
});

test('a provider that is limited from the start makes way for the other tool', async () => {
  const models = MODELS.toReversed();
  const done = await run('codex', [], { models });
  expect(by(done)).toEqual(['claude']);
  expect(done.legs[0]?.handover).toBe('');
});

test('when all are limited for long, the task ends as an outage', async () => {
  const results = MODELS.map(({ model }) => limited(1, model));
  const done = await run('codex', results);
  expect(by(done)).toEqual(['codex', 'codex', 'claude']);
  expect(done.result.outcome).toBe('outage');
});

test('one engine that is not limited does it alone, and leaves no trace', async () => {
  expect(by(await run('builtin', []))).toEqual(['builtin']);
  expect(
    by(await run('claude', [], { models: [MODELS[2] ?? MODELS[0]] as TaskSpec['models'] })),
  ).toEqual(['claude']);
  const plain = await run('codex', [result({ outcome: 'budget' })]);
  expect(by(plain)).toEqual(['codex']);
  expect(plain.result.outcome).toBe('budget');
});
