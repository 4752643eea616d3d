/**
 * What the documents tell people to type or write works. A comment above a block says how it is held:
 *   <!-- run -->               the `sh` block is run in the repository and has to succeed
 *   <!-- not run: reason -->   it is not, because …
 *   <!-- .gitlab-ci.yml -->    the `yaml` block is a pipeline that GitLab's schema accepts
 *   <!-- .autodev.yml -->      the `yaml` block is a repository's configuration
 *   <!-- settings.yaml -->     the `yaml` block takes the place of these parts of config/settings.yaml
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, test } from '@jest/globals';
import { Ajv } from 'ajv';
import { parse } from 'yaml';
import { RepoConfig } from '../../schema/wire/repo-config.ts';
import { Settings } from '../../schema/wire/settings.ts';
import { files, lineAt, read, root } from './support/sources.ts';

const SCHEMA = '../shared/reference/schemas/gitlab-ci.schema.json';
/** Seconds a block may take. */
const RUN_SECONDS = 15;

interface Block {
  readonly place: string;
  readonly language: string;
  /** Text of the comment above it; empty without one. */
  readonly mark: string;
  readonly text: string;
}

const documents = files.filter((file) => /^(?:[A-Z]+[.]md|docs\/.+[.]md)$/.test(file));

function blocksOf(file: string, text: string): Block[] {
  const fence = /(?:^<!-- ([^\n]*) -->\n\n?)?^```(\w+)\n([^]*?)^```$/gm;
  return [...text.matchAll(fence)].map((match) => ({
    place: `${file}:${lineAt(text, match.index)}`,
    mark: match[1] ?? '',
    language: match[2] ?? '',
    text: match[3] ?? '',
  }));
}

const blocks = documents.flatMap((file) => blocksOf(file, read(file)));
const shell = blocks.filter(({ language }) => /^(sh|bash|shell|console)$/.test(language));
const yaml = blocks.filter(({ language }) => /^ya?ml$/.test(language));

test('every shell and YAML block says how it is held', () => {
  const bad = [
    ...shell.filter(({ mark }) => !/^(run|not run: .{10,})$/.test(mark)),
    ...yaml.filter(
      ({ mark }) => !/^([.]gitlab-ci[.]yml|[.]autodev[.]yml|settings[.]yaml)$/.test(mark),
    ),
  ];
  expect(bad.map(({ place, language }) => `${place} ${language}`)).toEqual([]);
});

test('blocks marked to run succeed', () => {
  const marked = shell.filter(({ mark }) => mark === 'run');
  for (const { place, text } of marked) {
    const { status, stdout, stderr } = spawnSync('bash', ['-euo', 'pipefail', '-c', text], {
      cwd: root,
      encoding: 'utf8',
      timeout: RUN_SECONDS * 1000,
      env: { ...process.env, PATH: `${join(root, 'node_modules/.bin')}:${process.env['PATH']}` },
    });
    expect({ place, status, output: status === 0 ? '' : stdout + stderr }).toEqual({
      place,
      status: 0,
      output: '',
    });
  }
});

test('repository configurations are valid', () => {
  for (const { place, text } of yaml.filter(({ mark }) => mark === '.autodev.yml')) {
    const { error } = RepoConfig.safeParse(parse(text) ?? {});
    expect({ place, problem: error?.message }).toEqual({ place, problem: undefined });
  }
});

test('parts of the settings are valid', () => {
  const shipped = parse(read('config/settings.yaml')) as object;
  for (const { place, text } of yaml.filter(({ mark }) => mark === 'settings.yaml')) {
    const { error } = Settings.safeParse({ ...shipped, ...(parse(text) as object) });
    expect({ place, problem: error?.message }).toEqual({ place, problem: undefined });
  }
});

test("pipelines pass GitLab's schema", () => {
  if (!existsSync(join(root, SCHEMA))) {
    console.warn("GitLab's CI schema is not at hand: pipelines in documents are not validated");
    return;
  }
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
  const validate = ajv.compile(JSON.parse(read(SCHEMA)) as object);
  for (const { place, text } of yaml.filter(({ mark }) => mark === '.gitlab-ci.yml')) {
    validate(parse(text));
    expect({ place, errors: validate.errors ?? [] }).toEqual({ place, errors: [] });
  }
});

test('links between documents lead somewhere', () => {
  const broken = documents.flatMap((file) =>
    [...read(file).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)(?:#[^)\s]*)?\)/g)]
      .map((match) => normalize(join(dirname(file), match[1] ?? '')))
      .filter((target) => !existsSync(join(root, target)))
      .map((target) => `${file} links to ${target}`),
  );
  expect(broken).toEqual([]);
});

test('npm scripts that documents name exist', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  const unknown = documents.flatMap((file) =>
    [...read(file).matchAll(/\bnpm run (?:--silent )?([a-z][a-z:-]*)/g)]
      .map((match) => match[1] ?? '')
      .filter((name) => !(name in scripts))
      .map((name) => `${file} names npm run ${name}`),
  );
  expect(unknown).toEqual([]);
});

test('blocks are found with their marks', () => {
  const text = 'a\n<!-- run -->\n```sh\ntrue\n```\n\n```yaml\na: 1\n```\n';
  expect(blocksOf('x.md', text)).toEqual([
    { place: 'x.md:2', mark: 'run', language: 'sh', text: 'true\n' },
    { place: 'x.md:7', mark: '', language: 'yaml', text: 'a: 1\n' },
  ]);
});
