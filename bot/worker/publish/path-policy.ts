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
  }
  const files = changes.filter(
    (change) => patternOf(change.path, patterns) !== null && !isAllowed(change),
  );
  const [first] = files;
  if (first === undefined) return { ok: true };
  const why = `is protected by \`${patternOf(first.path, patterns)}\``;
  return { ok: false, protected: true, path: first.path, why, files };
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
