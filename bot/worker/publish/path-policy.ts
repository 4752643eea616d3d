/**
 * Which files a result may touch. Checked before anything is pushed, because a push by the bot runs
 * the branch's own CI configuration (threats D1, D4).
 */
import { patternOf } from '../../domain/path-patterns.ts';
import type { FileChange } from '../../../schema/wire/result.ts';

export type PathVerdict =
  | { ok: true }
  | { ok: false; protected: false; path: string; why: string }
  /** Every file that is protected, with the first one's reason; the rest of the paths are fine. */
  | { ok: false; protected: true; path: string; why: string; files: FileChange[] };

/** Characters git or a file system may drop, so that `.g\u200Cit` would become `.git`. */
const IGNORABLE = /[\u200B-\u200F\u202A-\u202E\u2060-\u206F\uFEFF]/u;
const CONTROL = /[\u0000-\u001F\u007F]/;
/** What Windows also calls a longer name by, e.g. `CODEOW~1` or `GITLAB~1.YML`. */
const SHORT_NAME = /^[^.~]{1,6}~\d{1,2}(?:\.[^.]{1,3})?$/;

/**
 * May these files be touched? Malformed paths are refused whatever else there is. `patterns` are globs,
 * matched without case; `isAllowed` says which protected files a maintainer let through.
 */
export function checkPaths(
  changes: readonly FileChange[],
  patterns: readonly string[],
  isAllowed: (change: FileChange) => boolean = () => false,
): PathVerdict {
  const seen = new Set<string>();
  for (const { path } of changes) {
    const why = malformed(path);
    if (why !== null) return { ok: false, path, why, protected: false };
    const same = folded(path);
    if (seen.has(same)) {
      return {
        ok: false,
        path,
        why: 'is named twice, or twice but for letters that some file systems take for the same',
        protected: false,
      };
    }
    seen.add(same);
  }
  const twofold = alsoFolder(changes);
  if (twofold !== null) {
    return { ok: false, path: twofold, why: 'is a file and a folder at once', protected: false };
  }
  const files = changes.filter(
    (change) => protecting(change.path, patterns) !== null && !isAllowed(change),
  );
  const [first] = files;
  if (first === undefined) return { ok: true };
  const why = `is protected by \`${protecting(first.path, patterns)}\``;
  return { ok: false, protected: true, path: first.path, why, files };
}

/** The first path that is written as a file while another is written below it. */
function alsoFolder(changes: readonly FileChange[]): string | null {
  const written = changes.filter(({ action }) => action !== 'delete');
  const folders = new Set<string>();
  for (const { path } of written) {
    const parts = folded(path).split('/');
    for (let end = 1; end < parts.length; end += 1) folders.add(parts.slice(0, end).join('/'));
  }
  return written.find(({ path }) => folders.has(folded(path)))?.path ?? null;
}

/** The pattern that means this path, or what a file system that folds letters makes of it. */
function protecting(path: string, patterns: readonly string[]): string | null {
  return patternOf(path, patterns) ?? patternOf(folded(path), patterns);
}

/** Names that are the same to a file system which knows no case or composes letters. */
function folded(path: string): string {
  return path.normalize('NFKC').toLowerCase().toUpperCase().toLowerCase().normalize('NFKC');
}

function malformed(path: string): string | null {
  if (path.startsWith('/') || path.includes('\\') || /^[a-z]:/i.test(path)) {
    return 'is not a relative path with forward slashes';
  }
  if (CONTROL.test(path) || IGNORABLE.test(path)) return 'holds invisible characters';
  for (const part of path.split('/')) {
    if (part === '' || part === '.' || part === '..') return 'is not in its shortest form';
    // What follows a colon is a stream of the same file on NTFS.
    const plain = folded(part.split(':')[0] ?? '').replace(/(?<![. ])[. ]+$/, '');
    if (plain === '.git' || plain === '' || /^git~\d+$/.test(plain)) return 'reaches into .git';
    if (plain.length < folded(part).length || SHORT_NAME.test(part)) {
      return 'has a name that means another file on some systems';
    }
    if (part.length > 255) return 'has a name that is too long';
  }
  return null;
}
