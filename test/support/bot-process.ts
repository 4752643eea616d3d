/** The bot as a child process, to be killed and started again. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import path from 'node:path';
import { compiled } from './compiled.ts';
import { ROOT } from './story.ts';
import { until } from './until.ts';

/** Long, for a machine that is busy with other tests. */
const READY_MS = 60_000;

export interface BotLife {
  /** True once the process is gone; `killed` when SIGKILL ended it. */
  over(): boolean;
  killed(): boolean;
  /** Ends it as an operator would and waits. */
  stop(): Promise<void>;
}

/** Starts `autodev serve` and resolves when it is ready, or when it was killed before it was. */
export async function startLife(
  env: Record<string, string>,
  options: { args?: string[]; logFile: string },
): Promise<BotLife> {
  const child = spawn(
    process.execPath,
    [path.join(ROOT, 'bot/cli/main.ts'), 'serve', ...(options.args ?? [])],
    { env: { ...pathOnly(), ...compiled(), ...env }, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const log = createWriteStream(options.logFile, { flags: 'a' });
  child.stderr.pipe(log);
  let ready = false;
  child.stdout.once('data', () => {
    ready = true;
  });
  const over = (): boolean => child.exitCode !== null || child.signalCode !== null;
  await until(() => ready || over(), READY_MS, 'the bot to be ready').catch((error: unknown) => {
    // Nobody else knows of it: it would keep its port.
    child.kill('SIGKILL');
    throw error;
  });
  return { over, killed: () => child.signalCode === 'SIGKILL', stop: () => stop(child) };
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await gone;
}

function pathOnly(): Record<string, string> {
  return { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '' };
}
