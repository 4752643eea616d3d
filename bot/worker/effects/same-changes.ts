/**
 * Looks, right before changes are pushed for the first time, whether they exist already: on the default
 * branch, because somebody else solved it meanwhile, or in another change of the bot that is open.
 */
import { createHash } from 'node:crypto';
import type { FileChange } from '../../../schema/wire/result.ts';
import type { SameChanges } from '../../domain/effects.ts';
import type { Attempt, Run } from '../../domain/runs.ts';
import { ForgeError } from '../../forge/errors.ts';
import type { ForgeRead } from '../../forge/forge.ts';
import type { Db } from '../../store/db.ts';
import { runsThatPublished } from '../../store/published.ts';

/** Files that are compared with the default branch; changes of more are taken as they are. */
const MAX_FILES = 50;

/** Path, mode and content of every file, so that the same changes have the same digest. */
export function digestOf(changes: readonly FileChange[]): string {
  const sha = (text: string): string => createHash('sha256').update(text).digest('hex');
  const lines = changes.map(({ path, action, mode, content = '' }) =>
    JSON.stringify(action === 'delete' ? [path, 'delete'] : [path, mode, sha(content)]),
  );
  return sha(lines.toSorted().join('\n'));
}

/** Where the same changes are already; null when they are new. */
export async function findSame(
  run: Run,
  attempt: Attempt,
  changes: readonly FileChange[],
  from: { db: Db; read: ForgeRead; projectId: number },
): Promise<SameChanges | null> {
  return (
    (await onDefaultBranch(run, attempt, changes, from)) ?? (await inOpenChange(run, changes, from))
  );
}

async function onDefaultBranch(
  run: Run,
  attempt: Attempt,
  changes: readonly FileChange[],
  { read, projectId }: { read: ForgeRead; projectId: number },
): Promise<SameChanges | null> {
  if (changes.length === 0 || changes.length > MAX_FILES) return null;
  const branch = run.context.defaultBranch;
  const head = await read.branch(projectId, branch);
  // Changes are made against that commit: as long as it is the head, they are new.
  if (head === null || head.sha === attempt.sha) return null;
  for (const change of changes) {
    if (!(await isThere(change, head.sha, read, projectId))) return null;
  }
  // The same content as before means that the mode changed, which a file's text does not show.
  for (const change of changes) {
    if (await isThere(change, attempt.sha, read, projectId)) return null;
  }
  return { branch, sha: head.sha };
}

/** The text of a file as the API gives it: exact for valid UTF-8, so nothing else is called the same. */
async function isThere(
  change: FileChange,
  ref: string,
  read: ForgeRead,
  projectId: number,
): Promise<boolean> {
  const bytes = Buffer.from(change.content ?? '', 'base64');
  const text = bytes.toString('utf8');
  const exact = !text.includes('\ufffd') && Buffer.from(text).equals(bytes);
  if (change.action !== 'delete' && !exact) return false;
  const there = await read.file(projectId, change.path, ref);
  return change.action === 'delete' ? there === null : there === text;
}

async function inOpenChange(
  run: Run,
  changes: readonly FileChange[],
  { db, read, projectId }: { db: Db; read: ForgeRead; projectId: number },
): Promise<SameChanges | null> {
  for (const other of await runsThatPublished(db, run.repoId, run.id, digestOf(changes))) {
    const { changeIid: iid, issueIid, sha } = other;
    if (iid === null) return { iid, issueIid };
    const change = await orNull(read.change(projectId, iid));
    if (change?.state === 'opened' && change.headSha === sha) return { iid, issueIid };
  }
  return null;
}

async function orNull<T>(reading: Promise<T>): Promise<T | null> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof ForgeError && error.kind === 'not_found') return null;
    throw error;
  }
}
