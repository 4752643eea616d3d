/** How long the command line agents of other makers take from their start to their first model request. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { answerAdvice, answerSchema } from '../jobs/engines/cli/answer.ts';
import type { CliEngine } from '../jobs/engines/cli/contract.ts';
import { killTree } from '../jobs/process-group.ts';
import { makeSpec } from '../test/contract/jobs-standin.ts';

const PATIENCE_MS = 60_000;

/**
 * Milliseconds from the start of a Node that does nothing but one `fetch` to the arrival of that request:
 * what no agent on Node goes below.
 */
export async function bareNodeMs(): Promise<number> {
  const server = createServer((_, response) => response.end());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  try {
    const asked = new Promise<number>((resolve) =>
      server.once('request', () => resolve(performance.now())),
    );
    const started = performance.now();
    const call = `await fetch('http://127.0.0.1:${port}/', { method: 'POST', body: '{}' })`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', call], {
      stdio: 'ignore',
    });
    const failed = new Promise<never>((_, reject) => {
      child.once('error', reject);
      child.once('exit', (code) => code !== 0 && reject(new Error(`node ended with ${code}`)));
    });
    return (await Promise.race([asked, failed])) - started;
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

/** Milliseconds from the start of the program, with the arguments that a task gives it, to its first request. */
export async function firstRequestMs(engine: CliEngine, program: string): Promise<number> {
  const dir = await mkdtemp(path.join(tmpdir(), 'autodev-peer-'));
  const server = createServer();
  try {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const schema = answerSchema('build', engine.strict);
    await writeFile(path.join(dir, 'answer-schema.json'), JSON.stringify(schema));
    const command = engine.command({
      instructions: makeSpec(engine.provider).instructions,
      opening: `Say hello.\n\n${answerAdvice('build')}`,
      model: engine.provider === 'openai' ? 'gpt-6.1-sol' : 'claude-sonnet-5-5',
      workspace: dir,
      scratch: dir,
      answerSchema: schema,
      gateway: `http://127.0.0.1:${port}`,
      key: 'nobody-looks',
      writes: true,
      runs: true,
      isolated: true,
    });
    const asked = new Promise<number>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`${engine.name} asked nothing`)), PATIENCE_MS);
      server.on('request', ({ method, url }, response) => {
        response.destroy();
        if (method !== 'POST' || !/\/(?:responses|messages)\b/.test(url ?? '')) return;
        clearTimeout(late);
        resolve(performance.now());
      });
    });
    const started = performance.now();
    const child = spawn(program, command.args, {
      cwd: dir,
      env: { PATH: process.env.PATH, HOME: dir, TMPDIR: dir, LANG: 'C.UTF-8', ...command.env },
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    child.stdin.on('error', () => undefined);
    child.stdin.end(command.input);
    try {
      return (await asked) - started;
    } finally {
      if (child.pid) await killTree(child.pid);
    }
  } finally {
    server.closeAllConnections();
    server.close();
    await rm(dir, { recursive: true, force: true, maxRetries: 3 });
  }
}
