/**
 * Purpose: `/autodev allow <path> at <sha>`: a maintainer lets a refused result through, bound to exactly
 * the contents that were shown. The publisher compares again, and reads the maintainer's rights again.
 */
import { accessName, MAINTAINER } from '../domain/access.ts';
import type { BlockedFile } from '../domain/outcomes.ts';
import type { Allowance } from '../domain/runs.ts';
import type { Effect } from '../domain/effects.ts';
import type { Decision, Snapshot } from '../domain/snapshot.ts';
import { acted } from './decision.ts';
import { refuse, type Ask } from './ask.ts';
import { cannotReopen, reopenRun } from './reopen.ts';
import { statusOf } from './status-effects.ts';
import { code, forbidden } from './text.ts';

/** What one command may name; more is a person's work. */
const MAX_PAIRS = 20;
const SHORTEST_ID = 7;

interface Pair {
  path: string;
  blob: string;
}

/** Lets the refused result of the newest run be published, or says what stands in the way. */
export function allowPaths(ask: Ask, snapshot: Snapshot): Decision {
  // Whatever the settings say: what agents may not touch is a maintainer's to let through.
  if (snapshot.actorAccess < MAINTAINER) {
    const has = accessName(snapshot.actorAccess);
    const body = forbidden('allow', ask.actor.username, has, accessName(MAINTAINER));
    return refuse(ask, body, `access level ${snapshot.actorAccess} is below maintainer`);
  }
  const pairs = pairsOf(ask.args);
  if (pairs === null) return refuse(ask, notUnderstood(), 'allow without path and id');
  const last = snapshot.lastRun;
  const blocked = last?.verdict?.blocked;
  const hindered = cannotReopen(ask, snapshot);
  if (hindered !== null) return hindered;
  if (!last || blocked === undefined) {
    return refuse(ask, nothingBlocked(), 'nothing was refused for a protected file');
  }
  const wrong = problemOf(pairs, blocked.files);
  if (wrong !== null) return refuse(ask, wrong, 'allow does not fit what was refused');
  const chosen = blocked.files.filter((file) => pairs.some((pair) => isFor(pair, file)));
  const allowed = [...last.allowed, ...chosen.map((file) => allowanceOf(file, ask))];
  const reopened = reopenRun(last, { allowed });
  const { attempt, change } = blocked;
  const asked = last.version;
  const names = chosen.map(({ path, blob }) => `${path} at ${blob}`).join(', ');
  const commit: Effect = { kind: 'commit_changes', run: last.id, attempt, change, asked };
  const done: Effect[] =
    ask.noteId === null
      ? []
      : [{ kind: 'react', target: ask.target, noteId: ask.noteId, emoji: 'white_check_mark' }];
  return acted(
    [`${ask.actor.username} (id ${ask.actor.id}) allowed ${names}; run ${last.id} goes on`],
    reopened.writes,
    [commit, ...statusOf(reopened.run, true), ...done],
  );
}

function allowanceOf({ path, blob, mode }: BlockedFile, ask: Ask): Allowance {
  return { path, blob, mode, by: { id: ask.actor.id, username: ask.actor.username } };
}

/** `path at id`, once or more, with commas, `and` or code marks around them; null when it is not that. */
function pairsOf(args: string): Pair[] | null {
  const words = args
    .split(/\s+/)
    .map((word) => bare(word))
    .filter((word) => word !== '' && word.toLowerCase() !== 'and');
  const pairs: Pair[] = [];
  for (let index = 0; index < words.length; index += 3) {
    const [path = '', at = '', blob = ''] = words.slice(index, index + 3);
    const isId = /^[0-9a-f]{1,64}$/i.test(blob) && blob.length >= SHORTEST_ID;
    if (at.toLowerCase() !== 'at' || !isId) return null;
    pairs.push({ path, blob: blob.toLowerCase() });
  }
  return pairs.length === 0 || pairs.length > MAX_PAIRS ? null : pairs;
}

function bare(word: string): string {
  return word.replaceAll('`', '').replace(/,$/, '');
}

function isFor(pair: Pair, file: BlockedFile): boolean {
  return pair.path === file.path && file.blob.startsWith(pair.blob);
}

/** What does not fit, named by path; all files that were refused have to be let through together. */
function problemOf(pairs: readonly Pair[], files: readonly BlockedFile[]): string | null {
  for (const pair of pairs) {
    const file = files.find(({ path }) => path === pair.path);
    if (file === undefined) return notProtected(pair.path, files);
    if (!isFor(pair, file)) return otherContent(pair, file);
  }
  const missing = files.filter((file) => !pairs.some((pair) => isFor(pair, file)));
  return missing.length === 0 ? null : notAll(missing, files);
}

function commandFor(files: readonly BlockedFile[]): string {
  const pairs = files.map(({ path, blob }) => `${path} at ${blob.slice(0, 10)}`).join(' ');
  return code(`/autodev allow ${pairs}`, 2_000);
}

function notUnderstood(): string {
  return (
    'This names no file with the id of its content, so nothing was let through. The status comment ' +
    'of a refused run shows both: `/autodev allow <path> at <sha>`.'
  );
}

function nothingBlocked(): string {
  return (
    'Nothing here was refused for a protected file, so there is nothing to let through. ' +
    '`/autodev status` says how the last run ended.'
  );
}

function notProtected(path: string, files: readonly BlockedFile[]): string {
  return (
    `${code(path)} is not among the protected files that the last result touches, so it needs no ` +
    `leave. What was refused can be let through with ${commandFor(files)}.`
  );
}

function otherContent({ path, blob }: Pair, file: BlockedFile): string {
  return (
    `The refused content of ${code(path)} is ${code(file.blob.slice(0, 10))}, not ${code(blob)}: ` +
    `nothing was let through. Look at what the status comment shows now, then ${commandFor([file])}.`
  );
}

function notAll(missing: readonly BlockedFile[], files: readonly BlockedFile[]): string {
  const names = missing.map(({ path }) => code(path)).join(', ');
  return (
    `The result also touches ${names}, and it is written as a whole or not at all. ` +
    `To let everything through: ${commandFor(files)}.`
  );
}
