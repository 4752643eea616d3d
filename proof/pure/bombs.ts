/** D5: what is small on the wire and large in memory is refused before anybody unpacks it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { broken, held, type Mutant, type Played, type Proof } from '../proof.ts';

const RSS_MB = 300;
const ANSWER_MS = 20_000;
const MB = 1024 * 1024;
const RESULT = {
  ...{ version: 1, attempt: 7, outcome: 'finished', cause: '', summary: '', changes: [] },
  ...{ baseSha: 'a'.repeat(40), checks: [] },
  stats: { turns: 1, toolCalls: 1, seconds: 1, firstRequestMs: null, model: null },
};
const text = JSON.stringify(RESULT);
const inPlaceOf = (field: string, value: string): string =>
  text.replace(`"${field}":[]`, `"${field}":${value}`);
const change = (more: object): string => JSON.stringify({ ...RESULT, changes: [more] });

interface Bomb {
  name: string;
  body(): string | Buffer;
  headers?: Record<string, string>;
}

const BOMBS: readonly Bomb[] = [
  { name: 'three million files', body: () => inPlaceOf('changes', `[${'{},'.repeat(3e6)}{}]`) },
  { name: 'seven million numbers', body: () => inPlaceOf('checks', `[${'0,'.repeat(7e6)}0]`) },
  {
    name: 'seven million brackets',
    body: () => inPlaceOf('changes', '['.repeat(7e6) + ']'.repeat(7e6)),
  },
  {
    name: 'a million keys',
    body: () =>
      text.replace('{', `{${Array.from({ length: 1e6 }, (_, n) => `"k${n}":0`).join(',')},`),
  },
  { name: 'a hundred megabytes', body: () => Buffer.alloc(100 * MB, 0x20) },
  {
    name: 'a summary of 15 MB',
    body: () => JSON.stringify({ ...RESULT, summary: 'x'.repeat(15e6) }),
  },
  {
    name: 'packed zeros',
    body: () => gzipSync(Buffer.alloc(256 * MB)),
    headers: { 'content-encoding': 'gzip' },
  },
  {
    name: 'a file of 15 MB that is no base64',
    body: () =>
      change({ path: 'a', action: 'create', mode: '100644', content: `${'A'.repeat(15e6)}!` }),
  },
  {
    name: 'ten thousand files',
    body: () =>
      JSON.stringify({
        ...RESULT,
        changes: Array.from({ length: 10_000 }, (_, n) => ({
          ...{ path: `f${n}`, action: 'create', mode: '100644', content: 'eA==' },
        })),
      }),
  },
];

/** Servers by the flag that makes them mutants; '' is the product. */
const servers = new Map<string, Promise<{ child: ChildProcess; port: number }>>();

function serve(flag: string): Promise<{ child: ChildProcess; port: number }> {
  const running = servers.get(flag) ?? start(flag);
  servers.set(flag, running);
  return running;
}

async function start(flag: string): Promise<{ child: ChildProcess; port: number }> {
  const args = [...(flag === '' ? [] : [flag]), `${import.meta.dirname}/bomb-server.ts`];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const port = await new Promise<number>((resolve, reject) => {
    child.stdout?.once('data', (line: Buffer) => resolve(Number(line.toString())));
    child.once('exit', () => reject(new Error('the job API did not start')));
  });
  return { child, port };
}

const playWith =
  (flag: string) =>
  async (index: number): Promise<Played> => {
    const bomb = BOMBS[index % BOMBS.length];
    if (bomb === undefined) return held('nothing');
    const { child, port } = await serve(flag);
    const status = await fetch(`http://127.0.0.1:${port}/api/job/result`, {
      method: 'POST',
      headers: {
        ...{ 'content-type': 'application/json', authorization: 'Bearer x' },
        ...bomb.headers,
      },
      body: bomb.body(),
      signal: AbortSignal.timeout(ANSWER_MS),
    }).then(
      (response) => response.status,
      // Hung up on in the middle of it.
      (error: Error) => (error.name === 'TimeoutError' ? 0 : 413),
    );
    if (status < 400 || status >= 500) return broken(bomb.name, `it was answered with ${status}`);
    const peak = /VmHWM:\s+(\d+) kB/.exec(await readFile(`/proc/${child.pid}/status`, 'utf8'));
    const megabytes = Math.round(Number(peak?.[1] ?? 0) / 1024);
    return megabytes > RSS_MB ? broken(bomb.name, `${megabytes} MB of memory`) : held(bomb.name);
  };

/** Which bomb finds the mutant. */
interface BombMutant extends Mutant {
  bomb: string;
}

export const bombs: Proof = {
  id: 'D5',
  name: 'A result that is a bomb is refused within 300 MB of memory',
  layer: 'job',
  runs: { ci: BOMBS.length, full: BOMBS.length * 4 },
  play: playWith(''),
  mutantRuns: 1,
  playMutant: (mutant, flag) => ({
    play: () => playWith(flag)(BOMBS.findIndex(({ name }) => name === (mutant as BombMutant).bomb)),
  }),
  missing: () => (process.platform === 'linux' ? null : 'memory is read from /proc'),
  close: async () => {
    for (const running of servers.values()) (await running).child.kill('SIGKILL');
    servers.clear();
  },
  mutants: [
    {
      ...{ name: 'bounds before JSON is read', bomb: 'three million files' },
      file: 'bot/http/job-api.ts',
      from: 'if (broken !== null) throw Object.assign(new Error(`too many ${broken}`), { status: 413 });',
      to: 'void broken;',
    },
    {
      ...{ name: 'bytes of a result', bomb: 'a hundred megabytes' },
      file: 'bot/http/job-api.ts',
      from: 'const RESULT_BYTES = 16 * 1024 * 1024;',
      to: 'const RESULT_BYTES = 1024 * 1024 * 1024;',
    },
    {
      ...{ name: 'nothing is unpacked', bomb: 'packed zeros' },
      file: 'bot/http/job-api.ts',
      from: '    limit: RESULT_BYTES,\n    inflate: false,',
      to: '    limit: RESULT_BYTES * 64,\n    inflate: true,',
    },
  ] satisfies BombMutant[],
};
