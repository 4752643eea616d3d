import { expect, test } from '@jest/globals';
import { readOptions } from '../../../eval/options.ts';

const DEFAULTS = {
  model: null,
  engine: null,
  only: [],
  runs: 1,
  parallel: 2,
  maxUsd: 10,
  scripted: false,
  out: null,
  logs: null,
  json: false,
  list: false,
  help: false,
};

test('without arguments everything has its default', () => {
  expect(readOptions([])).toEqual({ ok: true, options: DEFAULTS });
});

test('reads every option', () => {
  const args =
    '--model openai/org/m-1 --engine codex --only a,b --only c --runs 3 --parallel 1 --max-usd 0.5 ' +
    '--out f.json --logs d --json --list --help';
  expect(readOptions(args.split(' '))).toEqual({
    ok: true,
    options: {
      model: { provider: 'openai', model: 'org/m-1' },
      engine: 'codex',
      only: ['a', 'b', 'c'],
      runs: 3,
      parallel: 1,
      maxUsd: 0.5,
      scripted: false,
      out: 'f.json',
      logs: 'd',
      json: true,
      list: true,
      help: true,
    },
  });
});

test.each([
  ['--model gpt', '--model is gpt; it takes openai/MODEL or anthropic/MODEL'],
  ['--model mistral/x', '--model is mistral/x'],
  ['--model openai/', '--model is openai/'],
  ['--engine cursor', '--engine is cursor; it takes one of builtin, codex, claude'],
  ['--runs 0', '--runs is 0; it takes a whole number from 1 to 20'],
  ['--runs 1.5', '--runs is 1.5'],
  ['--parallel many', '--parallel is many'],
  ['--max-usd=-1', '--max-usd is -1'],
  ['--max-usd=', '--max-usd is ; it takes an amount from 0.01 to 1000'],
  ['--scripted --engine codex', '--scripted speaks to the builtin engine alone, not to codex'],
  ['--fast', '--fast'],
  ['csv-quotes', 'csv-quotes'],
])('%s is answered with what is wrong', (args, problem) => {
  expect(readOptions(args.split(' '))).toEqual({
    ok: false,
    problem: expect.stringContaining(problem),
  });
});
