import { describe, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import path from 'node:path';
import { createFailpoints } from '../../../bot/config/failpoints.ts';

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
