/** The bot's own processes: started, killed and started again, each on a port that stays its own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createWriteStream, type WriteStream } from 'node:fs';
import path from 'node:path';
import { ROOT } from '../../test/support/story.ts';
import { until } from '../../test/support/until.ts';

export type Role = 'web' | 'worker' | 'all';

/** Loading a process's modules takes a second of computing less when they are compiled already. */
const COMPILED = path.join(ROOT, 'node_modules/.cache/autodev-proof-code');
const READY_MS = 60_000;
const STOP_MS = 30_000;

export interface Life {
  name: string;
  role: Role;
  port: number;
  /** Of the process that runs now or ran last. */
  pid: number;
  alive(): boolean;
  /** Starts it when it is not there; `failpoints` as in AUTODEV_FP. Does not wait until it is ready. */
  start(failpoints?: string): void;
  /** Resolves when it is ready, or gone. */
  ready(): Promise<void>;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
  signal(signal: NodeJS.Signals): void;
  /** Ends it as an operator would and waits; how it ended when it did not end well, or null. */
  stop(): Promise<string | null>;
}

export interface LifeOptions {
  name: string;
  role: Role;
  port: number;
  env: Record<string, string>;
  /** Flags of Node, e.g. a mutant's. */
  flags: readonly string[];
  log: WriteStream;
}

/** A process of the bot that is not started yet. */
export function newLife(options: LifeOptions): Life {
  const { name, role, port } = options;
  let child: ChildProcess | null = null;
  let ready = false;
  const over = (): boolean =>
    child === null || child.exitCode !== null || child.signalCode !== null;
  const gone = async (ms: number): Promise<void> => until(over, ms, `${name} to end`);
  const life: Life = {
    name,
    role,
    port,
    pid: 0,
    alive: () => !over(),
    start: (failpoints = '') => {
      if (!over()) return;
      ready = false;
      const main = path.join(ROOT, 'bot/cli/main.ts');
      const started = spawn(process.execPath, [...options.flags, main, 'serve', '--role', role], {
        env: {
          PATH: process.env['PATH'] ?? '',
          HOME: process.env['HOME'] ?? '',
          NODE_COMPILE_CACHE: COMPILED,
          ...options.env,
          PORT: String(port),
          AUTODEV_FP: failpoints,
        },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      child = started;
      life.pid = started.pid ?? 0;
      started.stdout.once('data', () => (ready = started === child));
      started.stderr.pipe(options.log, { end: false });
    },
    ready: () => until(() => ready || over(), READY_MS, `${name} to be ready`),
    kill: async () => {
      child?.kill('SIGKILL');
      await gone(STOP_MS);
    },
    signal: (signal) => void child?.kill(signal),
    stop: async () => {
      if (over()) return null;
      child?.kill('SIGTERM');
      await gone(STOP_MS);
      return child?.exitCode === 0
        ? null
        : `${name} ended with ${child?.signalCode ?? `code ${child?.exitCode}`}`;
    },
  };
  return life;
}

/** Where all processes of a place log to, one JSON object a line. */
export function openLog(file: string): WriteStream {
  return createWriteStream(file, { flags: 'a' });
}
