/** Purpose: which files a glob pattern of the settings means. */
import { posix } from 'node:path';

/** The first pattern that means this path, without regard to case, or null. */
export function patternOf(path: string, patterns: readonly string[]): string | null {
  const folded = path.toLowerCase();
  return patterns.find((glob) => matches(folded, glob.toLowerCase())) ?? null;
}

/** A pattern without a slash is meant for any folder, as in .gitignore. */
function matches(path: string, pattern: string): boolean {
  if (posix.matchesGlob(path, pattern)) return true;
  return !pattern.includes('/') && posix.matchesGlob(posix.basename(path), pattern);
}
