/** The tools as a model uses them, on a real folder. */
import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { selectTools } from '../../../jobs/tools/all.ts';
import { NOBODY } from '../../contract/jobs-standin.ts';
import { checkCall, clipBytes, toolSpec, type ToolResult } from '../../../jobs/tools/tool.ts';

let top = '';
let root = '';
const tools = selectTools({
  tools: ['read_file', 'list', 'search', 'edit_file', 'run_command', 'finish'],
  report: 'none',
  reports: [],
});
const checks: unknown[] = [];

const paths: string[] = [];
afterAll(() => paths.forEach((dir) => rmSync(dir, { recursive: true, force: true })));

beforeEach(() => {
  top = realpathSync(mkdtempSync(join(tmpdir(), 'autodev-tools-')));
  root = join(top, 'ws');
  mkdirSync(join(root, 'src'), { recursive: true });
  writeFileSync(join(top, 'outside.txt'), 'SECRET\n');
  writeFileSync(join(root, 'a.txt'), 'one\ntwo\nthree\ntwo\n');
  writeFileSync(join(root, 'src/b.js'), 'const x = 1;\r\nlet y = 2;\r\n');
  writeFileSync(join(root, 'bin'), Buffer.from([1, 0, 2]));
  execFileSync('git', ['init', '-q'], { cwd: root });
  checks.length = 0;
});
afterEach(() => rmSync(top, { recursive: true, force: true }));

async function call(name: string, args: unknown, more: object = {}): Promise<ToolResult> {
  const checked = checkCall(tools, name, JSON.stringify(args));
  if (!checked.ok) return checked;
  return checked.tool.run(checked.input, {
    root,
    resultBytes: 5_000,
    commandSeconds: 5,
    env: { PATH: process.env['PATH'] ?? '', HOME: top, LANG: 'C.UTF-8', TMPDIR: top, CI: 'true' },
    self: [process.execPath, resolve('jobs/main.ts')],
    signal: AbortSignal.timeout(30_000),
    ...NOBODY,
    onCommand: (check) => checks.push(check),
    ...more,
  });
}

const BAD_PATHS: [string, RegExp][] = [
  ['../outside.txt', /leaves the repository/],
  ['src/../../outside.txt', /leaves the repository/],
  ['/etc/passwd', /absolute/],
  ['a\0b', /NUL/],
  ['.git/config', /git's own files/],
  ['.GIT/config', /git's own files/],
  ['src/.git/config', /git's own files/],
  ['git~1/config', /git's own files/],
  ['.git\u200c/config', /git's own files/],
  ['.git /config', /git's own files/],
  ['out/outside.txt', /link that leads outside/],
  ['dangling/x', /link that leads outside/],
  ['gitlink/config', /leads into \.git/],
  ['file-link', /symbolic link/],
];

describe.each(['read_file', 'edit_file', 'create'] as const)('%s stays inside', (kind) => {
  test.each(BAD_PATHS)('%j', async (path, expected) => {
    symlinkSync(top, join(root, 'out'));
    symlinkSync(join(top, 'nowhere'), join(root, 'dangling'));
    symlinkSync('.git', join(root, 'gitlink'));
    symlinkSync(join(top, 'outside.txt'), join(root, 'file-link'));
    const edits = { edit_file: { old_text: 'SECRET' }, create: {}, read_file: {} }[kind];
    const args = kind === 'read_file' ? { path } : { path, ...edits, new_text: 'hacked' };
    const result = await call(kind === 'create' ? 'edit_file' : kind, args);
    expect(result.ok).toBe(false);
    expect(result.text).toMatch(expected);
    expect(result.text).not.toContain('SECRET');
    expect(readFileSync(join(top, 'outside.txt'), 'utf8')).toBe('SECRET\n');
    expect(existsSync(join(top, 'nowhere'))).toBe(false);
    expect(readFileSync(join(root, '.git/config'), 'utf8')).not.toContain('hacked');
  });
});

test.each<[string, object, boolean, RegExp | string]>([
  ['whole', { path: 'a.txt' }, true, '1\tone\n2\ttwo\n3\tthree\n4\ttwo'],
  [
    'part',
    { path: './a.txt', start_line: 2, end_line: 3 },
    true,
    /^2\ttwo\n3\tthree\n\[lines 2-3 of 4\]$/,
  ],
  ['nulls', { path: 'a.txt', start_line: null, end_line: null }, true, /^1\tone/],
  ['past the end', { path: 'a.txt', start_line: 9 }, false, 'a.txt has only 4 lines.'],
  ['backwards', { path: 'a.txt', start_line: 3, end_line: 2 }, false, /lies before/],
  ['missing', { path: 'b.txt' }, false, /does not exist/],
  ['folder', { path: 'src' }, false, /a folder; use list/],
  ['binary', { path: 'bin' }, false, /binary file of 3 bytes/],
  ['unknown field', { path: 'a.txt', line: 3 }, false, /Unrecognized key: "line"/],
  ['wrong type', { path: 'a.txt', start_line: '2' }, false, /start_line: /],
])('read_file: %s', async (_, args, ok, text) => {
  const result = await call('read_file', args);
  expect(result.ok).toBe(ok);
  if (typeof text === 'string') expect(result.text).toBe(text);
  else expect(result.text).toMatch(text);
});

test('read_file: huge files, long files and special files', async () => {
  truncateSync(join(root, 'a.txt'), 20 * 1024 ** 2);
  expect((await call('read_file', { path: 'a.txt' })).text).toMatch(/more than 8388608/);
  writeFileSync(join(root, 'long'), 'ü'.repeat(4_000) + '\nx'.repeat(3_000));
  const long = await call('read_file', { path: 'long' });
  expect(Buffer.byteLength(long.text)).toBeLessThan(5_200);
  expect(long.text).toMatch(
    /more bytes left out\. Read a smaller range.*\n\[lines 1-2000 of 3001\]$/s,
  );
  execFileSync('mkfifo', [join(root, 'pipe')]);
  expect((await call('read_file', { path: 'pipe' })).text).toMatch(/not a regular file/);
});

test.each<[string, object, boolean, RegExp, string?]>([
  ['one place', { old_text: 'three', new_text: '3' }, true, /Wrote a\.txt/, 'one\ntwo\n3\ntwo\n'],
  [
    'dollar signs',
    { old_text: 'three', new_text: '$& $1 $$' },
    true,
    /./,
    'one\ntwo\n$& $1 $$\ntwo\n',
  ],
  [
    'two places',
    { old_text: 'two', new_text: '2' },
    false,
    /stands 2 times in a\.txt \(lines 2, 4\)/,
  ],
  ['no place', { old_text: 'four', new_text: '4' }, false, /0 matches.*copy the text exactly/],
  [
    'line numbers',
    { old_text: '1\tone\n2\ttwo', new_text: '' },
    false,
    /Leave out the line numbers/,
  ],
  ['indented', { old_text: '  three\n', new_text: '' }, false, /Line 3 looks like/],
  ['empty', { old_text: '', new_text: 'x' }, false, /old_text is empty/],
  ['whole file', { new_text: 'new' }, true, /3 bytes/, 'new'],
  ['whole, with null', { old_text: null, new_text: '' }, true, /0 bytes/, ''],
  ['no new text', { old_text: 'one' }, false, /new_text: /],
])('edit_file: %s', async (...[, args, ok, text, after]) => {
  const result = await call('edit_file', { path: 'a.txt', ...args });
  expect(result.ok).toBe(ok);
  expect(result.text).toMatch(text);
  expect(readFileSync(join(root, 'a.txt'), 'utf8')).toBe(after ?? 'one\ntwo\nthree\ntwo\n');
});

test('edit_file: new folders, CRLF, binary, folders, mode kept', async () => {
  await call('edit_file', { path: 'x/y/z.txt', new_text: 'z' });
  expect(readFileSync(join(root, 'x/y/z.txt'), 'utf8')).toBe('z');
  const crlf = await call('edit_file', { path: 'src/b.js', old_text: '1;\nlet', new_text: '' });
  expect(crlf.text).toContain('CRLF');
  writeFileSync(join(root, 'bin'), Buffer.from([0xff, 0xfe, 65]));
  expect((await call('edit_file', { path: 'bin', old_text: 'A', new_text: 'B' })).text).toMatch(
    /UTF-8/,
  );
  expect((await call('edit_file', { path: 'src', new_text: 'B' })).text).toMatch(/folder/);
  expect((await call('edit_file', { path: '.', new_text: 'B' })).text).toContain('repository root');
  expect((await call('edit_file', { path: 'a.txt/b', new_text: 'B' })).ok).toBe(false);
  execFileSync('chmod', ['755', join(root, 'a.txt')]);
  await call('edit_file', { path: 'a.txt', new_text: 'x' });
  expect(lstatSync(join(root, 'a.txt')).mode & 0o777).toBe(0o755);
});

test('list shows a tree without .git and does not open installed packages or links', async () => {
  mkdirSync(join(root, 'node_modules/p'), { recursive: true });
  symlinkSync('/etc', join(root, 'etc'));
  expect((await call('list', {})).text).toBe('a.txt\nbin\netc@\nnode_modules/\nsrc/\n  b.js');
  expect((await call('list', { path: 'src', depth: 1 })).text).toBe('b.js');
  expect((await call('list', { path: 'etc' })).ok).toBe(false);
  expect((await call('list', { path: 'a.txt' })).text).toMatch(/is a file/);
  expect((await call('list', { path: 'gone' })).text).toMatch(/does not exist/);
});

describe.each(['with ripgrep, where there is one', 'without ripgrep'])('search %s', (kind) => {
  const bare = kind === 'without ripgrep' ? { env: { PATH: gitOnlyPath() } } : {};
  test.each<[string, object, RegExp]>([
    ['regular expression', { pattern: 't[wh]\\w+' }, /a\.txt:2:two\na\.txt:3:three\na\.txt:4:two$/],
    ['literal', { pattern: 'x = 1;', literal: true }, /^src\/b\.js:1:const x = 1;/],
    ['glob', { pattern: 'x|one', glob: '*.js' }, /^src\/b\.js:1:[^\n]*$/],
    ['path', { pattern: 'o', path: 'src' }, /^src\/b\.js:1/],
    ['nothing', { pattern: 'zzz' }, /^Nothing found\.$/],
    ['bad pattern', { pattern: '(' }, /set literal to true/],
    ['a pattern like an option', { pattern: '--files' }, /^Nothing found\.$/],
    ['outside', { pattern: 'SECRET', path: '..' }, /leaves the repository/],
  ])('%s', async (_, args, expected) => {
    expect((await call('search', args, bare)).text).toMatch(expected);
  });
});

/** A PATH with git and without rg. */
function gitOnlyPath(): string {
  const dir = mkdtempSync(join(tmpdir(), 'autodev-path-'));
  symlinkSync(execFileSync('which', ['git'], { encoding: 'utf8' }).trim(), join(dir, 'git'));
  paths.push(dir);
  return dir;
}

test.each<[string, object, boolean, RegExp]>([
  ['success', { command: 'echo hi; pwd' }, true, /^Exit code 0 after \d+\.\d s\.\nhi\n.*\/ws$/],
  ['failure', { command: 'echo bad >&2; exit 4' }, true, /^Exit code 4 .*\nbad$/],
  ['no output', { command: 'true' }, true, /\(no output\)$/],
  [
    'time-out',
    { command: 'echo start; sleep 60', timeout_seconds: 1 },
    true,
    /^Stopped after 1 s.*\nstart$/,
  ],
  ['colours', { command: 'printf "\\033[31mred\\033[0m\\r50%%\\rdone\\a"' }, true, /\ndone$/],
  ['NUL', { command: 'a\0b' }, false, /NUL/],
  ['empty', { command: '' }, false, /command: /],
])('run_command: %s', async (_, args, ok, expected) => {
  const result = await call('run_command', args);
  expect(result.ok).toBe(ok);
  expect(result.text).toMatch(expected);
  expect(checks).toHaveLength(ok ? 1 : 0);
});

test('run_command cannot outlast the limit of the task', async () => {
  const args = { command: 'sleep 60', timeout_seconds: 3600 };
  const result = await call('run_command', args, { commandSeconds: 1 });
  expect(result.text).toMatch(/^Stopped after 1 s/);
});

test('a task without finish gets it, in a fixed order, with strict schemas', () => {
  const chosen = selectTools({ tools: ['run_command', 'read_file'], report: 'none', reports: [] });
  expect(chosen.map((tool) => tool.name)).toEqual(['read_file', 'run_command', 'finish']);
  for (const tool of tools) {
    const { parameters } = toolSpec(tool);
    expect(parameters).toMatchObject({ type: 'object', additionalProperties: false });
  }
});

test('clipping never breaks a character', () => {
  expect(clipBytes('äöü', 3, 'x')).toBe('ä\n[... 3 more bytes left out. x]');
  expect(clipBytes('äöü', 6, 'x')).toBe('äöü');
});

test('a pattern with exponential time is stopped with the search', async () => {
  writeFileSync(join(root, 'long.txt'), `${'a'.repeat(60)}!\n`);
  const started = Date.now();
  const result = await call(
    'search',
    { pattern: '^(a+)+$' },
    { env: { PATH: gitOnlyPath() }, signal: AbortSignal.timeout(1_500) },
  );
  expect(Date.now() - started).toBeLessThan(30_000);
  expect(result.text).not.toContain('long.txt:1');
});

describe('characters that nobody sees', () => {
  const HIDDEN = 'if (ok\u202e \u2066) {\u200b\n';

  test('are spelled out by every tool that shows text', async () => {
    writeFileSync(join(root, 'h\u200b.js'), HIDDEN);
    const shown = 'if (ok‹U+202E› ‹U+2066›) {‹U+200B›';
    expect((await call('read_file', { path: 'h\u200b.js' })).text).toContain(shown);
    expect((await call('search', { pattern: 'if .ok' })).text).toContain(`h‹U+200B›.js:1:${shown}`);
    expect((await call('list', {})).text).toContain('h‹U+200B›.js');
    expect((await call('run_command', { command: 'cat h*.js' })).text).toContain(shown);
  });

  test('can be edited as they are spelled, and a text that spells them itself is left alone', async () => {
    writeFileSync(join(root, 'h.js'), HIDDEN);
    const edit = { path: 'h.js', old_text: 'ok‹U+202E› ‹U+2066›', new_text: 'ok‹U+2069›' };
    expect(await call('edit_file', edit)).toMatchObject({ ok: true });
    expect(readFileSync(join(root, 'h.js'), 'utf8')).toBe('if (ok\u2069) {\u200b\n');
    writeFileSync(join(root, 'doc.md'), 'spelled as ‹U+200B›\n');
    await call('edit_file', { path: 'doc.md', old_text: 'as ‹U+200B›', new_text: 'like ‹U+200B›' });
    expect(readFileSync(join(root, 'doc.md'), 'utf8')).toBe('spelled like ‹U+200B›\n');
  });
});
