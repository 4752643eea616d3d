/** The project's own pipeline is valid, and develops itself only where a bot is named. */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Ajv } from 'ajv';
import { parse } from 'yaml';
import { read, root } from './support/sources.ts';

const SCHEMA = join(root, '../shared/reference/schemas/gitlab-ci.schema.json');

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'pipeline-'));
  for (const path of ['.gitlab-ci.yml', '.gitlab', 'ci-templates', 'package-lock.json']) {
    cpSync(join(root, path), join(folder, path), { recursive: true });
  }
  const git = (...args: string[]) => execFileSync('git', args, { cwd: folder, stdio: 'ignore' });
  git('init', '-b', 'main');
  git('remote', 'add', 'origin', 'https://gitlab.example.com/group/autodev.git');
  git('add', '.');
  git('-c', 'user.name=a', '-c', 'user.email=a@example.com', 'commit', '-m', 'Start.');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/**
 * Names of the jobs a pipeline of main has with these CI/CD variables. gitlab-ci-local leaves
 * `expand_vars` out, so the values are put where GitLab puts them while it reads the file.
 */
function jobs(variables: Readonly<Record<string, string>>): string[] {
  const program = join(root, 'node_modules/gitlab-ci-local/dist/index.js');
  writeFileSync(
    join(folder, '.gitlab/autodev.yml'),
    read('.gitlab/autodev.yml').replaceAll(
      /\$\[\[ inputs\.(\w+) \| expand_vars \]\]/g,
      (_, name: string) => `'${variables[`AUTODEV_${name.toUpperCase()}`] ?? ''}'`,
    ),
  );
  const given = Object.entries(variables).flatMap(([name, value]) => [
    '--variable',
    `${name}=${value}`,
  ]);
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [program, '--list-csv', ...given],
    {
      cwd: folder,
      encoding: 'utf8',
      timeout: 50_000,
      env: { PATH: process.env['PATH'] ?? '', HOME: folder, NO_COLOR: '1' },
    },
  );
  if (status !== 0) throw new Error(`gitlab-ci-local refused the pipeline:\n${stdout}${stderr}`);
  return stdout
    .split('\n')
    .slice(1)
    .map((line) => line.split(';')[0] ?? '')
    .filter((name) => name !== '');
}

test('gitlab-ci-local accepts it', () => {
  expect(jobs({})).toEqual(expect.arrayContaining(['check', 'test', 'build']));
  expect(jobs({}).filter((name) => name.startsWith('autodev'))).toEqual([]);
});

test('it includes the template of this repository when a bot is named', () => {
  const variables = {
    AUTODEV_SERVER: 'https://autodev.example.com',
    AUTODEV_BOT_USER_ID: '42',
    AUTODEV_IMAGE: 'registry.example.com/autodev-job:1',
    GITLAB_USER_ID: '42',
    CI_PIPELINE_SOURCE: 'api',
  };
  expect(jobs(variables).some((name) => name.startsWith('autodev'))).toBe(true);
});

test("both files pass GitLab's own schema", () => {
  if (!existsSync(SCHEMA)) {
    console.warn("GitLab's CI schema is not at hand: not validated against it");
    return;
  }
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
  const validate = ajv.compile(
    JSON.parse(read('../shared/reference/schemas/gitlab-ci.schema.json')) as object,
  );
  for (const file of ['.gitlab-ci.yml', '.gitlab/autodev.yml']) {
    for (const document of read(file).split(/^---$/m)) {
      validate(parse(document));
      expect({ file, errors: validate.errors ?? [] }).toEqual({ file, errors: [] });
    }
  }
});
