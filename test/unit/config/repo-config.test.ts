import { describe, expect, test } from '@jest/globals';
import { parseRepoConfig } from '../../../bot/config/repo-config.ts';
import { RepoConfig } from '../../../schema/wire/repo-config.ts';

const DEFAULTS = RepoConfig.parse({});
const KB = 1024;

test.each([
  ['no file', null],
  ['an empty file', ''],
  ['blank lines', '\n \n'],
  ['comments only', '# nothing yet\n'],
  ['an empty mapping', '{}'],
  ['null', 'null'],
])('%s gives the defaults', (_, text) => {
  expect(parseRepoConfig(text)).toEqual({ config: DEFAULTS, problems: [] });
});

test('every setting is read', () => {
  const text = [
    'enabled: false',
    'permissions: { cancel: maintainer }',
    'runner: { tags: [big, "docker"], image: registry.example.com:5000/a/b@sha256:0f }',
    'protected_paths:',
    "  - 'db/**'",
    'budget: { task_usd: 2.5, run_usd: 9, day_usd: 40 }',
    'autonomy: full',
    'deploy: { environment: staging }',
    'verify: { reports: true }',
    'security: { scanners: [npm-audit, gitleaks] }',
    'review: { min_confidence: 0.8, max_findings: 5 }',
  ].join('\n');
  expect(parseRepoConfig(text)).toEqual({
    config: {
      enabled: false,
      permissions: { cancel: 'maintainer' },
      runner: { tags: ['big', 'docker'], image: 'registry.example.com:5000/a/b@sha256:0f' },
      protected_paths: ['db/**'],
      budget: { task_usd: 2.5, run_usd: 9, day_usd: 40 },
      autonomy: 'full',
      deploy: { environment: 'staging' },
      verify: { reports: true },
      security: { scanners: ['npm-audit', 'gitleaks'] },
      review: { min_confidence: 0.8, max_findings: 5 },
      agents: {},
    },
    problems: [],
  });
});

test('the largest file that the schema allows is read', () => {
  const paths = Array.from({ length: 100 }, (_, i) => `  - '**/folder-${i}/**'`);
  const tags = Array.from({ length: 20 }, (_, i) => `    - tag-${i}`);
  const text = `protected_paths:\n${paths.join('\n')}\nrunner:\n  tags:\n${tags.join('\n')}\n`;
  const { config, problems } = parseRepoConfig(text);
  expect(problems).toEqual([]);
  expect(config.protected_paths).toHaveLength(100);
});

describe('mistakes are named by line and field, and the defaults are used', () => {
  test.each([
    [
      'a wrong type',
      'enabled: yes please\n',
      ['line 1, `enabled`: Invalid input: expected boolean'],
    ],
    ['YAML 1.1 words', 'enabled: yes\n', ['line 1, `enabled`: Invalid input: expected boolean']],
    [
      'an unknown field',
      '# a\nenabled: true\nrunnr: {}\n',
      ['line 3, `runnr`: there is no such setting'],
    ],
    [
      'an unknown field inside',
      'runner:\n  tags: [a]\n  tag: b\n',
      ['line 3, `runner.tag`: there is no such setting'],
    ],
    [
      'two unknown fields',
      'a: 1\nb: 2\n',
      ['line 1, `a`: there is no such setting', 'line 2, `b`: there is no such setting'],
    ],
    [
      'a role nobody has',
      'permissions:\n  fix: boss\n',
      ['line 2, `permissions.fix`: Invalid option'],
    ],
    [
      'an image with a command',
      'runner:\n  image: "a; rm -rf /"\n',
      ['line 2, `runner.image`: must be an image reference'],
    ],
    ['a negative budget', 'budget:\n  task_usd: -1\n', ['line 2, `budget.task_usd`: Too small']],
    [
      'a number that is none',
      'budget: { task_usd: .nan }\n',
      ['line 1, `budget.task_usd`: Invalid input'],
    ],
    [
      'the wrong thing in a list',
      'protected_paths:\n  - a\n  - 5\n',
      ['line 3, `protected_paths.1`: Invalid'],
    ],
    ['a list', '- a\n', ['line 1, `(top level)`: Invalid input: expected object']],
    ['text', 'hello\n', ['line 1, `(top level)`: Invalid input: expected object']],
    ['two mistakes', 'enabled: 1\nbudget: 2\n', ['line 1, `enabled`', 'line 2, `budget`']],
    ['a key twice', 'enabled: true\nenabled: false\n', ['line 2: Map keys must be unique']],
    ['a mapping left open', 'runner: {tags: [a]\n', ['line 2: ']],
    ['tabs', 'runner:\n\ttags: [a]\n', ['line 2: Tabs are not allowed as indentation']],
    ['two documents', 'enabled: true\n---\nenabled: false\n', ['line 2: ']],
    ['an alias', 'runner: &r {}\nbudget: *r\n', ['line 1: anchors and aliases are not allowed']],
    [
      'an anchor nobody uses',
      'enabled: &e true\n',
      ['line 1: anchors and aliases are not allowed'],
    ],
    ['a merge key', '<<: {enabled: false}\n', ['line 1, `<<`: there is no such setting']],
    [
      'a prototype',
      '__proto__: {enabled: false}\n',
      ['line 1, `__proto__`: there is no such setting'],
    ],
    ['a constructor', 'constructor: {prototype: {x: 1}}\n', ['line 1, `constructor`: there is no']],
    ['a key that is a list', '? [a]\n: b\n', ['line 1: a key must be plain text']],
    [
      'deep nesting',
      `a: ${'['.repeat(30)}${']'.repeat(30)}\n`,
      ['line 1: the entries are nested too deep'],
    ],
    ['a backtick in a key', '"a`@all`": 1\n', ["line 1, `a'@all'`: there is no such setting"]],
  ])('%s', (_, text, starts) => {
    const { config, problems } = parseRepoConfig(text);
    expect(config).toEqual(DEFAULTS);
    expect(problems).toHaveLength(starts.length);
    for (const [index, start] of starts.entries()) {
      expect(problems[index]?.slice(0, start.length)).toBe(start);
    }
    expect(({} as { x?: unknown; enabled?: unknown }).x).toBeUndefined();
  });

  test('ten mistakes of three hundred characters at most', () => {
    const many = Array.from({ length: 40 }, (_, i) => `key${i}: 1`).join('\n');
    expect(parseRepoConfig(many).problems).toHaveLength(10);
    const long = parseRepoConfig(`${'k'.repeat(1_000)}: 1\n`).problems;
    expect(long.map((problem) => problem.length)).toEqual([300]);
  });

  test('over 64 KB: refused unread, to the byte', () => {
    const pad = (bytes: number): string => `enabled: false #${'é'.repeat((bytes - 16) / 2)}`;
    expect(parseRepoConfig(pad(64 * KB))).toMatchObject({ config: { enabled: false } });
    expect(parseRepoConfig(pad(64 * KB + 2))).toEqual({
      config: DEFAULTS,
      problems: ['the file is larger than 64 KB'],
    });
  });
});

describe('no file holds the event loop (E6)', () => {
  const CAP = 64 * KB - 8;
  const fill = (part: (index: number) => string): string => {
    const parts: string[] = [];
    for (let length = 0; ;) {
      const next = part(parts.length);
      if ((length += next.length) > CAP) return parts.join('');
      parts.push(next);
    }
  };
  const HOSTILE: Record<string, string> = {
    'billion laughs': [...'bcdefghij'].reduce(
      (text, name, i) =>
        `${text}${name}: &${name} [${Array(9).fill(`*${'abcdefghij'[i]}`).join()}]\n`,
      'a: &a [x,x,x,x,x,x,x,x,x]\n',
    ),
    'ten thousand keys': fill((i) => `k${i.toString(36)}:\n`),
    'ten thousand keys in one line': `{${fill((i) => `k${i.toString(36)},`)}}`,
    'one key again and again': fill(() => 'a: 1\n'),
    anchors: fill((i) => `- &a${i} x\n`),
    aliases: `a: &a 1\n${fill(() => '- *a\n').slice(9)}`,
    'merge keys': `a: &a {x: 1}\n${fill((i) => `k${i}: {<<: *a}\n`).slice(20)}`,
    tags: fill((i) => `- !!t${i} x\n`),
    'open lists': '['.repeat(CAP),
    'nested lists': '['.repeat(CAP / 2) + ']'.repeat(CAP / 2),
    'nested mappings': fill(() => '{a: '),
    'nested dashes': fill(() => '- '),
    'nested dashes with tabs': fill(() => '-\t'),
    'nested question marks': '? '.repeat(400),
    'question marks in braces': '{? '.repeat(300) + '}'.repeat(300),
    stars: fill(() => '*a '),
    quotes: fill(() => '"a" '),
    comments: fill(() => '#\n'),
    documents: fill(() => '---\n'),
    'an endless string': `"${'\\'.repeat(CAP)}`,
    'the most marks that are read': '[-'.repeat(990),
    'a thousand keys': `{${Array.from({ length: 990 }, (_, i) => `k${i}`).join()}}`,
  };
  // Some 50 ms at most on a quiet machine; without the bounds seconds, or for ever.
  const MOST_CPU_MS = 1_000;

  test.each(Object.keys(HOSTILE))('%s', (name) => {
    const text = HOSTILE[name] ?? '';
    const before = process.threadCpuUsage();
    const { config, problems } = parseRepoConfig(text);
    const { user, system } = process.threadCpuUsage(before);
    expect((user + system) / 1000).toBeLessThan(MOST_CPU_MS);
    expect(config).toEqual(DEFAULTS);
    if (name !== 'comments') expect(problems.length).toBeGreaterThan(0);
  });
});
