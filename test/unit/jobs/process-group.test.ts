import { expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { HeadTail, runInGroup, type GroupCommand } from '../../../jobs/process-group.ts';

const bash = (command: string, more: Partial<GroupCommand> = {}) =>
  runInGroup({
    file: 'bash',
    args: ['--norc', '-c', command],
    cwd: tmpdir(),
    env: { PATH: process.env['PATH'] ?? '' },
    timeoutMs: 50_000,
    capBytes: 10_000,
    ...more,
  });

/** Long enough for a shell on a busy machine to start and to say which child it has. */
const TOLD_MS = 2_000;

/** The process that a command told of. */
function pidIn(output: string): number {
  expect(output).toMatch(/^\d+\n/);
  return Number.parseInt(output, 10);
}

/** Runs, and is not just waiting to be collected by its parent. */
function alive(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}

test('exit code, both outputs and standard input', async () => {
  const result = await bash('read line; echo "got $line"; echo err >&2; exit 7', {
    stdin: 'hello\n',
  });
  expect(result).toMatchObject({ exitCode: 7, signal: null, timedOut: false, cutBytes: 0 });
  expect(result.output.split('\n').toSorted()).toEqual(['', 'err', 'got hello']);
});

test('a command that cannot start says why', async () => {
  const result = await bash('', { file: '/does/not/exist' });
  expect(result.startError).toContain('ENOENT');
});

test('the time-out ends a command that ignores SIGTERM, with its children', async () => {
  const result = await bash('trap "" TERM; sleep 77 & echo $!; wait; sleep 77', {
    timeoutMs: TOLD_MS,
  });
  expect(result).toMatchObject({ timedOut: true, exitCode: null, signal: 'SIGKILL' });
  expect(result.seconds).toBeLessThan(30);
  expect(alive(pidIn(result.output))).toBe(false);
});

test('the time-out reaches a child in a session of its own', async () => {
  const result = await bash('setsid sleep 76 & echo $!; sleep 76', { timeoutMs: TOLD_MS });
  expect(result.timedOut).toBe(true);
  expect(alive(pidIn(result.output))).toBe(false);
});

test('a background child neither holds the command open nor outlives it', async () => {
  const result = await bash('sleep 78 & echo $!');
  expect(result.exitCode).toBe(0);
  expect(result.seconds).toBeLessThan(30);
  expect(alive(pidIn(result.output))).toBe(false);
});

test('an abort ends it', async () => {
  const result = await bash('sleep 79', { signal: AbortSignal.timeout(100) });
  expect(result).toMatchObject({ exitCode: null, timedOut: false });
});

test('endless output costs no memory and keeps head and tail', async () => {
  const before = process.memoryUsage().rss;
  const result = await bash('echo first; head -c 200000000 /dev/zero | tr "\\0" x; echo last', {
    capBytes: 1_000,
  });
  expect(result.output.startsWith('first\n')).toBe(true);
  expect(result.output.endsWith('last\n')).toBe(true);
  expect(result.output.length).toBeLessThan(1_100);
  expect(result.cutBytes).toBe(200_000_011 - 1_000);
  expect(process.memoryUsage().rss - before).toBeLessThan(150_000_000);
});

test.each([1, 3, 7, 100])('head and tail in parts of %i bytes', (size) => {
  const text = Buffer.from('0123456789abcdefghij');
  const both = new HeadTail(10);
  for (let at = 0; at < text.length; at += size) both.add(text.subarray(at, at + size));
  expect(both.text()).toEqual({
    output: '01234\n[... 10 bytes left out ...]\nfghij',
    cutBytes: 10,
  });
});
