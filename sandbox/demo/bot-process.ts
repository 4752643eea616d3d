/** The bot as a child process, started the way an operator starts it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { once } from 'node:events';

/** How long the bot may take to be ready, first boot of its database included. */
const READY_MS = 60_000;
const STOP_MS = 25_000;

export interface BotProcess {
  /** The line it printed when it was ready. */
  ready: string;
  stop(): Promise<void>;
  /** Ends it as a power cut would. */
  kill(): Promise<void>;
}

/** Runs one `autodev` command to its end and returns what it printed. Throws with its output when it fails. */
export async function runAutodev(
  root: string,
  args: readonly string[],
  env: Record<string, string>,
): Promise<string> {
  const child = spawn(process.execPath, [join(root, 'bot/cli/main.ts'), ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`autodev ${args.join(' ')} ended with ${code}:\n${output}`);
  return output;
}

/** Starts `autodev serve` and resolves when it says that it is ready; its log goes to a file. */
export async function startBotProcess(
  root: string,
  env: Record<string, string>,
  logFile: string,
  role: 'all' | 'web' | 'worker' = 'all',
): Promise<BotProcess> {
  const program = join(root, 'bot/cli/main.ts');
  const child = spawn(process.execPath, [program, 'serve', '--role', role], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const log = createWriteStream(logFile);
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-4_000);
    log.write(text);
  });
  const ready = await firstLine(child, () => errors);
  return {
    ready,
    kill: async () => {
      const closed = once(child, 'close');
      child.kill('SIGKILL');
      await closed;
      log.end();
    },
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const closed = once(child, 'close');
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
      await closed;
      clearTimeout(timer);
      log.end();
    },
  };
}

function firstLine(child: ChildProcess, errors: () => string): Promise<string> {
  const line = Promise.withResolvers<string>();
  let output = '';
  const timer = setTimeout(() => {
    line.reject(new Error(`the bot was not ready within ${READY_MS / 1000} s:\n${errors()}`));
  }, READY_MS);
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    if (output.includes('\n')) line.resolve(output.split('\n')[0] ?? '');
  });
  child.once('exit', (code) => line.reject(new Error(`the bot ended with ${code}:\n${errors()}`)));
  return line.promise.finally(() => clearTimeout(timer));
}
