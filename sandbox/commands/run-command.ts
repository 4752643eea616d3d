/**
 * Starts helper programs (git, gitlab-ci-local) from a small process of its own: starting one takes as
 * long as the memory of its parent is large, 12 ms of standing still beside an embedded database and
 * 2 ms here, and a pipeline takes dozens of them.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { systemEnvironment } from '../env.ts';
import type { CommandRequest, CommandResult, Numbered } from './protocol.ts';

/** The process ends when nobody asked it for so long; the next request starts another. */
const IDLE_MS = 10_000;

interface Helper {
  child: ChildProcess;
  waiting: Map<number, { resolve(result: CommandResult): void; reject(error: Error): void }>;
  idle: NodeJS.Timeout | null;
}

let helper: Helper | null = null;
let lastId = 0;

/** Runs a program to its end. Rejects only when the helper process itself was lost. */
export function runCommand(request: CommandRequest): Promise<CommandResult> {
  const own = (helper ??= startHelper());
  if (own.idle !== null) clearTimeout(own.idle);
  own.idle = null;
  // The caller waits for the answer, so the event loop has to.
  own.child.channel?.ref();
  const id = (lastId += 1);
  return new Promise((resolve, reject) => {
    own.waiting.set(id, { resolve, reject });
    own.child.send({ id, body: request } satisfies Numbered<CommandRequest>, (error) => {
      if (error !== null) lost(own, error);
    });
  });
}

function startHelper(): Helper {
  const child = fork(join(import.meta.dirname, 'process.ts'), [], {
    env: systemEnvironment(),
    execArgv: ['--disable-warning=ExperimentalWarning'],
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const own: Helper = { child, waiting: new Map(), idle: null };
  child.unref();
  child.channel?.unref();
  child.on('message', (message) => take(own, message as Numbered<CommandResult>));
  child.on('error', (error) => lost(own, error));
  child.on('exit', (code, signal) => {
    lost(own, new Error(`the process that starts programs ended (${signal ?? code})`));
  });
  return own;
}

function take(own: Helper, { id, body }: Numbered<CommandResult>): void {
  const caller = own.waiting.get(id);
  own.waiting.delete(id);
  if (own.waiting.size === 0) {
    own.child.channel?.unref();
    own.idle = setTimeout(() => retire(own), IDLE_MS);
    own.idle.unref();
  }
  caller?.resolve(body);
}

function retire(own: Helper): void {
  if (helper === own) helper = null;
  if (own.child.connected) own.child.disconnect();
}

function lost(own: Helper, error: Error): void {
  if (helper === own) helper = null;
  if (own.idle !== null) clearTimeout(own.idle);
  for (const caller of own.waiting.values()) caller.reject(error);
  own.waiting.clear();
}
