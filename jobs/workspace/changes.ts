/**
 * What the agent changed, computed by the supervisor after the agent is dead. Nothing in the
 * workspace is executed or believed: its own .git is never read, links are never followed, content
 * is hashed here (threats D2, D4, D5).
 */
import { createHash } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { lstat, open, readlink, realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { RESULT_LIMITS, type FileChange } from '../../schema/wire/result.ts';
import { type BaseEntry, type BaseTree, decodePath, isSafePath, splitNul } from './base-tree.ts';
import { JobError } from '../errors.ts';
import { git } from './git.ts';

export interface CollectedChanges {
  changes: FileChange[];
  /** What was changed but cannot be proposed, one sentence each, e.g. a new symbolic link. */
  refusals: string[];
  /** Set when a limit was passed; `changes` is empty then, because half a change misleads. */
  limit: string | null;
}

/** Refusals after which the rest is not looked at. */
const REFUSALS = 1_000;
/** Refusals told one by one; the rest is counted. */
const REFUSALS_SHOWN = 10;
const CHUNK_BYTES = 1024 * 1024;

/**
 * Compares the workspace with the base tree. `scratch` is an empty folder outside the workspace in
 * which a fresh git directory is made; ignore rules are those of the workspace's .gitignore files.
 * @throws JobError when git itself fails or the workspace is no longer the folder it was.
 */
export async function collectChanges(
  path: string,
  workspace: string,
  base: BaseTree,
  scratch: string,
): Promise<CollectedChanges> {
  if ((await realpath(workspace).catch(() => null)) !== workspace) {
    throw new JobError(
      'The workspace is gone',
      'the agent removed or replaced it',
      'Retry the task',
    );
  }
  const refusals: string[] = [];
  const candidates = new Set(base.keys());
  for (const record of await listFiles(path, workspace, scratch)) {
    const name = decodePath(record);
    if (name === null) refusals.push(`${record.toString('latin1')}: its name is not UTF-8`);
    else if (name.endsWith('/')) refusals.push(`${name}: it is a git repository of its own`);
    else if (!isSafePath(name)) refusals.push(`${name}: unsafe path`);
    else candidates.add(name);
  }
  const changes: FileChange[] = [];
  const parents = new ParentCheck(workspace);
  let total = 0;
  for (const name of [...candidates].toSorted()) {
    const seen = await inspect(workspace, name, base.get(name), parents);
    if (seen.kind === 'same') continue;
    if (seen.kind === 'refused') {
      refusals.push(`${name}: ${seen.why}`);
      if (refusals.length > REFUSALS) {
        const limit = `more than ${REFUSALS} links and special files changed`;
        return { changes: [], refusals: shorten(refusals), limit };
      }
      continue;
    }
    const limit = overLimit(name, seen, changes.length, total);
    if (limit) return { changes: [], refusals: shorten(refusals), limit };
    if (seen.kind === 'deleted') {
      changes.push({ path: name, action: 'delete', mode: seen.mode });
      continue;
    }
    const content = await readContent(join(workspace, name), seen.size);
    total += content.length;
    const action = base.has(name) ? 'update' : 'create';
    changes.push({ path: name, action, mode: seen.mode, content: content.toString('base64') });
  }
  return { changes, refusals: shorten(refusals), limit: null };
}

async function listFiles(path: string, workspace: string, scratch: string): Promise<Buffer[]> {
  const gitDir = join(scratch, 'git');
  await git(path, scratch, ['init', '--quiet', '--bare', '--template=', gitDir]);
  const args = [`--git-dir=${gitDir}`, `--work-tree=${workspace}`, '-c', 'core.bare=false'];
  const listing = await git(path, workspace, [
    ...args,
    'ls-files',
    '-z',
    '--others',
    '--exclude-standard',
  ]);
  return splitNul(listing);
}

type Seen =
  | { kind: 'same' }
  | { kind: 'refused'; why: string }
  | { kind: 'deleted'; mode: FileChange['mode'] }
  | { kind: 'changed'; mode: FileChange['mode']; size: number };

async function inspect(
  workspace: string,
  name: string,
  base: BaseEntry | undefined,
  parents: ParentCheck,
): Promise<Seen> {
  const parent = await parents.kind(dirname(name));
  if (parent === 'link')
    return { kind: 'refused', why: 'a folder above it became a symbolic link' };
  const stat = parent === 'gone' ? null : await lstatOrNull(join(workspace, name));
  if (base?.mode === '160000') {
    return stat?.isDirectory() ? { kind: 'same' } : { kind: 'refused', why: 'a submodule changed' };
  }
  if (base?.mode === '120000') return inspectLink(join(workspace, name), stat, base);
  if (stat === null || stat.isDirectory()) {
    return base ? { kind: 'deleted', mode: base.mode } : { kind: 'same' };
  }
  if (stat.isSymbolicLink()) return { kind: 'refused', why: 'symbolic links are not taken' };
  if (!stat.isFile()) return { kind: 'refused', why: 'only regular files are taken' };
  const mode = stat.mode & 0o100 ? '100755' : '100644';
  if (base && base.size === stat.size && base.mode === mode) {
    if ((await blobId(join(workspace, name), stat.size, base.id.length)) === base.id) {
      return { kind: 'same' };
    }
  }
  return { kind: 'changed', mode, size: stat.size };
}

async function inspectLink(path: string, stat: Stats | null, base: BaseEntry): Promise<Seen> {
  const target = stat?.isSymbolicLink() ? await readlink(path, { encoding: 'buffer' }) : null;
  const same =
    target !== null && hashOf(target.length, base.id.length).update(target).digest('hex');
  if (same === base.id) return { kind: 'same' };
  return { kind: 'refused', why: 'changes to symbolic links are not taken' };
}

function overLimit(name: string, seen: Seen, count: number, total: number): string | null {
  const { changes, changeBytes, pathChars } = RESULT_LIMITS;
  const size = seen.kind === 'changed' ? seen.size : 0;
  if (count >= changes) return `more than ${changes} files changed`;
  if (name.length > pathChars) return `a path is longer than ${pathChars} characters`;
  if (size > changeBytes) return `${name} has ${size} bytes, more than the ${changeBytes} allowed`;
  if (total + size > changeBytes) return `the changed files have more than ${changeBytes} bytes`;
  return null;
}

async function lstatOrNull(path: string): Promise<Stats | null> {
  return lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null;
    throw error;
  });
}

/** Reads a regular file without following links, at most `size` bytes. */
async function readContent(path: string, size: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of chunks(path, size)) parts.push(Buffer.from(part));
  return Buffer.concat(parts);
}

async function blobId(path: string, size: number, idChars: number): Promise<string> {
  const hash = hashOf(size, idChars);
  for await (const part of chunks(path, size)) hash.update(part);
  return hash.digest('hex');
}

/** Git's object id is the hash of a header and the content; SHA-256 repositories use 64 digits. */
function hashOf(size: number, idChars: number) {
  return createHash(idChars === 64 ? 'sha256' : 'sha1').update(`blob ${size}\0`);
}

async function* chunks(path: string, size: number): AsyncGenerator<Buffer> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = await open(path, flags);
  try {
    const buffer = Buffer.alloc(Math.min(CHUNK_BYTES, Math.max(1, size)));
    for (let at = 0; at < size;) {
      const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, size - at), at);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
      at += bytesRead;
    }
  } finally {
    await file.close();
  }
}

/** Remembers which folders are real ones: a link anywhere above a file taints the file. */
class ParentCheck {
  readonly #workspace: string;
  readonly #known = new Map<string, 'folder' | 'link' | 'gone'>([['.', 'folder']]);

  constructor(workspace: string) {
    this.#workspace = workspace;
  }

  async kind(folder: string): Promise<'folder' | 'link' | 'gone'> {
    const known = this.#known.get(folder);
    if (known) return known;
    const above = await this.kind(dirname(folder));
    const kind = above === 'folder' ? await this.#look(folder) : above;
    this.#known.set(folder, kind);
    return kind;
  }

  async #look(folder: string): Promise<'folder' | 'link' | 'gone'> {
    const stat = await lstatOrNull(join(this.#workspace, folder));
    if (stat?.isSymbolicLink()) return 'link';
    return stat?.isDirectory() ? 'folder' : 'gone';
  }
}

function shorten(refusals: readonly string[]): string[] {
  const rest = refusals.length - REFUSALS_SHOWN;
  if (rest <= 0) return [...refusals];
  return [...refusals.slice(0, REFUSALS_SHOWN), `and ${rest} more`];
}
