/** The builtin engine over both providers' wire formats: bounds, faults and what the model is told. */
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { mkdtempSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runLoop } from '../../jobs/engines/builtin/loop.ts';
import type { LoopResult } from '../../jobs/engines/builtin/loop-input.ts';
import { buildRoute } from '../../jobs/engines/builtin/route.ts';
import { selectTools } from '../../jobs/tools/all.ts';
import type { ModelRoute, TaskSpec } from '../../schema/wire/job-api.ts';
import {
  anthropicStream,
  ATTEMPT_TOKEN,
  makeSpec,
  NOBODY,
  type ModelBody,
  openaiStream,
  type Provider,
  removeTree,
  type Reply,
  type Standin,
  startStandin,
} from './jobs-standin.ts';

const PROVIDERS: Provider[] = ['openai', 'anthropic'];
let root = '';
let standin: Standin | undefined;

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'autodev-engine-')));
  writeFileSync(join(root, 'a.txt'), 'one\n');
});
afterEach(async () => {
  await standin?.close();
  removeTree(root);
});

interface Options {
  limits?: Partial<TaskSpec['limits']>;
  report?: TaskSpec['report'];
  models?: ModelRoute[];
  messages?: string[][];
  now?: () => number;
  signal?: AbortSignal;
}

async function play(
  provider: Provider,
  script: (n: number, body: ModelBody) => Reply,
  options: Options = {},
): Promise<LoopResult> {
  const report = options.report ?? 'none';
  const spec: TaskSpec = { ...makeSpec(provider, options.limits), report };
  standin = await startStandin(spec, script);
  const { models } = buildRoute(options.models ?? spec.models, {
    gateway: `${standin.url}/gateway`,
    token: ATTEMPT_TOKEN,
    onRequest: () => undefined,
  });
  return runLoop({
    spec,
    opening: 'Do it.',
    models,
    tools: selectTools(spec),
    context: {
      root,
      resultBytes: spec.limits.toolResultBytes,
      commandSeconds: spec.limits.commandSeconds,
      env: { PATH: process.env['PATH'] ?? '', HOME: root, LANG: 'C', TMPDIR: tmpdir() },
      self: [process.execPath, 'jobs/main.ts'],
      signal: options.signal ?? AbortSignal.timeout(60_000),
      ...NOBODY,
      onCommand: () => undefined,
    },
    takeMessages: () => options.messages?.shift() ?? [],
    events: { turn: () => undefined, tool: () => undefined, note: () => undefined },
    now: options.now ?? Date.now,
  });
}

const done: Reply = { calls: [{ name: 'finish', args: { outcome: 'done', summary: 'ok' } }] };
const edit: Reply = {
  text: 'Editing now.',
  calls: [{ name: 'edit_file', args: { path: 'a.txt', old_text: 'one', new_text: 'two' } }],
};
const bodies = (): ModelBody[] => standin?.requests.map((request) => request.body) ?? [];
const lastSeen = (): string => JSON.stringify(bodies().at(-1));

describe.each(PROVIDERS)('%s', (provider) => {
  const stream = provider === 'openai' ? openaiStream(edit) : anthropicStream(edit);
  const ends = provider === 'openai' ? 'event: response.completed' : 'event: message_stop';
  const last = stream.indexOf(ends);
  const positions = [
    0,
    1,
    60,
    ...[0.2, 0.4, 0.6, 0.8, 0.95].map((f) => Math.floor(last * f)),
    last,
  ];

  test.each(positions)(
    'a stream cut after %i bytes is never acted on and tried again',
    async (at) => {
      const seen: string[] = [];
      const result = await play(provider, (n) => {
        seen.push(readFileSync(join(root, 'a.txt'), 'utf8'));
        return n === 0 ? { ...edit, cutAt: at } : n === 1 ? edit : done;
      });
      expect(result).toMatchObject({ outcome: 'finished', turns: 2 });
      expect(seen).toEqual(['one\n', 'one\n', 'two\n']);
      expect(bodies()[1]).toEqual(bodies()[0]);
    },
  );

  test.each(positions)('a stream that ends early after %i bytes is a cut one', async (at) => {
    const result = await play(provider, (n) =>
      n < 2 ? { ...edit, endAt: at } : n === 2 ? edit : done,
    );
    expect(result).toMatchObject({ outcome: 'finished', turns: 2, toolCalls: 2 });
  });

  test('a stream that is always cut ends as model_error after three tries', async () => {
    const result = await play(provider, () => ({ ...edit, cutAt: 300 }));
    expect(result).toMatchObject({ outcome: 'model_error', turns: 1 });
    expect(standin?.requests).toHaveLength(3);
    expect(readFileSync(join(root, 'a.txt'), 'utf8')).toBe('one\n');
  });

  test('the error of a provider that stays down goes to the next model with the same work', async () => {
    const other: Provider = provider === 'openai' ? 'anthropic' : 'openai';
    const models: ModelRoute[] = [
      { provider, model: 'first' },
      { provider: other, model: 'second' },
    ];
    const result = await play(
      provider,
      (n, body) => {
        if (n === 0) return edit;
        return body['model'] === 'first'
          ? { status: 400, body: { error: { message: 'no' } } }
          : done;
      },
      { models },
    );
    expect(result).toMatchObject({ outcome: 'finished', model: `${other}/second`, turns: 2 });
    expect(lastSeen()).toContain('Editing now.');
    expect(lastSeen()).toContain('Wrote a.txt');
  });

  test('a brief outage is retried by the SDK', async () => {
    const result = await play(provider, (n) => (n === 0 ? { status: 503 } : done));
    expect(result).toMatchObject({ outcome: 'finished', turns: 1 });
  });

  test.each<[number, string, string]>([
    [403, 'budget_exceeded', 'budget'],
    [401, 'unauthorized', 'cancelled'],
    [403, 'model_not_allowed', 'model_error'],
  ])('the gateway answers %i %s: %s, without another try', async (status, code, outcome) => {
    const error = { code, message: 'Stopped at $10.00', fix: '/autodev budget +5' };
    const result = await play(provider, (n) => (n === 0 ? edit : { status, body: { error } }));
    expect(result.outcome).toBe(outcome);
    if (outcome === 'budget') expect(result.cause).toBe('Stopped at $10.00');
    expect(result.summary).toBe('Editing now.');
    expect(standin?.requests).toHaveLength(2);
  });

  test('malformed calls are told by field and fix; eight in a row end the task', async () => {
    const wrong: Reply[] = [
      { rawCalls: [{ name: 'read_file', json: '{"path": "a.t' }] },
      { calls: [{ name: 'delete_everything', args: {} }] },
      { calls: [{ name: 'read_file', args: { path: 7 } }] },
      { calls: [{ name: 'read_file', args: { file: 'a.txt' } }] },
    ];
    const result = await play(provider, (n) => wrong[n % wrong.length] as Reply);
    expect(result).toMatchObject({ outcome: 'model_error', turns: 8 });
    const told = lastSeen();
    for (const part of [
      'not valid JSON',
      'There is no tool \\"delete_everything\\". Use one of: read_file',
      'path: Invalid input',
      'Unrecognized key: \\"file\\"',
    ]) {
      expect(told.replaceAll('\\\\', '\\')).toContain(part);
    }
  });

  test('a good call in between starts the count of malformed ones anew', async () => {
    const bad: Reply = { calls: [{ name: 'nope', args: {} }] };
    const result = await play(provider, (n) => (n === 6 ? edit : n < 13 ? bad : done));
    expect(result).toMatchObject({ outcome: 'finished', turns: 14 });
  });

  test.each<[string, (n: number) => Reply]>([
    ['one call', () => ({ calls: [{ name: 'list', args: {} }] })],
    [
      'two calls in turn',
      (n) => ({ calls: [{ name: 'read_file', args: { path: n % 2 ? 'a.txt' : './a.txt' } }] }),
    ],
  ])('an agent that repeats %s is told once, then stopped', async (_, script) => {
    const result = await play(provider, script, { limits: { turns: 100 } });
    expect(result).toMatchObject({ outcome: 'limit', cause: 'The agent went round in circles' });
    expect(result.turns).toBeLessThan(9);
    expect(lastSeen()).toContain('the same calls repeat');
  });

  test('the last turn is the last one; the steering message comes at 80 %', async () => {
    const counter = (n: number): Reply => ({
      calls: [{ name: 'list', args: { depth: (n % 9) + 1 } }],
    });
    const result = await play(provider, counter, { limits: { turns: 10 } });
    expect(result).toMatchObject({
      outcome: 'limit',
      turns: 10,
      cause: 'All 10 turns are used up',
    });
    const steered = bodies().findIndex((body) => JSON.stringify(body).includes('turns and'));
    expect(steered).toBe(8);
    expect(JSON.stringify(bodies()[8])).toContain('2 turns and');
  });

  test('text without a call is nudged twice, then a person is asked', async () => {
    const result = await play(provider, (n) => ({ text: `Thinking ${n}` }));
    expect(result).toMatchObject({ outcome: 'needs_human', turns: 3, summary: 'Thinking 2' });
  });

  test('an empty answer is nudged and not sent back', async () => {
    const result = await play(provider, (n) => (n === 0 ? {} : done));
    expect(result).toMatchObject({ outcome: 'finished', turns: 2 });
    expect(lastSeen()).toContain('No tool was called');
  });

  test('a refusal ends with a person', async () => {
    const result = await play(provider, () => ({ text: 'I cannot.', stop: 'refusal' }));
    expect(result).toMatchObject({ outcome: 'needs_human', cause: 'The model refused to go on' });
  });

  test('an answer cut by its token limit runs nothing and is told', async () => {
    const result = await play(provider, (n) => (n === 0 ? { ...edit, stop: 'max_tokens' } : done));
    expect(result).toMatchObject({ outcome: 'finished', turns: 2 });
    expect(readFileSync(join(root, 'a.txt'), 'utf8')).toBe('one\n');
    expect(lastSeen()).toContain('cut at 4000 tokens');
  });

  test('finish does not count when an earlier call of the same answer failed', async () => {
    const both: Reply = {
      calls: [{ name: 'read_file', args: { path: 'missing' } }, ...(done.calls ?? [])],
    };
    const result = await play(provider, (n) => (n === 0 ? both : done));
    expect(result).toMatchObject({ outcome: 'finished', turns: 2 });
    expect(lastSeen()).toContain('Not ended');
  });

  const finish = (report: unknown): Reply => ({
    calls: [{ name: 'finish', args: { outcome: 'done', summary: 'ok', report } }],
  });
  const build = { kind: 'build', selfScore: 80 };

  test('a report that is wrong twice is told by field and fix, and the third one counts', async () => {
    const replies = [finish({ kind: 'build', selfScore: 800 }), done, finish(build)];
    const result = await play(provider, (n) => replies[n] as Reply, { report: 'build' });
    expect(result).toMatchObject({ outcome: 'finished', turns: 3, report: build });
    expect(lastSeen()).toContain('report.selfScore: Too big: expected number to be <=100');
    expect(lastSeen()).toContain('report: Missing; with outcome');
  });

  test.each<[string, Reply]>([
    ['wrong', finish({ kind: 'build', selfScore: 'high' })],
    ['missing', done],
  ])('a report that stays %s ends as model_error, with other work in between', async (_, bad) => {
    const replies = [bad, edit, bad, { calls: [{ name: 'list', args: {} }] }, bad, finish(build)];
    const result = await play(provider, (n) => replies[n] as Reply, { report: 'build' });
    expect(result).toMatchObject({ outcome: 'model_error', turns: 5 });
    expect(result.cause).toMatch(/^The report was wrong 3 times; at last: .*report/);
    expect(result).not.toHaveProperty('report');
  });

  test('time that runs out in a model call or a command ends as a limit', async () => {
    for (const reply of [
      { hang: true },
      { calls: [{ name: 'run_command', args: { command: 'sleep 60' } }] },
    ]) {
      const result = await play(provider, () => reply, { signal: AbortSignal.timeout(600) });
      expect(result).toMatchObject({ outcome: 'limit', cause: 'The 2 minutes are used up' });
      await standin?.close();
    }
  });

  test('people are heard before the next turn', async () => {
    await play(provider, (n) => (n === 0 ? edit : done), { messages: [[], ['Use tabs.']] });
    expect(JSON.stringify(bodies()[0])).not.toContain('Use tabs.');
    expect(lastSeen()).toContain('a person with rights on this task:\\nUse tabs.');
  });
});

test('the clock of the task steers as well as its turns', async () => {
  const now = jest.fn(() => 0);
  await play(
    'openai',
    (n) => {
      now.mockReturnValue(97_000);
      return n === 0 ? edit : done;
    },
    { now },
  );
  expect(lastSeen()).toContain('0.4 minutes are left');
});

test('a report in strict mode names every property at every depth, optional ones as nullable', async () => {
  const report = { kind: 'review', score: 90, findings: [] };
  const last = { name: 'finish', args: { outcome: 'done', summary: 'ok', report } };
  await play('openai', () => ({ calls: [last] }), { report: 'review' });
  const tool = bodies()[0]?.tools?.find(({ name }) => name === 'finish');
  const objects: { required: string[]; properties: Record<string, unknown> }[] = [];
  JSON.stringify(tool?.parameters, (_, value: unknown) => {
    const schema = value as { type?: string; additionalProperties?: boolean } | null;
    if (schema?.type !== 'object') return value;
    expect(schema.additionalProperties).toBe(false);
    objects.push(schema as (typeof objects)[number]);
    return value;
  });
  // The arguments, the report, a finding, and what is said of an earlier one.
  expect(objects).toHaveLength(4);
  for (const object of objects) expect(object.required).toEqual(Object.keys(object.properties));
  expect(objects[2]?.properties['suggestion']).toEqual({
    anyOf: [{ type: 'string', maxLength: 4000 }, { type: 'null' }],
  });
  expect(objects[2]?.properties['title']).toMatchObject({ type: 'string' });
});

test.each([
  ['gpt-6.1-sol', true],
  ['gpt-5.4-mini', true],
  ['o4-mini', true],
  ['gpt-4.1', false],
])('the reasoning of %s is asked for: %j', async (model, wanted) => {
  await play('openai', () => done, { models: [{ provider: 'openai', model }] });
  expect(bodies()[0]?.['include']).toEqual(wanted ? ['reasoning.encrypted_content'] : undefined);
});

test('requests are what the providers document', async () => {
  await play('openai', () => done);
  const openai = bodies()[0] as ModelBody;
  expect(openai).toMatchObject({ store: false, stream: true, max_output_tokens: 4000 });
  expect(openai.tools?.map((tool) => tool.strict)).toEqual(Array(6).fill(true));
  for (const tool of openai.tools ?? []) {
    const parameters = tool.parameters as { required: string[]; properties: object };
    expect(parameters.required).toEqual(Object.keys(parameters.properties));
    expect(parameters).toMatchObject({ type: 'object', additionalProperties: false });
    expect(JSON.stringify(parameters)).not.toMatch(/\$schema|9007199254740991/);
  }
  await standin?.close();
  await play('anthropic', () => done);
  const anthropic = bodies()[0] as ModelBody;
  expect(anthropic).toMatchObject({
    max_tokens: 4000,
    stream: true,
    system: [{ type: 'text', cache_control: { type: 'ephemeral', ttl: '1h' } }],
    cache_control: { type: 'ephemeral' },
  });
  expect(anthropic.tools?.map((tool) => tool.name)).toEqual(openai.tools?.map((tool) => tool.name));
});
