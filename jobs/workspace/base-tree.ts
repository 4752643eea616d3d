import { JobError } from '../errors.ts';
import { git } from './git.ts';

/** One entry of the commit that the agent's work is compared with. */
export interface BaseEntry {
  mode: '100644' | '100755' | '120000' | '160000';
  /** Git object id: 40 (SHA-1) or 64 (SHA-256) hex digits. */
  id: string;
  /** Bytes of the blob; 0 for a submodule. */
  size: number;
}
/** Path (relative, `/`-separated, valid UTF-8) to entry. */
export type BaseTree = ReadonlyMap<string, BaseEntry>;

/** Names that never may be a part of a path: git's own folder in every spelling git knows. */
const GIT_FOLDER = /^(\.git|git~\d+)[\s.]*$/i;

/** True for a relative path without empty, `.`, `..` or `.git` parts and without NUL. */
export function isSafePath(path: string): boolean {
  return (
    !path.includes('\0') &&
    path
      .split('/')
      .every((part) => part !== '' && part !== '.' && part !== '..' && !isGitName(part))
  );
}

/** True for `.git` and what file systems take for it: `.GIT`, `.git.`, `git~1`, ignorable characters. */
export function isGitName(name: string): boolean {
  return GIT_FOLDER.test(name.replace(/[\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]/g, ''));
}

/**
 * The files of the commit `sha`, which the checkout in `dir` must hold: the branch may have moved on
 * since the task was made, and the bot takes changes against that commit only.
 * @throws JobError when there is no checkout or it does not reach back to the commit
 */
export async function readBaseTree(path: string, dir: string, sha: string): Promise<BaseTree> {
  await git(path, dir, ['rev-parse', '--verify', '--quiet', `${sha}^{commit}`]).catch(() => {
    throw new JobError(
      'The checkout does not fit the task',
      `commit ${sha} is not in ${dir}`,
      'Retry the task; if it stays, raise GIT_DEPTH and keep GIT_STRATEGY at clone or fetch',
    );
  });
  const listing = await git(path, dir, ['ls-tree', '-r', '-z', '-l', '--full-tree', sha]);
  const tree = new Map<string, BaseEntry>();
  for (const record of splitNul(listing)) {
    const tab = record.indexOf(9);
    const [mode, , id, size] = record.subarray(0, tab).toString('latin1').split(/ +/);
    const name = decodePath(record.subarray(tab + 1));
    // A name that is not UTF-8 cannot be written in a result; it stays out of both sides.
    if (name === null || !isSafePath(name) || !isMode(mode)) continue;
    tree.set(name, { mode, id: id ?? '', size: size === '-' ? 0 : Number(size) });
  }
  return tree;
}

function isMode(mode: string | undefined): mode is BaseEntry['mode'] {
  return mode === '100644' || mode === '100755' || mode === '120000' || mode === '160000';
}

/** Cuts NUL-separated output into records. */
export function splitNul(bytes: Buffer): Buffer[] {
  const records: Buffer[] = [];
  for (let start = 0; start < bytes.length;) {
    const end = bytes.indexOf(0, start);
    const stop = end === -1 ? bytes.length : end;
    if (stop > start) records.push(bytes.subarray(start, stop));
    start = stop + 1;
  }
  return records;
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A path's bytes as text; null when they are not UTF-8. */
export function decodePath(bytes: Buffer): string | null {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return null;
  }
}
