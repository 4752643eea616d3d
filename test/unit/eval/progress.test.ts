import { Writable } from 'node:stream';
import { expect, test } from '@jest/globals';
import { createTerminal } from '../../../bot/cli/terminal.ts';
import { createProgress } from '../../../eval/progress.ts';
import type { TryFigures } from '../../../eval/figures.ts';

const ENDED = {
  name: 'a',
  run: 1,
  ran: true,
  solved: false,
  why: 'failed: x',
  costUsd: 0.5,
  turns: 4,
  seconds: 2,
};

function watch(isTTY: boolean, quiet: boolean): string {
  let text = '';
  const write = (part: Buffer, _: string, done: () => void): void => {
    text += part.toString();
    done();
  };
  const output = Object.assign(new Writable({ write }), { isTTY });
  const terminal = createTerminal({ input: process.stdin, output });
  const progress = createProgress(terminal, output, 1, quiet);
  progress.began('a');
  progress.doing('a', 'turn 1 \u001b[2J · m');
  progress.ended(ENDED as TryFigures);
  progress.close();
  return text;
}

test('plain lines where nobody looks', () => {
  expect(watch(false, false)).toBe('a: started\n! a: failed: x ($0.5000, 4 turns, 2.0 s)\n');
});

test('on a terminal the changing line is gone in the end', () => {
  const text = watch(true, false);
  expect(text).not.toContain('a: started');
  expect(text).not.toContain('[2J');
  expect(text.endsWith('\r\u001b[K')).toBe(true);
});

test('nothing beside JSON', () => {
  expect(watch(false, true)).toBe('');
  expect(watch(true, true)).toBe('');
});
