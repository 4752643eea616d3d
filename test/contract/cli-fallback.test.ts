/**
 * The real `codex` and `claude` when their provider is limited: at once, without hammering the gateway, the other
 * one goes on in the same folder, told what was done.
 */
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, expect, jest, test } from '@jest/globals';
import { alongRoute } from '../../jobs/agent/along-route.ts';
import { claude } from '../../jobs/engines/cli/claude.ts';
import { codex } from '../../jobs/engines/cli/codex.ts';
import { runCli } from '../../jobs/engines/cli/run.ts';
import type { TaskSpec } from '../../schema/wire/job-api.ts';
import type { AnswerToolCall, Conversation, Script } from '../../sandbox/model/types.ts';
import { cliProgram } from '../support/cli-programs.ts';
import { startGatewayWorld, TOKEN, type GatewayWorld } from '../support/gateway.ts';
import { declareMissing } from '../support/missing.ts';
import { makeSpec, removeTree } from './jobs-standin.ts';

jest.setTimeout(90_000);

const ANSWER = {
  ...{ outcome: 'done', summary: 'Said hello.', comment: null },
  report: { kind: 'build', selfScore: 80 },
};
const PROGRAMS = { codex: cliProgram('codex'), claude: cliProgram('claude') };

let world: GatewayWorld | undefined;
let top = '';
afterEach(async () => {
  await world?.close();
  removeTree(top);
});

const run = (provider: Conversation['provider'], command: string): AnswerToolCall =>
  provider === 'openai'
    ? { name: 'exec_command', arguments: { cmd: command } }
    : { name: 'Bash', arguments: { command, description: 'Runs it' } };

/** The first provider works for one turn and is limited then; the other one ends the task. */
function script(limited: Conversation['provider']): Script {
  return {
    name: 'limited',
    matches: () => true,
    answer: ({ provider }, turn) => {
      if (provider === limited && turn > 1) {
        return { fault: { status: 429, headers: { 'retry-after': '600' } } };
      }
      if (turn === 1) {
        const file = provider === limited ? 'begun.txt' : 'ended.txt';
        return { text: 'Half of it.', toolCalls: [run(provider, `echo ${file} > ${file}`)] };
      }
      return provider === 'openai'
        ? { text: JSON.stringify(ANSWER) }
        : { toolCalls: [{ name: 'StructuredOutput', arguments: ANSWER }] };
    },
  };
}

const both = PROGRAMS.codex !== null && PROGRAMS.claude !== null;
for (const name of ['codex', 'claude'] as const) {
  if (PROGRAMS[name] === null) declareMissing(name, 'Fallback between engines of other makers');
}

(both ? test.each(['codex', 'claude'] as const) : test.skip.each(['codex', 'claude'] as const))(
  '%s makes way for the other tool',
  async (first) => {
    const limited = first === 'codex' ? 'openai' : 'anthropic';
    const other = limited === 'openai' ? 'anthropic' : 'openai';
    top = realpathSync(mkdtempSync(path.join(tmpdir(), 'autodev-legs-')));
    const [folder, tmp] = [path.join(top, 'work'), path.join(top, 'tmp')];
    for (const dir of [folder, tmp]) mkdirSync(dir);
    writeFileSync(path.join(folder, 'a.txt'), 'one\n');
    world = await startGatewayWorld({ scripts: [script(limited)] });
    const { url } = world;
    const models: TaskSpec['models'] = [
      { provider: limited, model: 'scripted' },
      { provider: other, model: 'scripted' },
    ];
    const spec = { ...makeSpec(limited), engine: first, models, report: 'build' as const };
    const env = { PATH: process.env.PATH ?? '', HOME: top, LANG: 'C.UTF-8', TMPDIR: tmp };
    const common = {
      ...{ gateway: url, token: TOKEN, workspace: folder, env, tmp, isolated: true },
      ...{ takeMessages: () => [], now: Date.now },
      ...{ onRequest: () => undefined, onCommand: () => undefined },
      signal: AbortSignal.timeout(80_000),
      events: { turn: () => undefined, tool: () => undefined, note: () => undefined },
    };
    const startedAt = Date.now();
    const result = await alongRoute({
      ...{ spec, folder, tmp, path: env.PATH, now: Date.now, signal: common.signal },
      find: async (name) =>
        name === 'builtin'
          ? { kind: 'builtin' }
          : {
              kind: 'tool',
              tool: {
                engine: name === 'codex' ? codex : claude,
                program: PROGRAMS[name] ?? '',
                version: 'x',
              },
            },
      withTool: ({ engine, program }, leg) =>
        runCli(engine, {
          ...common,
          ...{ program, spec: leg.spec, begun: leg.begun },
          opening: `Say hello.\n\n${leg.handover}`,
        }),
      withLoop: () => Promise.reject(new Error('both tools are here')),
      note: () => undefined,
      instead: () => undefined,
    });
    expect(result).toMatchObject({ outcome: 'finished', summary: 'Said hello.' });
    expect(result.model).toBe(`${other}/scripted`);
    expect(Date.now() - startedAt).toBeLessThan(60_000);
    expect(readFileSync(path.join(folder, 'begun.txt'), 'utf8')).toBe('begun.txt\n');
    expect(readFileSync(path.join(folder, 'ended.txt'), 'utf8')).toBe('ended.txt\n');
    // One call was refused, and none was tried again.
    const refused = world.model.requests.filter(({ status }) => status === 429);
    expect(refused).toHaveLength(1);
    const next = world.model.requests.find(({ conversation }) => conversation?.provider === other);
    const said = next?.conversation?.messages.map(({ text }) => text).join('\n') ?? '';
    expect(said).toContain(`This task was begun with ${limited}/scripted`);
    expect(said).toContain('Half of it.');
    expect(said).toContain('+begun.txt');
  },
);
