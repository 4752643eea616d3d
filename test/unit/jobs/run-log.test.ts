import { expect, test } from '@jest/globals';
import { createLog, safeLine, stripAnsi } from '../../../jobs/run-log.ts';
import { cpuMs } from '../../support/cpu-time.ts';

test.each([
  ['plain', 'plain'],
  ['\u001b[31mred\u001b[0m', 'red'],
  ['\u001b]8;;https://evil\u0007link\u001b]8;;\u0007', 'link'],
  ['a\r\nb\nc', 'a ⏎ b ⏎ c'],
  ['progress 1%\rprogress 2%', 'progress 1%\\x0dprogress 2%'],
  ['\u0000\u0007\u009b31m', '\\x00\\x07\\x9b31m'],
  ['a\tb', 'a b'],
  ['x\u202egnp.exe', 'x\\u202egnp.exe'],
  ['section_start:1:a\r\u001b[0Khidden', 'section-start 1:a\\x0dhidden'],
  ['SECTION_END:1:a', 'section-END 1:a'],
  ['section_\u001b[0mstart:1:a', 'section-start 1:a'],
])('%j is printed as %j', (given, expected) => {
  expect(safeLine(given)).toBe(expected);
});

test('a long line is cut', () => {
  expect(safeLine('x'.repeat(1e6))).toHaveLength(500);
});

test('secrets are hidden, also those learnt later', () => {
  const lines: string[] = [];
  const log = createLog(
    (text) => lines.push(text),
    ['s3cret-one'],
    () => new Date(0),
  );
  log.hide('s3cret-two');
  log.line('a s3cret-one b s3cret-two');
  expect(lines).toEqual(['00:00:00 a [hidden] b [hidden]\n']);
});

test('stripping takes time in proportion to the text', () => {
  const took = cpuMs(() => {
    for (const text of ['\u001b[', '\u001b]', '\u001b[0', '\u001b]8;'])
      stripAnsi(text.repeat(100_000));
  });
  expect(took).toBeLessThan(2_000);
});
