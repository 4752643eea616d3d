import { describe, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { createFailpoints } from '../../../bot/config/failpoints.ts';
import { until } from '../../support/until.ts';

test('without a rule nothing happens, at no cost', async () => {
  for (const spec of ['', ' ', ',', ' , ']) {
    await expect(createFailpoints(spec)('publish.started')).resolves.toBeUndefined();
  }
});

test('error throws at its name only, every time', async () => {
  const failpoint = createFailpoints('a.b:error');
  await failpoint('a');
  await failpoint('a.b.c');
  await expect(failpoint('a.b')).rejects.toThrow('failpoint a.b');
  await expect(failpoint('a.b')).rejects.toThrow('failpoint a.b');
});

test('@n acts at the n-th hit only', async () => {
  const failpoint = createFailpoints('a:error@2, b:error@1');
  await failpoint('a');
  await expect(failpoint('b')).rejects.toThrow('failpoint b');
  await expect(failpoint('a')).rejects.toThrow('failpoint a');
  await failpoint('a');
  await failpoint('b');
});

test('delay waits and goes on', async () => {
  const started = performance.now();
  await createFailpoints('a:delay=60')('a');
  expect(performance.now() - started).toBeGreaterThanOrEqual(50);
});

test('kill9 ends the process at once, without any cleanup', async () => {
  const file = path.resolve(import.meta.dirname, '../../../bot/config/failpoints.ts');
  const script = `
    import { createFailpoints } from ${JSON.stringify(file)};
    process.on('exit', () => process.stdout.write('cleaned up'));
    const failpoint = createFailpoints('a:kill9@2');
    await failpoint('a');
    process.stdout.write('alive ');
    await failpoint('a');
    process.stdout.write('still alive');`;
  const args = ['--input-type=module', '--eval', script];
  const ended = await new Promise<unknown>((resolve) => {
    execFile(process.execPath, args, (error, out) => resolve([error?.signal, out]));
  });
  expect(ended).toEqual(['SIGKILL', 'alive ']);
});

test('stop lets the process stand still until it is woken', async () => {
  const file = path.resolve(import.meta.dirname, '../../../bot/config/failpoints.ts');
  const script = `
    import { createFailpoints } from ${JSON.stringify(file)};
    process.stdout.write('before ');
    await createFailpoints('a:stop@1')('a');
    process.stdout.write('after');`;
  const child = execFile(process.execPath, ['--input-type=module', '--eval', script]);
  const ended = new Promise((resolve) => child.once('exit', resolve));
  let said = '';
  child.stdout?.on('data', (part: string) => (said += part));
  const state = (): string => readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1] ?? '';
  await until(() => state().startsWith('T'), 50_000, 'the process to stand still');
  expect(said).toBe('before ');
  child.kill('SIGCONT');
  await ended;
  expect(said).toBe('before after');
});

describe('a rule that is none is refused by name', () => {
  test.each([
    'a',
    'a:',
    'a:kill',
    ':kill9',
    'a:delay',
    'a:delay=x',
    'a:delay=-1',
    'a:error@',
    'a:error@x',
    'a b:error',
  ])('%s', (rule) => {
    expect(() => createFailpoints(`ok:error,${rule}`)).toThrow(
      `AUTODEV_FP: "${rule}" is not name:`,
    );
  });
});
