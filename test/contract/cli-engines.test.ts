/**
 * The engines `codex` and `claude` with the real programs: they work in a folder, every model call goes through
 * the gateway, and what comes back is the same verdict that our own loop gives.
 */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { claude } from '../../jobs/engines/cli/claude.ts';
import { codex } from '../../jobs/engines/cli/codex.ts';
import type { CliEngine } from '../../jobs/engines/cli/contract.ts';
import { runCli } from '../../jobs/engines/cli/run.ts';
import type { LoopResult } from '../../jobs/engines/builtin/loop-input.ts';
import type { AnswerToolCall, Conversation, Script } from '../../sandbox/model/types.ts';
import { cliProgram } from '../support/cli-programs.ts';
import { startGatewayWorld, TOKEN, type GatewayWorld } from '../support/gateway.ts';
import { declareMissing } from '../support/missing.ts';
import { repositoryTraps, SOWN } from '../support/repository-traps.ts';
import { makeSpec, removeTree } from './jobs-standin.ts';

jest.setTimeout(60_000);

const REPORT = { kind: 'build', selfScore: 80 };
const ANSWER = { outcome: 'done', summary: 'Said hello.', comment: null, report: REPORT };
const WRITE = `printf 'hello\\n' > hello.txt`;

/** What these programs read where nobody told them not to. */
const TRAPS = repositoryTraps('touch "${CLAUDE_PROJECT_DIR:-.}/sprung"');

let world: GatewayWorld | undefined;
let root = '';

afterEach(async () => {
  await world?.close();
  world = undefined;
  removeTree(root);
});

interface Played {
  result: LoopResult;
  seen: { turns: number; notes: string[]; commands: string[] };
}

interface Play {
  /** Files of the repository besides the one that is there. */
  files?: Record<string, string>;
  turns?: number;
  messages?: string[];
  token?: string;
}

async function play(
  engine: CliEngine,
  program: string,
  script: Script,
  options: Play = {},
): Promise<Played> {
  root = realpathSync(mkdtempSync(path.join(tmpdir(), 'autodev-cli-')));
  for (const [name, text] of Object.entries({ 'a.txt': 'one\n', ...options.files })) {
    mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
    writeFileSync(path.join(root, name), text);
  }
  world ??= await startGatewayWorld({ scripts: [script] });
  const seen: Played['seen'] = { turns: 0, notes: [], commands: [] };
  const messages = options.messages ?? [];
  const spec = makeSpec(
    engine.provider,
    options.turns === undefined ? {} : { turns: options.turns },
  );
  const home = path.join(root, '.home');
  const result = await runCli(engine, {
    spec: { ...spec, models: [{ provider: engine.provider, model: 'scripted' }], report: 'build' },
    opening: 'Say hello in hello.txt.',
    program,
    gateway: world.url,
    token: options.token ?? TOKEN,
    workspace: root,
    env: {
      PATH: process.env.PATH ?? '',
      HOME: home,
      LANG: 'C.UTF-8',
      TMPDIR: path.join(home, 'tmp'),
    },
    tmp: path.join(home, 'tmp'),
    isolated: true,
    signal: AbortSignal.timeout(50_000),
    takeMessages: () => messages.splice(0),
    events: {
      turn: () => void (seen.turns += 1),
      tool: () => undefined,
      note: (text) => void seen.notes.push(text),
    },
    onRequest: () => undefined,
    onCommand: ({ command }) => void seen.commands.push(command),
    now: Date.now,
  });
  return { result, seen };
}

/** How each program is told to run a command, and how it is told the final answer. */
const SPEAKS = {
  codex: {
    run: (command: string): AnswerToolCall => ({
      name: 'exec_command',
      arguments: { cmd: command },
    }),
    end: (answer: unknown) => ({ text: JSON.stringify(answer) }),
  },
  claude: {
    run: (command: string): AnswerToolCall => ({
      name: 'Bash',
      arguments: { command, description: 'Runs it' },
    }),
    end: (answer: unknown) => ({
      toolCalls: [{ name: 'StructuredOutput', arguments: answer as Record<string, unknown> }],
    }),
  },
} as const;

describe.each([codex, claude])('$name', (engine) => {
  const program = cliProgram(engine.name);
  if (program === null) {
    declareMissing(engine.name, 'engines of other makers');
    return;
  }
  const speaks = SPEAKS[engine.name];
  const scripted = (answer: Script['answer']): Script => ({
    name: 'test',
    matches: () => true,
    answer,
  });

  test('does a task from the request to the typed report', async () => {
    const first: Conversation[] = [];
    const script = scripted((conversation, turn) => {
      first.push(conversation);
      return turn === 1 ? { text: 'First.', toolCalls: [speaks.run(WRITE)] } : speaks.end(ANSWER);
    });
    const { result, seen } = await play(engine, program, script);
    expect(result).toMatchObject({ outcome: 'finished', summary: 'Said hello.', report: REPORT });
    expect(result.model).toBe(`${engine.provider}/scripted`);
    expect(readFileSync(path.join(root, 'hello.txt'), 'utf8')).toBe('hello\n');
    expect(seen.commands.join('\n')).toContain('hello.txt');
    expect(seen.turns).toBeGreaterThan(0);
    const asked = first[0]?.messages.map((message) => message.text).join('\n') ?? '';
    expect(`${first[0]?.system}\n${asked}`).toContain('You are the builder.');
    expect(asked).toContain('Say hello in hello.txt.');
    expect(world?.ledger.rows.length).toBeGreaterThan(0);
  });

  test('its commands see neither the attempt’s token nor a key of a provider', async () => {
    const script = scripted((_, turn) =>
      turn === 1
        ? { toolCalls: [speaks.run('env > seen.txt; cat /proc/$PPID/environ >> seen.txt')] }
        : speaks.end(ANSWER),
    );
    await play(engine, program, script);
    const seen = readFileSync(path.join(root, 'seen.txt'), 'latin1');
    expect(seen).toContain('PATH=');
    expect(seen).not.toContain(TOKEN);
    expect(seen).not.toContain(world?.model.keys[engine.provider] ?? TOKEN);
  });

  test('an answer that does not fit is asked for again, twice at most', async () => {
    const wrong = { ...ANSWER, report: { kind: 'build', selfScore: 8_000 } };
    const { result, seen } = await play(
      engine,
      program,
      scripted(() => speaks.end(wrong)),
    );
    expect(result.outcome).toBe('model_error');
    expect(result.cause).toMatch(/[Ff]inal answer did not fit/);
    // Claude Code checks against the schema and asks again by itself.
    const again = engine.name === 'codex' ? 2 : 0;
    expect(seen.notes.filter((note) => note.includes('did not fit'))).toHaveLength(again);
    expect(world?.model.requests.length).toBeGreaterThanOrEqual(3);
  });

  test('the gateway’s last word on the budget ends it', async () => {
    world = await startGatewayWorld({ scripts: [scripted(() => speaks.end(ANSWER))] });
    world.ledger.capMicrousd = 1;
    const { result } = await play(
      engine,
      program,
      scripted(() => ({})),
    );
    expect(result.outcome).toBe('budget');
    expect(result.cause).toMatch(/budget/i);
  });

  test('a model that never ends is stopped by the turns it may take', async () => {
    const script = scripted((_, turn) => ({
      toolCalls: [speaks.run(`echo ${turn}`)],
    }));
    const { result } = await play(engine, program, script, { turns: 3 });
    expect(result).toMatchObject({ outcome: 'limit', cause: 'All 3 turns are used up' });
    // Not one more was paid for.
    expect(world?.model.requests).toHaveLength(3);
  });

  test('what people say while it works begins another session on the same work', async () => {
    const messages: string[] = [];
    const script = scripted(({ messages: said }, turn) => {
      const heard = JSON.stringify(said).includes('good evening');
      if (!heard && turn === 1) messages.push('Say good evening instead.');
      if (turn === 1) return { toolCalls: [speaks.run(heard ? 'cat hello.txt' : WRITE)] };
      return speaks.end({ ...ANSWER, summary: heard ? 'Good evening.' : 'Hello.' });
    });
    const { result, seen } = await play(engine, program, script, { messages });
    expect(result).toMatchObject({ outcome: 'finished', summary: 'Good evening.' });
    expect(seen.commands.join('\n')).toContain('cat hello.txt');
  });

  test('nothing in the repository configures it or speaks to its model', async () => {
    let heard = '';
    const script = scripted((conversation, turn) => {
      heard += JSON.stringify(conversation);
      return turn === 1 ? { toolCalls: [speaks.run('true')] } : speaks.end(ANSWER);
    });
    const { result } = await play(engine, program, script, { files: TRAPS });
    expect(result.outcome).toBe('finished');
    expect(heard.includes(SOWN)).toBe(false);
    expect(existsSync(path.join(root, 'sprung'))).toBe(false);
  });

  test('an attempt that is over stops it', async () => {
    const { result } = await play(
      engine,
      program,
      scripted(() => speaks.end(ANSWER)),
      { token: 'adt_of-nobody-at-all' },
    );
    expect(result.outcome).toBe('cancelled');
  });
});

test.each([codex, claude])('$name says nothing about lines it does not know', ({ read }) => {
  const lines = [
    null,
    7,
    'x',
    [],
    {},
    { type: 'new' },
    { type: 'assistant' },
    { type: 'item.completed' },
  ];
  for (const line of [...lines, { type: 'user', message: { content: [null, {}] } }]) {
    expect(read(line)).toEqual([]);
  }
});

test('a program that cannot be started is named', async () => {
  const nothing: Script = { name: 'test', matches: () => true, answer: () => ({}) };
  const { result } = await play(codex, '/nowhere/codex', nothing);
  expect(result).toMatchObject({ outcome: 'unable' });
  expect(result.cause).toMatch(/codex: it could not be started/);
});
