/** The processes a bench runs: the bot as users start it, its peer, the load, and what they weigh. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { stopChild } from '../test/support/backends.ts';
import type { LoadOutcome, LoadPlan } from './load.ts';

export const ROOT = path.resolve(import.meta.dirname, '..');
export const SECRET = 'bench-webhook-secret-0123456789';
/** A busy machine takes a minute to make an embedded database. */
const READY_MS = 120_000;
/** How a Python server says that it listens. */
const UVICORN = /running on (http:\/\/[\w.]+:\d+)/;
/** Latencies of 200,000 requests as JSON. */
const OUTCOME_BYTES = 16 * 1024 * 1024;

export interface Running {
  url: string;
  pid: number;
  /** Everything it wrote to stderr. */
  log: string[];
  stop(): Promise<void>;
}

/** Starts a program and waits until a line of its output names its URL. */
export async function start(
  program: string,
  args: string[],
  env: Record<string, string>,
): Promise<Running> {
  const options = { cwd: ROOT, env: { PATH: process.env['PATH'] ?? '', ...env } };
  const child: ChildProcess = spawn(program, args, options);
  const log: string[] = [];
  const ready = Promise.withResolvers<string>();
  child.stdout?.on('data', (part: Buffer) => {
    const url = /http:\/\/[\w.]+:\d+\S*/.exec(part.toString())?.[0];
    if (url !== undefined) ready.resolve(url);
  });
  child.stderr?.on('data', (part: Buffer) => {
    log.push(part.toString());
    const url = UVICORN.exec(part.toString())?.[1];
    if (url !== undefined) ready.resolve(url);
  });
  child.once('error', (error) => ready.reject(error));
  const failed = (why: string): void => ready.reject(new Error(`${why}\n${log.join('')}`));
  child.once('exit', (code) => failed(`${args.join(' ')} ended with ${code}`));
  const late = setTimeout(() => failed(`${args.join(' ')} was not ready in time`), READY_MS);
  try {
    const url = await ready.promise;
    return { url, pid: child.pid ?? 0, log, stop: () => stopChild(child, 'SIGTERM') };
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  } finally {
    clearTimeout(late);
  }
}

let built: Promise<string> | null = null;
/** The bot's bundle, made once: it is what users start. */
function bundle(): Promise<string> {
  const file = path.join(ROOT, 'dist/autodev.mjs');
  built ??= promisify(execFile)(process.execPath, ['.ci/build.mjs'], { cwd: ROOT }).then(
    () => file,
  );
  return built;
}

/** The bot with a data folder of its own, which goes when it stops. */
export async function startServe(
  role: 'web' | 'worker' | 'all',
  env: Record<string, string> = {},
): Promise<Running> {
  const dir = await mkdtemp(path.join(tmpdir(), 'autodev-bench-'));
  // Its first line says how: with this Node and its options.
  const running = await start(await bundle(), ['serve', '--role', role], {
    PATH: `${path.dirname(process.execPath)}:${process.env['PATH'] ?? ''}`,
    AUTODEV_GITLAB_URL: 'http://127.0.0.1:9',
    AUTODEV_GITLAB_TOKEN: 'bench',
    AUTODEV_WEBHOOK_SECRET: SECRET,
    AUTODEV_HOST: '127.0.0.1',
    AUTODEV_DATA_DIR: path.join(dir, 'data'),
    AUTODEV_LOG_LEVEL: 'warn',
    PORT: '0',
    ...env,
  });
  return {
    ...running,
    url: running.url.replace('localhost', '127.0.0.1'),
    stop: async () => {
      await running.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

export const startPeer = (): Promise<Running> =>
  start(process.execPath, ['bench/peer.ts', SECRET], {});

/** Runs the load generator to its end. Throws when a request failed. */
export async function load(plan: Omit<LoadPlan, 'secret'>): Promise<LoadOutcome> {
  const args = [path.join(ROOT, 'bench/load.ts'), JSON.stringify({ ...plan, secret: SECRET })];
  const { stdout } = await promisify(execFile)(process.execPath, args, {
    maxBuffer: OUTCOME_BYTES,
  });
  const outcome = JSON.parse(stdout) as LoadOutcome;
  if (outcome.failed > 0)
    throw new Error(`${outcome.failed} of ${outcome.requests} requests failed`);
  return outcome;
}

/** Processor time of a process so far, in milliseconds; NaN where /proc is not there. */
export async function cpuMs(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // utime and stime, in hundredths of a second; the name before them may hold anything (man proc).
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11] ?? NaN) + Number(fields[12] ?? NaN)) * 10;
}

/** Resident memory of a process in megabytes; NaN where /proc is not there. */
export async function rssMb(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? NaN) / 1024;
}
