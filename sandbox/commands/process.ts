/** The small process: runs what it is asked to, many at once, and ends with the one that started it. */
import { spawn } from 'node:child_process';
import type { CommandRequest, CommandResult, Numbered } from './protocol.ts';

/** Characters of error output that are kept. */
const STDERR_CHARS = 100_000;

function run(request: CommandRequest): Promise<CommandResult> {
  return new Promise((resolve) => {
    const child = spawn(request.file, request.args, {
      cwd: request.cwd,
      env: request.env,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const out: Buffer[] = [];
    let size = 0;
    let stderr = '';
    let cut: CommandResult | null = null;
    const stop = (why: CommandResult): void => {
      cut = why;
      child.kill('SIGKILL');
    };
    const { timeoutMs } = request;
    const timer =
      timeoutMs === undefined ? null : setTimeout(() => stop({ kind: 'timeout' }), timeoutMs);
    child.stdout.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > request.maxBytes) stop({ kind: 'too-much' });
      else out.push(chunk);
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr = (stderr + chunk.toString()).slice(0, STDERR_CHARS);
    });
    child.on('error', (error) => resolve({ kind: 'error', message: error.message }));
    child.on('close', (code) => {
      if (timer !== null) clearTimeout(timer);
      resolve(cut ?? { kind: 'ended', code, stdout: Buffer.concat(out), stderr });
    });
    // A program that ends before it read its input is told by its exit code.
    child.stdin.on('error', () => undefined);
    child.stdin.end(request.input ?? '');
  });
}

process.on('message', (message) => {
  const { id, body } = message as Numbered<CommandRequest>;
  void run(body).then((result) => {
    if (process.connected) process.send?.({ id, body: result } satisfies Numbered<CommandResult>);
  });
});
process.on('disconnect', () => process.exit(0));
