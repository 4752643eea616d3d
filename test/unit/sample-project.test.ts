import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parse } from 'yaml';
import { SAMPLE_ISSUES, sampleProjectFiles } from '../../sandbox/sample-project.ts';
import { writeFiles } from '../support/ci-sandbox.ts';

const INCLUDE = { local: '/autodev.yml', inputs: { server: 'http://bot.test', bot_user_id: '42' } };
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'autodev-sample-'));
  writeFiles(folder, sampleProjectFiles(INCLUDE));
  writeFiles(folder, { 'poem.txt': "Don't stop, don't go" });
});
afterAll(() => rmSync(folder, { recursive: true }));

const env = { PATH: process.env['PATH'] ?? '' };

test("the sample's own tests pass", () => {
  const output = execFileSync('npm', ['test'], { cwd: folder, env, encoding: 'utf8' });
  expect(output).toMatch(/pass 6\b/);
  expect(output).toMatch(/fail 0\b/);
  expect(output).toMatch(/all files\s*\|\s*(\d+\.\d+)/);
});

test('the feature and the bug of its issues are not done yet', () => {
  const json = spawnSync('src/cli.js', ['--json', 'poem.txt'], {
    cwd: folder,
    env,
    encoding: 'utf8',
  });
  expect(json.status).toBe(2);
  expect(json.stderr).toContain("Unknown option '--json'");
  expect(SAMPLE_ISSUES.feature.title).toContain('--json');
  const table = execFileSync('src/cli.js', ['poem.txt'], { cwd: folder, env, encoding: 'utf8' });
  expect(table).toMatch(/^don {2,}2$/m);
  expect(SAMPLE_ISSUES.bug.title).toContain("don't");
});

test('its pipeline includes the template in the place kept for it', () => {
  const files = sampleProjectFiles(INCLUDE);
  const yaml = files['.gitlab-ci.yml']?.content ?? '';
  expect(yaml).not.toContain('<autodev include>');
  const custom = [
    { tag: '!reference', collection: 'seq' as const, resolve: (value: unknown) => value },
  ];
  expect(parse(yaml, { customTags: custom })).toMatchObject({ include: [INCLUDE] });
  expect(Object.keys(files).toSorted()).toEqual([
    '.gitlab-ci.yml',
    'README.md',
    'package.json',
    'src/cli.js',
    'src/count.js',
    'src/table.js',
    'test/cli.test.js',
    'test/count.test.js',
  ]);
  expect(files['src/cli.js']?.executable).toBe(true);
});
