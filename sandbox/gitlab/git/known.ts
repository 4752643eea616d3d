/** Remembers what git said about objects named by their whole id: those never change. */
import { git, gitBytes, GitError } from './run.ts';

const MAX_ENTRIES = 4_000;
/** Larger answers are asked for again. */
const MAX_BYTES = 256 * 1024;
const FULL_ID = /^[0-9a-f]{40}$/;

const answers = new Map<string, Promise<Buffer | null>>();

export function isFullId(name: string): boolean {
  return FULL_ID.test(name);
}

/**
 * Output of `git <args>`, or null when git refuses. It is remembered when every one of `ids` is a whole
 * object id; a refusal never is, since the object may still come.
 */
export async function gitOfIds(
  gitDir: string,
  ids: readonly string[],
  args: readonly string[],
): Promise<Buffer | null> {
  if (!ids.every(isFullId)) return ask(gitDir, args);
  const key = JSON.stringify([gitDir, args]);
  const known = answers.get(key);
  if (known !== undefined) return known;
  const asked = ask(gitDir, args);
  answers.set(key, asked);
  const answer = await asked.catch(() => null);
  if (answer === null || answer.length > MAX_BYTES) answers.delete(key);
  else if (answers.size > MAX_ENTRIES) answers.delete(answers.keys().next().value ?? '');
  return asked;
}

/** {@link gitOfIds} as text without the last line break. */
export async function textOfIds(
  gitDir: string,
  ids: readonly string[],
  args: readonly string[],
): Promise<string | null> {
  const bytes = await gitOfIds(gitDir, ids, args);
  return bytes === null ? null : bytes.toString('utf8').replace(/\n$/, '');
}

/** {@link textOfIds} where git has to know the objects. @throws GitError */
export async function textOfKnown(
  gitDir: string,
  ids: readonly string[],
  args: readonly string[],
): Promise<string> {
  return (await textOfIds(gitDir, ids, args)) ?? git(gitDir, args);
}

function ask(gitDir: string, args: readonly string[]): Promise<Buffer | null> {
  return gitBytes(gitDir, args).catch((error: unknown) => {
    if (error instanceof GitError) return null;
    throw error;
  });
}
