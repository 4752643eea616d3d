/** The builtin engine against the sandbox's model server, whose wire formats were written apart from it. */
import { afterEach, describe, expect, test } from '@jest/globals';
import { mkdtempSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runLoop } from '../../jobs/engines/builtin/loop.ts';
import type { LoopResult } from '../../jobs/engines/builtin/loop-input.ts';
import { buildRoute } from '../../jobs/engines/builtin/route.ts';
import { selectTools } from '../../jobs/tools/all.ts';
import { scriptFromSteps, type Step } from '../../sandbox/model/scripts.ts';
import { startModelServer, type ModelServer } from '../../sandbox/model/server.ts';
import type { Fault } from '../../sandbox/model/types.ts';
import { type Passthrough, startPassthrough } from './jobs-passthrough.ts';
import { makeSpec, NOBODY, type Provider, removeTree } from './jobs-standin.ts';

let model: ModelServer | undefined;
let gateway: Passthrough | undefined;
let root = '';

afterEach(async () => {
  gateway?.close();
  await model?.close();
  removeTree(root);
});

async function play(provider: Provider, steps: Step[], fault?: Fault): Promise<LoopResult> {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'autodev-model-')));
  writeFileSync(join(root, 'a.txt'), 'one\n');
  const keys = { openai: 'the-token', anthropic: 'the-token' };
  model = await startModelServer({ scripts: [scriptFromSteps({ name: 'test', steps })], keys });
  if (fault) model.fail(fault, 1);
  gateway = await startPassthrough(model.url);
  const spec = makeSpec(provider);
  const { models } = buildRoute(spec.models, {
    gateway: gateway.url,
    token: 'the-token',
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
      commandSeconds: 5,
      env: { PATH: process.env['PATH'] ?? '', HOME: root, LANG: 'C', TMPDIR: tmpdir() },
      self: [process.execPath, join(process.cwd(), 'jobs/main.ts')],
      signal: AbortSignal.timeout(50_000),
      ...NOBODY,
      onCommand: () => undefined,
    },
    takeMessages: () => [],
    events: { turn: () => undefined, tool: () => undefined, note: () => undefined },
    now: Date.now,
  });
}

const edit = { path: 'a.txt', old_text: 'one', new_text: 'two' };
const STEPS: Step[] = [
  { text: 'First look.', toolCalls: [{ name: 'read_file', arguments: { path: 'a.txt' } }] },
  { expect: '1\tone', toolCalls: [{ name: 'edit_file', arguments: edit }] },
  {
    expect: 'Wrote a.txt',
    toolCalls: [
      { name: 'run_command', arguments: { command: 'cat a.txt' } },
      { name: 'list', arguments: '{"path": ' },
    ],
  },
  {
    expect: 'not valid JSON',
    toolCalls: [{ name: 'finish', arguments: { outcome: 'done', summary: 'Two.' } }],
  },
];

describe.each(['openai', 'anthropic'] as const)('%s', (provider) => {
  test.each<[string, Fault | undefined]>([
    ['no fault', undefined],
    ['overload', { status: 529 }],
    ['rate limit', { status: 429, headers: { 'retry-after': '0' } }],
    ['reset', { reset: true }],
    ['cut', { cutAfterBytes: 200 }],
    ['malformed event', { malformedEventAt: 2 }],
    ['error event', { errorEventAt: 3 }],
  ])('a whole task with %s', async (_, fault) => {
    const result = await play(provider, STEPS, fault);
    expect(result).toMatchObject({ outcome: 'finished', summary: 'Two.', turns: 4, toolCalls: 5 });
    expect(readFileSync(join(root, 'a.txt'), 'utf8')).toBe('two\n');
  });
});
