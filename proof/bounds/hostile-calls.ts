/**
 * Promises 12 and 14, R17, G3: a model whose calls are noise, or who never ends. Nothing runs that its schema does not
 * take, and every script comes to its end.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { runLoop } from '../../jobs/engines/builtin/loop.ts';
import type { Model } from '../../jobs/engines/model.ts';
import { selectTools } from '../../jobs/tools/all.ts';
import { checkCall, type ToolContext } from '../../jobs/tools/tool.ts';
import { ToolName } from '../../schema/wire/job-api.ts';
import { makeSpec, NOBODY } from '../../test/contract/jobs-standin.ts';
import { broken, held, type Played, type Proof } from '../proof.ts';
import type { Random } from '../random.ts';
import { temporary } from '../temporary.ts';

const KEYS = ['path', 'of', 'commit', 'pattern', 'depth', 'old_text', 'new_text', '__proto__', ''];
const VALUES: unknown[] = [
  ...[null, true, 0, -1, 1e308, '', '.', '..', '../outside.txt', '/etc/passwd', '.git/config'],
  ...['a.txt', 'a.txt\0', '--upload-pack=x', '$(touch x)', '\u202e', [], [[[]]], {}, 'work'],
  ...['y'.repeat(100_000), '{"a":1}', 'commit', 'HEAD', '-1'],
];
const NAMES = [...ToolName.options, 'approve', '__proto__', 'constructor', '', 'Bash'];

interface Place {
  top: string;
  root: string;
  context: ToolContext;
}

let place: Place | null = null;
function open(): Place {
  if (place !== null) return place;
  const top = temporary();
  const root = path.join(top, 'ws');
  mkdirSync(root);
  writeFileSync(path.join(top, 'outside.txt'), 'SECRET\n');
  writeFileSync(path.join(root, 'a.txt'), 'one\n');
  const env = { PATH: process.env['PATH'] ?? '', HOME: top, LANG: 'C.UTF-8', TMPDIR: top };
  const context: ToolContext = {
    ...{ root, resultBytes: 5_000, commandSeconds: 5, env, self: [], ...NOBODY },
    ...{ signal: AbortSignal.timeout(3_600_000), onCommand: () => undefined },
  };
  place = { top, root, context };
  return place;
}

async function fuzzed(_: number, random: Random): Promise<Played> {
  const { top, context } = open();
  const names = ToolName.options.filter((name) => name !== 'run_command' && name !== 'browse');
  const tools = selectTools({ tools: names, report: 'review', reports: ['review', 'none'] });
  const fields = Array.from({ length: random.int(4) }, () => {
    const value = VALUES[random.int(VALUES.length)];
    return `${JSON.stringify(random.pick(KEYS))}:${JSON.stringify(value)}`;
  });
  let json = `{${fields.join(',')}}`;
  if (random.chance(0.2)) json = json.slice(0, random.int(json.length));
  let name = random.pick(NAMES);
  if (random.chance(0.3)) {
    // One that would be run, if only its path were good.
    name = random.pick(['read_file', 'list']);
    json = JSON.stringify({ path: VALUES[random.int(VALUES.length)] });
  }
  const about = `${name} ${json.slice(0, 100)}`;
  const checked = checkCall(tools, name, json);
  if (!checked.ok) {
    return checked.text.length < 3_000 ? held(about) : broken(about, 'the refusal is endless');
  }
  const own = tools.find((tool) => tool.name === name);
  if (own?.input.safeParse(checked.input).success !== true) {
    return broken(about, 'it runs with what its schema does not take');
  }
  const result = await checked.tool.run(checked.input, context);
  if (JSON.stringify(result).includes('SECRET')) return broken(about, 'it read outside');
  const there = readdirSync(top).toSorted().join();
  if (there !== 'outside.txt,ws') return broken(about, `there is ${there}`);
  const text = readFileSync(path.join(top, 'outside.txt'), 'utf8');
  if (text !== 'SECRET\n') return broken(about, 'it wrote outside');
  return Object.keys(Object.prototype).length === 0 ? held(about) : broken(about, 'a prototype');
}

export const fuzzedCalls: Proof = {
  id: 'P12 R17 E5',
  name: 'Calls of noise: none crashes, and nothing runs that its schema does not take',
  layer: 'functions',
  runs: { ci: 400, full: 5_000 },
  mutantRuns: 3_000,
  play: fuzzed,
  mutants: [
    {
      name: 'paths stay below the root',
      file: 'jobs/tools/paths.ts',
      from: "if (parts.includes('..')) return",
      to: 'if (false) return',
      also: [
        {
          file: 'jobs/tools/paths.ts',
          from: 'if (!inside) return refuse(',
          to: 'if (false) return refuse(',
        },
      ],
    },
    {
      name: 'calls fit their schema',
      file: 'jobs/tools/tool.ts',
      from: 'if (parsed.success) return { ok: true, tool, input: parsed.data };',
      to: 'if (parsed !== null) return { ok: true, tool, input: value };',
    },
  ],
};

type Loop = (turn: number, random: Random) => { name: string; args: unknown }[];
const call = (name: string, args: unknown) => [{ name, args }];
/** Forty ways never to end, by ten habits that each have four forms. */
const HABITS: readonly [string, Loop][] = [
  [
    'a thousand calls at once',
    (turn) =>
      Array.from({ length: 1_000 }, (_, at) => call('list', { path: `${turn}${at}` })).flat(),
  ],
  ['one call again and again', () => call('list', { path: '.' })],
  [
    'two calls in turn',
    (turn) => call(turn % 2 ? 'list' : 'read_file', { path: turn % 2 ? '.' : 'a.txt' }),
  ],
  ['three calls in turn', (turn) => call('read_file', { path: ['a.txt', '.', 'b'][turn % 3] })],
  ['always another call', (turn) => call('search', { pattern: `x${turn}` })],
  ['unknown tools', (turn) => call(`tool${turn}`, {})],
  ['malformed calls', () => call('edit_file', { path: 7 })],
  ['words alone', () => []],
  ['endless output', (turn) => call('run_command', { command: `yes ${turn}` })],
  [
    'children that stay',
    () =>
      call('run_command', {
        command: `nohup sleep 9876 & sleep 30`,
      }),
  ],
];

async function loops(index: number, random: Random): Promise<Played> {
  const [name, habit] = HABITS[index % HABITS.length] ?? ['', () => []];
  const { context } = open();
  const turns = 4 + random.int(8);
  const spec = makeSpec('openai', { turns, commandSeconds: 1 });
  const about = `${name}, at most ${turns} turns`;
  let asked = 0;
  let ran = 0;
  const model: Model = {
    name: 'scripted/loops',
    turn: () => {
      asked += 1;
      const calls = habit(asked, random).map((one, at) => ({
        ...{ id: `c${asked}-${at}`, name: one.name, arguments: JSON.stringify(one.args) },
      }));
      const raw = { model: 'other', items: [] };
      return Promise.resolve({ text: calls.length ? '' : 'Hm.', calls, stop: 'done', raw });
    },
  };
  const verdict = await runLoop({
    ...{ spec, opening: 'Go.', models: [model], tools: selectTools(spec), now: Date.now },
    context: { ...context, commandSeconds: 1, signal: AbortSignal.timeout(LOOP_MS) },
    takeMessages: () => [],
    events: { turn: () => undefined, tool: () => void (ran += 1), note: () => undefined },
  });
  if (asked > turns) return broken(about, `${asked} turns were taken`);
  // Each is told of twice, when it begins and when it ends.
  if (ran > turns * 2 * 32) return broken(about, `${ran} calls were run`);
  if (verdict.outcome === 'finished') return broken(about, 'it counts as finished');
  const alive = execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => /^sleep 9876$|^yes \d+$/.test(line));
  return alive.length === 0 ? held(about) : broken(about, `${alive.length} processes are left`);
}

/** Longest life of one script. */
const LOOP_MS = 60_000;

export const endlessModels: Proof = {
  id: 'P14 G3',
  name: 'A model that never ends is ended within its turns, and no process is left',
  layer: 'job',
  fullOnly: true,
  runs: { ci: HABITS.length, full: 40 },
  // The first habits find them; the last take a second for each turn.
  mutantRuns: 7,
  play: loops,
  mutants: [
    {
      name: 'turns of a task',
      file: 'jobs/engines/builtin/loop.ts',
      from: 'if (state.turns >= spec.limits.turns) {',
      to: 'if (state.turns >= spec.limits.turns + 60) {',
    },
    {
      name: 'calls of a turn',
      file: 'jobs/engines/builtin/loop.ts',
      from: 'export const CALLS_PER_TURN = 32;',
      to: 'export const CALLS_PER_TURN = 3_200;',
    },
  ],
};
