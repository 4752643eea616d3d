import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  headOf,
  idToken,
  makeRepository,
  makeSpec,
  removeTree,
  type Standin,
  startProgram,
  startStandin,
} from './jobs-standin.ts';

let dist = '';
let standin: Standin | undefined;

beforeAll(() => {
  dist = mkdtempSync(join(tmpdir(), 'autodev-dist-'));
  execFileSync(process.execPath, ['jobs/build.mjs', dist]);
});
afterAll(() => removeTree(dist));

test.each(['openai', 'anthropic'] as const)('the bundle alone does a task with %s', async (p) => {
  const repo = makeRepository({ 'greet.js': 'greet();\n' }, 'token-of-the-job');
  standin = await startStandin({ ...makeSpec(p), baseSha: headOf(repo) }, (n) =>
    n === 0
      ? { calls: [{ name: 'search', args: { pattern: 'gr[e]+t' } }] }
      : { calls: [{ name: 'finish', args: { outcome: 'done', summary: 'ok' } }] },
  );
  try {
    const entry = join(dist, 'autodev-job.mjs');
    const env = {
      AUTODEV_ID_TOKEN: idToken(standin.url),
      AUTODEV_ATTEMPT: '7',
      CI_PROJECT_DIR: repo,
    };
    const { code, err } = await startProgram(['run'], env, entry).done;
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const stats = standin.results[0]?.stats;
    console.info(
      `agent start to first model request (${p}): ${stats?.firstRequestMs?.toFixed(0)} ms`,
    );
    expect(stats?.turns).toBe(2);
    expect(JSON.stringify(standin.requests[1]?.body)).toContain('greet.js:1:greet();');
  } finally {
    await standin.close();
    removeTree(repo);
  }
});

test('the bundle holds no translations: `import * as z` leaves the locales of zod out', () => {
  const chunks = join(dist, 'autodev-job-chunks');
  const texts = readdirSync(chunks).map((name) => readFileSync(join(chunks, name), 'utf8'));
  expect(texts.filter((text) => text.includes('ZodObject'))).not.toEqual([]);
  expect(texts.filter((text) => /Ung(?:ü|\\xFC)ltige Eingabe/.test(text))).toEqual([]);
});

test('the entry is executable and loads neither SDK at once', () => {
  const entry = readFileSync(join(dist, 'autodev-job.mjs'), 'utf8');
  expect(entry.startsWith('#!/usr/bin/env node\n')).toBe(true);
  expect(entry.length).toBeLessThan(20_000);
  const chunks = readdirSync(join(dist, 'autodev-job-chunks'));
  expect(chunks.filter((name) => /^(openai|anthropic)-model-/.test(name))).toHaveLength(2);
  expect(execFileSync(join(dist, 'autodev-job.mjs'), ['--help'], { encoding: 'utf8' })).toContain(
    'autodev-job run',
  );
});

test('the built-in search finds the same where ripgrep is missing', () => {
  const repo = makeRepository(
    { 'a.txt': 'one\ntwo\n', 'b/c.txt': 'two two\n' },
    'token-of-the-job',
  );
  const request = { root: repo, path: '.', pattern: 't.o', literal: false, glob: null };
  const input = JSON.stringify({ ...request, matchesPerFile: 5, columns: 80 });
  writeFileSync(join(repo, 'd.bin'), Buffer.from([0, 116, 119, 111]));
  try {
    const out = execFileSync(join(dist, 'autodev-job.mjs'), ['scan'], { input, encoding: 'utf8' });
    expect(out).toBe('a.txt:2:two\nb/c.txt:1:two two\n');
  } finally {
    removeTree(repo);
  }
});
