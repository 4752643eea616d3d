/** D1 and D4: files that no agent may touch are refused, and no accepted path leads anywhere else. */
import { spawnSync } from 'node:child_process';
import { loadSettings } from '../../bot/config/settings.ts';
import { checkResult } from '../../bot/worker/publish/check-result.ts';
import { JobResult, type FileChange } from '../../schema/wire/result.ts';
import { broken, held, type Mutant, type Played, type Proof } from '../proof.ts';
import type { Random } from '../random.ts';
import { temporary } from '../temporary.ts';

const ROOT = new URL('../../', import.meta.url).pathname;
const PATTERNS = loadSettings(`${ROOT}config/settings.yaml`).protectedPaths;
const POLICY = 'bot/worker/publish/path-policy.ts';

/** Files that decide what runs, who approves, or what agents obey. */
const PROTECTED = (
  '.gitlab-ci.yml .gitlab/ci/build.yml .gitlab/autodev.yml .gitlab/CODEOWNERS .gitlab/agents/a/config.yaml ' +
  '.github/workflows/ci.yml .github/CODEOWNERS .github/copilot-instructions.md .github/dependabot.yml ' +
  '.autodev.yml CODEOWNERS docs/CODEOWNERS AGENTS.md pkg/AGENTS.md CLAUDE.md pkg/deep/CLAUDE.md GEMINI.md ' +
  '.claude/settings.json .claude/settings.local.json .claude/commands/x.md .claude/agents/x.md .mcp.json ' +
  '.cursor/rules/x.mdc .cursorrules .gemini/settings.json .codex/config.toml .aider.conf.yml .windsurfrules ' +
  '.continue/config.json .roo/rules.md .gitmodules .gitattributes sub/.gitattributes .gitignore .gitkeep ' +
  '.husky/pre-commit .husky/_/husky.sh .npmrc packages/a/.npmrc .yarnrc.yml .pnpmfile.cjs .env .env.production ' +
  '.vscode/tasks.json .vscode/settings.json .idea/workspace.xml .devcontainer/devcontainer.json ' +
  '.circleci/config.yml .travis.yml .pre-commit-config.yaml .tool-versions .nvmrc .dockerignore .envrc ' +
  'package-lock.json web/yarn.lock pnpm-lock.yaml Cargo.lock go.sum poetry.lock bunfig.toml a/.b/c/d'
).split(' ');

type Way = (path: string) => unknown[];
const file = (path: string, more: object = {}): object => ({
  ...{ path, action: 'update', mode: '100644', content: 'eA==' },
  ...more,
});
const gone = (path: string): object => ({ path, action: 'delete', mode: '100644' });

/** How an agent could get at a file; the last two have no spelling in the contract at all. */
const WAYS: Readonly<Record<string, Way>> = {
  edit: (path) => [file(path)],
  create: (path) => [file(path, { action: 'create' })],
  delete: (path) => [gone(path)],
  'rename to': (path) => [gone('src/old.js'), file(path, { action: 'create' })],
  'rename from': (path) => [gone(path), file('src/new.js', { action: 'create' })],
  'upper case': (path) => [file(path.toUpperCase())],
  'mixed case': (path) => [
    file(path.replaceAll(/[a-z]/g, (c, i) => (i % 2 ? c : c.toUpperCase()))),
  ],
  'other letters': (path) => [file(path.replaceAll('s', 'ſ').replaceAll('k', '\u212A'))],
  'full width': (path) => [file(path.replaceAll(/[a-z]/gi, wide))],
  mode: (path) => [file(path, { mode: '100755' })],
  'among others': (path) => [file('src/a.js'), file(path), file('src/b.js')],
  'with a stream': (path) => [file(`${path}::$DATA`)],
  'with a dot': (path) => [file(`${path}.`)],
  'with a blank': (path) => [file(`${path} `)],
  symlink: () => [file('src/link.js', { mode: '120000' })],
  submodule: () => [file('src/module', { mode: '160000' })],
};

function wide(char: string): string {
  return String.fromCodePoint((char.codePointAt(0) ?? 0) + 0xfee0);
}

/** The publisher's way with a result: its schema, then its checks; null: it is published. */
export async function refusalOf(
  changes: unknown[],
  {
    own = [],
    protectedPaths = PATTERNS,
  }: { own?: readonly string[]; protectedPaths?: string[] } = {},
): Promise<string | null> {
  const parsed = JobResult.safeParse({
    ...{ version: 1, attempt: 1, outcome: 'finished', cause: 'done', summary: 'Done.', checks: [] },
    ...{ changes, baseSha: 'a'.repeat(40) },
    stats: { turns: 1, toolCalls: 1, seconds: 1, firstRequestMs: null, model: null },
  });
  if (!parsed.success) return 'the schema';
  const verdict = await checkResult(parsed.data, {
    protectedPaths,
    ownSecrets: own,
    allowed: [],
  });
  return verdict.ok ? null : verdict.cause;
}

const ways = Object.entries(WAYS);

async function playProtected(index: number): Promise<Played> {
  const path = PROTECTED[Math.floor(index / ways.length) % PROTECTED.length] ?? '';
  const [way = '', changes] = ways[index % ways.length] ?? [];
  const about = `${way} ${path}`;
  const refused = await refusalOf(changes?.(path) ?? []);
  return refused === null ? broken(about, 'it would be published') : held(about);
}

/** Without it protected files are published. */
export const pathPolicy: Mutant = {
  name: 'path policy',
  file: POLICY,
  from: '  if (first === undefined) return { ok: true };',
  to: '  if (first === undefined || files.length > 0) return { ok: true };',
};

export const protectedFiles: Proof = {
  id: 'D1',
  name: 'No agent touches CI, owners, lock files or the settings of agents',
  layer: 'functions',
  runs: { ci: PROTECTED.length * ways.length, full: PROTECTED.length * ways.length },
  play: playProtected,
  mutants: [
    pathPolicy,
    {
      name: 'patterns for any folder',
      file: 'bot/domain/path-patterns.ts',
      from: "return !pattern.includes('/') && posix",
      to: 'return false && posix',
    },
    {
      name: 'letters that fold',
      file: POLICY,
      from: 'patternOf(path, patterns) ?? patternOf(folded(path), patterns)',
      to: 'patternOf(path, patterns)',
    },
    {
      name: 'names of other systems',
      file: POLICY,
      from: 'if (plain.length < folded(part).length || SHORT_NAME.test(part)) {',
      to: 'if (SHORT_NAME.test(part)) {',
    },
    {
      name: 'no mode for links and submodules',
      file: 'schema/wire/result.ts',
      from: "mode: z.enum(['100644', '100755'])",
      to: 'mode: z.string() as unknown as z.ZodEnum<{ "100644": "100644"; "100755": "100755" }>',
    },
  ],
};

/** Parts of paths that somebody may hope to get through. */
const PARTS = [
  ...[
    'src',
    'a',
    'b.js',
    'README.md',
    'ünï',
    'a b',
    '-n',
    '--upload-pack=x',
    '$(id)',
    'x;y',
    '%2e%2e',
  ],
  ...[
    '..',
    '.',
    '',
    '...',
    '.. ',
    '..\u200C',
    '.git',
    '.GIT',
    '.Git',
    '.git.',
    '.git ',
    '.git  . ',
  ],
  ...[
    'git~1',
    'GIT~2',
    'g\u200Cit',
    '.g\u200Cit',
    '.gi\u200Dt',
    '.\uFEFFgit',
    '.git:x',
    '.git::$INDEX_ALLOCATION',
  ],
  ...[
    'GITMOD~1',
    'CODEOW~1',
    'a\\b',
    '..\\x',
    'C:',
    'c:\\x',
    '~',
    '~root',
    'con',
    'nul',
    'aux.txt',
  ],
  ...[
    'a\nb',
    'a\0b',
    'a\tb',
    'a\u202Eb',
    'a\u2028b',
    '\u00E9',
    'e\u0301',
    'A',
    'B.JS',
    'ſrc',
    'hooks',
    'config',
  ],
  ...['x'.repeat(255), 'x'.repeat(256), '\u0301', '．', '／', '．．', '․․', '∕etc'],
];

function fuzzedPath(random: Random): string {
  const parts = Array.from({ length: 1 + random.int(4) }, () => random.pick(PARTS));
  let path = parts.join('/');
  if (random.chance(0.05)) path = `/${path}`;
  if (random.chance(0.05)) path += '/';
  if (random.chance(0.1)) path = path.replace('/', '//');
  return path;
}

/** Accepted paths, for git's own judgement at the end. */
const accepted: string[][] = [];

async function playFuzzed(_: number, random: Random): Promise<Played> {
  const paths = Array.from({ length: 1 + random.int(3) }, () => fuzzedPath(random));
  if (random.chance(0.1)) paths.push(random.pick(paths).toUpperCase());
  if (random.chance(0.1)) paths.push(`${random.pick(paths)}/x`);
  const about = JSON.stringify(paths);
  const changes = paths.map((path) => file(path, { action: random.pick(['create', 'update']) }));
  // Without patterns: this is about paths that no maintainer could let through either.
  if ((await refusalOf(changes, { protectedPaths: [] })) !== null) return held(about);
  accepted.push(paths);
  const wrong = landsElsewhere(paths as FileChange['path'][]);
  return wrong === null ? held(about) : broken(about, wrong);
}

/** Where the paths would land on file systems that fold case, compose letters or drop characters. */
function landsElsewhere(paths: readonly string[]): string | null {
  const taken = new Set<string>();
  const folders = new Set<string>();
  for (const path of paths) {
    if (path.startsWith('/') || /\\|\p{Cc}/u.test(path) || path.charAt(1) === ':') {
      return 'it is no plain relative path';
    }
    const parts = path.split('/').map((part) =>
      part
        .replaceAll(/[\u200B-\u200F\u202A-\u202E\u2060-\u206F\uFEFF]/g, '')
        .normalize('NFC')
        .toLowerCase()
        .replace(/:.*$/, '')
        .replace(/[. ]{1,300}$/, ''),
    );
    if (parts.some((part) => part === '')) return 'a part of it vanishes or leads up';
    if (parts.some((part) => part === '.git' || /^git~\d/.test(part)))
      return 'it reaches into .git';
    const name = parts.join('/');
    if (taken.has(name)) return 'two of them are one file';
    taken.add(name);
    for (let end = 1; end < parts.length; end += 1) folders.add(parts.slice(0, end).join('/'));
  }
  return [...taken].some((name) => folders.has(name)) ? 'one is a file and a folder' : null;
}

/** Git itself, told to mind every file system, takes each accepted path into an index. */
function askGit(): string | null {
  const all = accepted.splice(0);
  const judge = (sets: readonly string[][]): boolean => {
    const blob = 'e69de29bb2d1d6434b8b29ae775ad8c2e48c5391';
    const git = (args: string[], input = '') =>
      spawnSync('git', ['-c', 'core.protectNTFS=true', '-c', 'core.protectHFS=true', ...args], {
        input,
        encoding: 'utf8',
        env: {
          PATH: process.env['PATH'] ?? '',
          GIT_INDEX_FILE: indexFile,
          GIT_DIR: `${indexFile}.git`,
        },
      });
    const indexFile = `${temporary()}/index`;
    git(['init', '--quiet', '--bare', `${indexFile}.git`]);
    const lines = sets.flatMap((paths, set) =>
      paths.map((path) => `100644 ${blob}\t${set}/${path}\0`),
    );
    return git(['update-index', '-z', '--index-info'], lines.join('')).status === 0;
  };
  if (all.length === 0 || judge(all)) return null;
  const wrong = all.find((paths) => !judge([paths]));
  return `git refuses what was accepted: ${JSON.stringify(wrong ?? 'all together')}`;
}

export const paths: Proof = {
  id: 'D4',
  name: 'No accepted path leaves the repository, reaches into .git or meets another',
  layer: 'functions',
  runs: { ci: 3_000, full: 10_000 },
  play: playFuzzed,
  finish: async () => ({ failure: await askGit() }),
  mutants: [
    { name: 'forward slashes', file: POLICY, from: "path.includes('\\\\')", to: 'false' },
    {
      name: 'invisible characters',
      file: POLICY,
      from: 'if (CONTROL.test(path) || IGNORABLE.test(path))',
      to: 'if (false)',
    },
    {
      name: 'git folder',
      file: POLICY,
      from: "if (plain === '.git' || plain === ''",
      to: "if (false && plain === ''",
    },
    { name: 'each file once', file: POLICY, from: 'if (seen.has(same)) {', to: 'if (false) {' },
    { name: 'file or folder', file: POLICY, from: 'if (twofold !== null) {', to: 'if (false) {' },
  ],
};
