/**
 * The builtin engine behind the real gateway while providers are limited or down: the work goes on with the
 * other provider on the same transcript, nothing is done twice, and what cannot go on ends as an outage.
 */
import { mkdtempSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, expect, jest, test } from '@jest/globals';
import { runLoop } from '../../jobs/engines/builtin/loop.ts';
import type { LoopResult } from '../../jobs/engines/builtin/loop-input.ts';
import { buildRoute } from '../../jobs/engines/builtin/route.ts';
import { selectTools } from '../../jobs/tools/all.ts';
import { parseConversation } from '../../sandbox/model/parse.ts';
import type { Conversation, Fault, Script } from '../../sandbox/model/types.ts';
import { startGatewayWorld, TOKEN, type GatewayWorld } from '../support/gateway.ts';
import { makeSpec, NOBODY, removeTree } from './jobs-standin.ts';

jest.setTimeout(60_000);

let world: GatewayWorld | undefined;
let root = '';

afterEach(async () => {
  await world?.close();
  world = undefined;
  removeTree(root);
});

/** Four turns: three lines, one after the other, then the end. */
const script: Script = {
  name: 'lines',
  matches: () => true,
  answer: (_, turn) =>
    turn <= 3
      ? {
          text: `Line ${turn}.`,
          toolCalls: [{ name: 'run_command', arguments: { command: `echo ${turn} >> lines.txt` } }],
        }
      : { toolCalls: [{ name: 'finish', arguments: { outcome: 'done', summary: 'Written.' } }] },
};

interface Played {
  result: LoopResult;
  notes: string[];
  seconds: number;
}

async function play(
  before: (turn: number, conversation: Conversation) => Fault | undefined,
  options: { scripts?: Script[]; turns?: number } = {},
): Promise<Played> {
  root = realpathSync(mkdtempSync(path.join(tmpdir(), 'autodev-fallback-')));
  writeFileSync(path.join(root, 'lines.txt'), '');
  const base = options.scripts ?? [script];
  const faulty = base.map((one): Script => ({
    ...one,
    answer: async (conversation, turn) => {
      const fault = before(turn, conversation);
      return { ...(await one.answer(conversation, turn)), ...(fault ? { fault } : {}) };
    },
  }));
  world = await startGatewayWorld({ scripts: faulty });
  world.ledger.capMicrousd = Number.MAX_SAFE_INTEGER;
  const spec = makeSpec('openai', { turns: options.turns ?? 10 });
  const notes: string[] = [];
  const { models } = buildRoute(
    [
      { provider: 'openai', model: 'scripted' },
      { provider: 'anthropic', model: 'scripted' },
    ],
    { gateway: world.url, token: TOKEN, onRequest: () => undefined },
  );
  const startedAt = performance.now();
  const result = await runLoop({
    spec,
    opening: 'Write three lines.',
    models,
    tools: selectTools(spec),
    context: {
      root,
      resultBytes: spec.limits.toolResultBytes,
      commandSeconds: 5,
      env: { PATH: process.env['PATH'] ?? '', HOME: root, LANG: 'C', TMPDIR: tmpdir() },
      self: [process.execPath, path.join(process.cwd(), 'jobs/main.ts')],
      signal: AbortSignal.timeout(50_000),
      ...NOBODY,
      onCommand: () => undefined,
    },
    takeMessages: () => [],
    events: {
      turn: () => undefined,
      tool: () => undefined,
      note: (text) => notes.push(text),
    },
    now: Date.now,
  });
  return { result, notes, seconds: (performance.now() - startedAt) / 1000 };
}

const OPENAI_AT_3 =
  (fault: Fault) =>
  (turn: number, { provider }: Conversation): Fault | undefined =>
    provider === 'openai' && turn >= 3 ? fault : undefined;

test.each<[string, Fault, string]>([
  ['429 with Retry-After', { status: 429, headers: { 'retry-after': '600' } }, 'rate_limit'],
  ['429 without a time', { status: 429 }, 'rate_limit'],
  ['529 for a minute', { status: 529, headers: { 'retry-after': '60' } }, 'overload'],
  ['no quota', { status: 429, body: { error: { code: 'insufficient_quota' } } }, 'quota'],
  ['a key that is refused', { status: 401 }, 'key'],
])('%s at the third turn: the other provider goes on', async (_, fault, reason) => {
  const { result, seconds } = await play(OPENAI_AT_3(fault));
  expect(result).toMatchObject({
    outcome: 'finished',
    turns: 4,
    toolCalls: 4,
    model: 'anthropic/scripted',
  });
  expect(seconds).toBeLessThan(20);
  expect(readFileSync(path.join(root, 'lines.txt'), 'utf8')).toBe('1\n2\n3\n');
  const calls = world?.model.requests ?? [];
  expect(calls.map(({ conversation }) => conversation?.provider)).toEqual([
    ...['openai', 'openai', 'openai'],
    ...['anthropic', 'anthropic'],
  ]);
  // The other provider is told, word for word, what the first one had been told.
  const [refused, first] = calls.slice(2).map((call) => call.conversation);
  const { messages, system, turn } = parseConversation('responses', calls[2]?.body);
  expect({ messages: refused?.messages, turn: 3 }).toEqual({ messages, turn });
  expect(withoutIds(first?.messages)).toBe(withoutIds(messages));
  expect(first?.system).toBe(system);
  expect(first?.tools.map(({ name }) => name)).toEqual(refused?.tools.map(({ name }) => name));
  expect(world?.ledger.met).toMatchObject([
    { route: { provider: 'openai', model: 'scripted' }, cooled: { reason } },
  ]);
});

/** Whether a tool failed is told to one of the two APIs only. */
function withoutIds(messages: Conversation['messages'] | undefined): string {
  return JSON.stringify(messages, (key, value: unknown) => (key === 'isError' ? false : value));
}

test.each<[string, Fault]>([
  ['overloaded_error as the first event of a 200', { errorEventAt: 0 }],
  ['500', { status: 500, headers: { 'retry-after-ms': '100' } }],
])('%s that passes is waited for, on the same model', async (_, fault) => {
  let left = 1;
  const { result } = await play((turn, { provider }) => {
    if (provider !== 'openai' || turn !== 2 || left === 0) return undefined;
    left -= 1;
    return fault;
  });
  expect(result).toMatchObject({ outcome: 'finished', turns: 4, model: 'openai/scripted' });
  expect(readFileSync(path.join(root, 'lines.txt'), 'utf8')).toBe('1\n2\n3\n');
});

test('when both cool down, a near reset is waited for; the first to open goes on', async () => {
  const faults = {
    openai: { status: 429, headers: { 'retry-after': '600' } },
    anthropic: { status: 429, headers: { 'retry-after': '6' } },
  };
  let left = 1;
  const { result, notes } = await play((turn, { provider }) => {
    if (turn < 3) return undefined;
    if (provider === 'openai') return faults.openai;
    return left-- > 0 ? faults.anthropic : undefined;
  });
  expect(result).toMatchObject({ outcome: 'finished', model: 'anthropic/scripted' });
  expect(notes.join('\n')).toMatch(/every model cools down; waiting [56] s for a reset/);
});

test('when the first reset is far, the task ends as an outage with the time', async () => {
  const { result } = await play((turn, { provider }) => {
    if (turn < 3) return undefined;
    return {
      status: 429,
      headers: { 'retry-after': provider === 'openai' ? '1200' : '1800' },
    };
  });
  expect(result).toMatchObject({ outcome: 'outage', turns: 3, summary: 'Line 2.' });
  expect(result.cause).toMatch(/^Every model is left alone until 20\d\d-.*Z\. anthropic\/scripted/);
  const time = Date.parse(/until (\S+Z)\./.exec(result.cause)?.[1] ?? '');
  expect(time - Date.now()).toBeGreaterThan(1_150_000);
  expect(time - Date.now()).toBeLessThan(1_210_000);
});

test('with three answers in ten failing, every line is written once and in order (threat R15)', async () => {
  let seed = 42;
  const chance = (): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
    return seed / 2 ** 31;
  };
  const many: Script = {
    ...script,
    answer: (_, turn) =>
      turn <= 40
        ? {
            toolCalls: [
              { name: 'run_command', arguments: { command: `echo ${turn} >> lines.txt` } },
            ],
          }
        : { toolCalls: [{ name: 'finish', arguments: { outcome: 'done', summary: 'All.' } }] },
  };
  let failures = 0;
  const { result } = await play(
    () => {
      if (chance() > 0.3) return undefined;
      failures += 1;
      return { status: chance() > 0.5 ? 429 : 529, headers: { 'retry-after-ms': '20' } };
    },
    { scripts: [many], turns: 60 },
  );
  expect(failures).toBeGreaterThan(10);
  expect(result).toMatchObject({ outcome: 'finished', turns: 41 });
  const lines = Array.from({ length: 40 }, (_, i) => `${i + 1}\n`).join('');
  expect(readFileSync(path.join(root, 'lines.txt'), 'utf8')).toBe(lines);
});
