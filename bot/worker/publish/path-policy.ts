/**
 * Which files a result may touch. Checked before anything is pushed, because a push by the bot runs
 * the branch's own CI configuration (threats D1, D4).
 */
import { posix } from 'node:path';
import type { FileChange } from '../../../schema/wire/result.ts';

export type PathVerdict =
  { ok: true } | { ok: false; path: string; why: string; protected: boolean };

/** Characters git or a file system may drop, so that `.g\u200Cit` would become `.git`. */
const IGNORABLE = /[\u200B-\u200F\u202A-\u202E\u2060-\u206F\uFEFF]/u;
const CONTROL = /[\u0000-\u001F\u007F]/;

/** The first path that may not be touched, or ok. `patterns` are globs, matched without case. */
export function checkPaths(
  changes: readonly FileChange[],
  patterns: readonly string[],
): PathVerdict {
  const seen = new Set<string>();
  for (const { path } of changes) {
    const why = malformed(path);
    if (why !== null) return { ok: false, path, why, protected: false };
    const folded = path.toLowerCase();
    if (seen.has(folded)) {
      return {
        ok: false,
        path,
        why: 'is named twice, or twice but for upper case',
        protected: false,
      };
    }
    seen.add(folded);
    const pattern = patterns.find((glob) => matches(folded, glob.toLowerCase()));
    if (pattern !== undefined) {
      return { ok: false, path, why: `is protected by \`${pattern}\``, protected: true };
    }
  }
  return { ok: true };
}

/** A pattern without a slash is meant for any folder, as in .gitignore. */
function matches(path: string, pattern: string): boolean {
  if (posix.matchesGlob(path, pattern)) return true;
  return !pattern.includes('/') && posix.matchesGlob(posix.basename(path), pattern);
}

function malformed(path: string): string | null {
  if (path.startsWith('/') || path.includes('\\') || /^[a-z]:/i.test(path)) {
    return 'is not a relative path with forward slashes';
  }
  if (CONTROL.test(path) || IGNORABLE.test(path)) return 'holds invisible characters';
  for (const part of path.split('/')) {
    if (part === '' || part === '.' || part === '..') return 'is not in its shortest form';
    const plain = part.toLowerCase().replace(/(?<![. ])[. ]+$/, '');
    if (plain === '.git' || plain === '' || /^git~\d+$/.test(plain)) return 'reaches into .git';
    if (part.length > 255) return 'has a name that is too long';
  }
  return null;
}
