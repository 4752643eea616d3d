/** Reading a bare repository: refs, commits, trees, files and diffs. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gitOfIds, isFullId, textOfIds, textOfKnown } from './known.ts';
import { git, gitMaybe } from './run.ts';

export interface Commit {
  id: string;
  parents: string[];
  authorName: string;
  authorEmail: string;
  authoredAt: string;
  committerName: string;
  committerEmail: string;
  committedAt: string;
  title: string;
  message: string;
}

export interface FileDiff {
  oldPath: string;
  newPath: string;
  oldMode: string;
  newMode: string;
  newFile: boolean;
  renamedFile: boolean;
  deletedFile: boolean;
  /** Unified hunks, beginning with `@@`; empty for binary files and pure renames. */
  diff: string;
}

export interface TreeEntry {
  mode: string;
  type: 'blob' | 'tree' | 'commit';
  id: string;
  path: string;
  name: string;
}

const FORMAT = ['%H', '%P', '%an', '%ae', '%aI', '%cn', '%ce', '%cI', '%s', '%B'].join('%x00');

function parseCommit(text: string): Commit | null {
  const parts = text.split('\0');
  const [id, parents, an, ae, ad, cn, ce, cd, title, message] = parts;
  if (!id || message === undefined) return null;
  return {
    id: id.trim(),
    parents: (parents ?? '').split(' ').filter((parent) => parent !== ''),
    authorName: an ?? '',
    authorEmail: ae ?? '',
    authoredAt: ad ?? '',
    committerName: cn ?? '',
    committerEmail: ce ?? '',
    committedAt: cd ?? '',
    title: title ?? '',
    message: message.replace(/\n+$/, '\n'),
  };
}

/** Names that could be read as an option of git are refused. */
export function safeRevision(name: string): boolean {
  return name !== '' && !name.startsWith('-') && !/[\0\n\r]/.test(name) && name.length <= 512;
}

/** Full commit id of a branch, tag, ref or (short) id; a branch wins over a tag. Null: no such thing. */
export async function resolveCommit(gitDir: string, revision: string): Promise<string | null> {
  if (!safeRevision(revision)) return null;
  if (isFullId(revision)) return textOfIds(gitDir, [revision], verify(revision));
  const head = await looseHead(gitDir, revision);
  if (head !== null) return head;
  for (const name of [`refs/heads/${revision}`, `refs/tags/${revision}`, revision]) {
    const found = await gitMaybe(gitDir, verify(name));
    if (found) return found;
  }
  return null;
}

/** Head of a branch, or null when there is no such branch. */
export async function branchHead(gitDir: string, branch: string): Promise<string | null> {
  if (!safeRevision(branch)) return null;
  return (await looseHead(gitDir, branch)) ?? gitMaybe(gitDir, verify(`refs/heads/${branch}`));
}

function verify(name: string): string[] {
  return ['rev-parse', '--verify', '-q', `${name}^{commit}`];
}

/** The branch's head from its file, which most branches have; null: git has to say. */
async function looseHead(gitDir: string, branch: string): Promise<string | null> {
  if (branch.split('/').some((part) => part === '' || part.startsWith('.'))) return null;
  const text = await readFile(join(gitDir, 'refs/heads', branch), 'latin1').catch(() => '');
  return isFullId(text.trimEnd()) ? text.trimEnd() : null;
}

/** Branches with their heads, by name. */
export async function branches(gitDir: string): Promise<{ name: string; sha: string }[]> {
  const text = await git(gitDir, [
    'for-each-ref',
    '--format=%(refname)%00%(objectname)',
    'refs/heads/',
  ]);
  return splitLines(text).map((line) => {
    const [ref = '', sha = ''] = line.split('\0');
    return { name: ref.replace(/^refs\/heads\//, ''), sha };
  });
}

/** Every branch and tag with its object, as `ref → sha`. */
export async function allRefs(gitDir: string): Promise<Map<string, string>> {
  const text = await git(gitDir, [
    'for-each-ref',
    '--format=%(refname)%00%(objectname)',
    'refs/heads/',
    'refs/tags/',
  ]);
  return new Map(
    splitLines(text).map((line) => {
      const [ref = '', sha = ''] = line.split('\0');
      return [ref, sha];
    }),
  );
}

export async function readCommit(gitDir: string, sha: string): Promise<Commit | null> {
  const args = ['show', '-s', `--format=${FORMAT}`, `${sha}^{commit}`, '--'];
  const text = await textOfIds(gitDir, [sha], args);
  return text === null ? null : parseCommit(text);
}

export interface LogOptions {
  /** Revision or range, e.g. `main` or `a..b`. */
  range: string;
  path?: string;
  since?: string;
  until?: string;
  limit?: number;
}

/** Commits of a range, newest first. */
export async function log(gitDir: string, options: LogOptions): Promise<Commit[]> {
  const args = ['log', `--format=${FORMAT}%x01`, `--max-count=${options.limit ?? 1000}`];
  if (options.since) args.push(`--since=${options.since}`);
  if (options.until) args.push(`--until=${options.until}`);
  args.push(options.range, '--');
  if (options.path) args.push(options.path);
  const text = await gitMaybe(gitDir, args);
  return (text ?? '')
    .split('\x01')
    .map((part) => parseCommit(part.replace(/^\n/, '')))
    .filter((commit) => commit !== null);
}

export async function mergeBase(gitDir: string, a: string, b: string): Promise<string | null> {
  return textOfIds(gitDir, [a, b], ['merge-base', a, b]);
}

/** Whether `ancestor` is reachable from `descendant`. */
export async function isAncestor(
  gitDir: string,
  ancestor: string,
  descendant: string,
): Promise<boolean> {
  const args = ['merge-base', '--is-ancestor', ancestor, descendant];
  return (await textOfIds(gitDir, [ancestor, descendant], args)) !== null;
}

/** Bytes of a file at a commit, or null when it is not there. */
export async function readFileAt(
  gitDir: string,
  sha: string,
  path: string,
): Promise<{ blobId: string; mode: string; content: Buffer } | null> {
  if (!safeRevision(path)) return null;
  const line = await textOfIds(gitDir, [sha], ['ls-tree', '-z', sha, '--', path]);
  const match = /^(\d{6}) blob ([0-9a-f]+)\t([^\0]*)\0?$/.exec(line ?? '');
  if (!match || match[3] !== path) return null;
  const [, mode = '', blobId = ''] = match;
  const content = await gitOfIds(gitDir, [blobId], ['cat-file', 'blob', blobId]);
  return content === null ? null : { mode, blobId, content };
}

/** Entries under a folder (`''` = root), or null when there is no such folder. */
export async function tree(
  gitDir: string,
  sha: string,
  path: string,
  recursive: boolean,
): Promise<TreeEntry[] | null> {
  const folder = path.replace(/\/+$/, '');
  const args = ['ls-tree', '-z', ...(recursive ? ['-r', '-t'] : []), `${sha}:${folder}`];
  const text = await textOfIds(gitDir, [sha], args);
  if (text === null) return null;
  return text
    .split('\0')
    .filter((line) => line !== '')
    .map((line) => {
      const [meta = '', name = ''] = line.split('\t');
      const [mode = '', type = '', id = ''] = meta.split(' ');
      return {
        mode,
        type: type as TreeEntry['type'],
        id,
        path: folder === '' ? name : `${folder}/${name}`,
        name: name.slice(name.lastIndexOf('/') + 1),
      };
    });
}

/** File changes between two commits (`from` may be null: everything is new). */
export async function diff(gitDir: string, from: string | null, to: string): Promise<FileDiff[]> {
  const base = from ?? (await git(gitDir, ['hash-object', '-t', 'tree', '/dev/null']));
  const args = ['--no-color', '--no-ext-diff', '--find-renames', base, to];
  const [raw, patch] = await Promise.all([
    textOfKnown(gitDir, [base, to], ['diff', '--raw', '-z', '--abbrev=40', ...args]),
    textOfKnown(gitDir, [base, to], ['diff', '-p', ...args]),
  ]);
  const hunks = patch
    .split(/^diff --git /m)
    .slice(1)
    .map((part) => {
      const start = part.search(/^@@/m);
      return start < 0 ? '' : `${part.slice(start).replace(/\n$/, '')}\n`;
    });
  return parseRaw(raw).map((file, index) => ({ ...file, diff: hunks[index] ?? '' }));
}

function parseRaw(raw: string): Omit<FileDiff, 'diff'>[] {
  const files: Omit<FileDiff, 'diff'>[] = [];
  const parts = raw.split('\0');
  for (let at = 0; at < parts.length;) {
    const match = /^:(\d+) (\d+) \S+ \S+ ([A-Z])/.exec(parts[at] ?? '');
    if (!match) break;
    const [, oldMode = '', newMode = '', status = ''] = match;
    const oldPath = parts[at + 1] ?? '';
    const moved = status === 'R' || status === 'C';
    const newPath = moved ? (parts[at + 2] ?? '') : oldPath;
    at += moved ? 3 : 2;
    files.push({
      oldPath,
      newPath,
      oldMode: oldMode.replace(/^000000$/, '0'),
      newMode: newMode.replace(/^000000$/, '0'),
      newFile: status === 'A',
      renamedFile: status === 'R',
      deletedFile: status === 'D',
    });
  }
  return files;
}

function splitLines(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}
