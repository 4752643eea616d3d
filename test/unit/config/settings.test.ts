import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { stringify } from 'yaml';
import { findInstallation } from '../../../bot/config/installation.ts';
import { checkRoutes, loadAgents, loadSettings } from '../../../bot/config/settings.ts';
import { SettingsError } from '../../../bot/config/settings-error.ts';
import type { Settings } from '../../../schema/wire/settings.ts';

const files = findInstallation(import.meta.dirname);
let dir: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'autodev-settings-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

const file = (text: string, name = 'settings.yaml'): string => {
  const at = path.join(dir, name);
  writeFileSync(at, text);
  return at;
};
const shipped = (): Settings => loadSettings(files.settingsFile);

describe('the shipped files', () => {
  test('are found from any folder of the installation, and nowhere else', () => {
    expect(findInstallation(path.join(files.root, 'bot', 'cli'))).toEqual(files);
    expect(findInstallation(files.root)).toEqual(files);
    expect(() => findInstallation(dir)).toThrow(/config\/settings\.yaml is missing/);
  });

  test('are valid, and every model an agent uses has a price', () => {
    const agents = loadAgents(files.agentsDir);
    expect(Object.keys(agents).toSorted()).toEqual([
      'architect',
      'bug_finder',
      'builder',
      'devops',
      'docs',
      'pm',
      'reviewer',
      'security',
      'tester',
    ]);
    for (const [role, agent] of Object.entries(agents)) {
      expect(agent).toMatchObject({ role, prompt: expect.stringMatching(/^You are /) });
    }
    expect(() => checkRoutes(shipped(), agents)).not.toThrow();
  });
});

/** Settings for a test to spoil. */
type Loose = Record<'ci' | 'permissions' | 'limits', Record<string, unknown>>;

describe('settings', () => {
  test.each<[string, (settings: Loose) => void, RegExp]>([
    ['an unknown field', (s) => Object.assign(s, { colour: 1 }), /colour/],
    ['a missing field', (s) => void Reflect.deleteProperty(s, 'ci'), /^ {2}ci: /m],
    [
      'a wrong role',
      (s) => Object.assign(s.permissions, { cancel: 'boss' }),
      /^ {2}permissions\.cancel: /m,
    ],
    [
      'no default role',
      (s) => void delete s.permissions['default'],
      /^ {2}permissions\.default: /m,
    ],
    ['a cap of nothing', (s) => Object.assign(s.limits, { taskUsd: 0 }), /^ {2}limits\.taskUsd: /m],
    [
      'a cap in words',
      (s) => Object.assign(s.limits, { taskUsd: 'ten' }),
      /^ {2}limits\.taskUsd: /m,
    ],
    [
      'too many attempts',
      (s) => Object.assign(s.limits, { attemptsPerTask: 11 }),
      /^ {2}limits\.attemptsPerTask: /m,
    ],
    [
      'a strategy GitLab does not know',
      (s) => Object.assign(s.ci, { strategy: 'wait' }),
      /^ {2}ci\.strategy: /m,
    ],
    [
      'an empty pattern',
      (s) => Object.assign(s, { protectedPaths: [''] }),
      /^ {2}protectedPaths\.0: /m,
    ],
  ])('with %s are refused by name of file and field', (_, change, message) => {
    const settings = structuredClone(shipped()) as unknown as Loose;
    change(settings);
    const at = file(stringify(settings));
    expect(() => loadSettings(at)).toThrow(SettingsError);
    expect(() => loadSettings(at)).toThrow(`${at}: wrong settings`);
    expect(() => loadSettings(at)).toThrow(message);
  });

  test('every wrong field is named, not only the first', () => {
    const settings = {
      ...shipped(),
      limits: { ...shipped().limits, taskUsd: -1, verifyMinutes: 0 },
    };
    const at = file(stringify({ ...settings, extra: true }));
    expect(() => loadSettings(at)).toThrow(
      /limits\.taskUsd: [^]*limits\.verifyMinutes: [^]*(top level)[^]*extra/,
    );
  });

  test.each([
    ['no YAML', 'a: [', /is not valid YAML: /],
    ['aliases', 'a: &a [1]\nb: *a\n', /is not valid YAML: /],
    ['a list', '- 1', /\(top level\): /],
    ['nothing', '', /\(top level\): /],
  ])('a file with %s is refused by name', (_, text, message) => {
    const at = file(text);
    expect(() => loadSettings(at)).toThrow(message);
    expect(() => loadSettings(at)).toThrow(at);
  });

  test('a file that is not there is named', () => {
    expect(() => loadSettings(path.join(dir, 'none.yaml'))).toThrow(/none\.yaml: cannot be read/);
  });
});

describe('agents', () => {
  const builder = readFileSync(path.join(files.agentsDir, 'builder.md'), 'utf8');
  const agents = (text: string, name = 'builder.md'): (() => unknown) => {
    mkdirSync(path.join(dir, 'agents'), { recursive: true });
    const at = file(text, path.join('agents', name));
    return () => loadAgents(path.dirname(at));
  };

  test.each<[string, string, RegExp]>([
    ['no front matter', 'You are the builder.', /wants front matter/],
    ['no prompt', builder.slice(0, builder.indexOf('---\n', 4) + 4), /wants front matter/],
    ['an unknown tool', builder.replace('run_command', 'delete_all'), /tools\.\d+: /],
    ['an unknown task', builder.replace('implement_fix', 'merge'), /tasks\.\d+: /],
    [
      'a verb that no result has',
      builder.replace(/output: \[.*\]/, 'output: [approve]'),
      /output\.0: /,
    ],
    ['no models', builder.replace(/models:\n(?: {2}- .*\n)+/, 'models: []\n'), /models: /],
    [
      'an unknown provider',
      builder.replace('provider: openai', 'provider: acme'),
      /models\.\d\.provider: /,
    ],
    ['no limit of turns', builder.replace(/ {2}turns: \d+\n/, ''), /limits\.turns: /],
    [
      'a cost without bound',
      builder.replace(/maxCostUsd: \d+/, 'maxCostUsd: 1e9'),
      /limits\.maxCostUsd: /,
    ],
    ['a field nobody reads', builder.replace('engine:', 'mood: good\nengine:'), /mood/],
    [
      'front matter that is no YAML',
      builder.replace('title: Builder', 'title: ['),
      /is not valid YAML/,
    ],
  ])('an agent with %s is refused by name of file and field', (_, text, message) => {
    expect(text).not.toBe(builder);
    const load = agents(text);
    expect(load).toThrow(SettingsError);
    expect(load).toThrow(message);
    expect(load).toThrow('builder.md');
  });

  test('a file whose name is no role is refused with the roles there are', () => {
    expect(agents(builder, 'boss.md')).toThrow(/boss\.md: no role has this name; use one of pm, /);
  });

  test('files with Windows line ends are read, other files are left alone', () => {
    const load = agents(builder.replaceAll('\n', '\r\n'));
    copyFileSync(files.settingsFile, path.join(dir, 'agents', 'notes.txt'));
    expect(load()).toEqual({ builder: loadAgents(files.agentsDir).builder });
  });

  test('a model without a price is refused by agent and model', () => {
    const load = agents(builder.replace(/model: claude-[\w.-]+/, 'model: claude-unpriced'));
    expect(() => checkRoutes(shipped(), load() as ReturnType<typeof loadAgents>)).toThrow(
      /builder\.md: anthropic\/claude-unpriced has no price; add it under prices\.anthropic/,
    );
  });
});
