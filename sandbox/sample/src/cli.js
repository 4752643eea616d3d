#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { countWords } from './count.js';
import { formatTable } from './table.js';

const USAGE = `Usage: wordfreq [options] <file>

Options:
  --top <n>  show only the n most frequent words
  --help     show this help
`;

const OPTIONS = {
  top: { type: 'string' },
  help: { type: 'boolean' },
};

/** Runs the program and returns what it prints. Throws an Error with a message for people. */
function run(args) {
  const { values, positionals } = parseArgs({ args, options: OPTIONS, allowPositionals: true });
  if (values.help) return USAGE;
  if (positionals.length !== 1) throw new Error('Name exactly one file.');
  const top = values.top === undefined ? Infinity : Number(values.top);
  if (!(top >= 1)) throw new Error('--top needs a number of at least 1.');
  const counts = countWords(readFileSync(positionals[0], 'utf8')).slice(0, top);
  return `${formatTable(counts)}\n`;
}

try {
  process.stdout.write(run(process.argv.slice(2)));
} catch (error) {
  process.stderr.write(`wordfreq: ${error.message}\n`);
  process.exitCode = 2;
}
