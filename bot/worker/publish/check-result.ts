/**
 * The publisher's checks of a result, in DESIGN §4.6's order: limits, paths, secrets. The schema was
 * checked when the result came in; text is neutralised where it is written.
 */
import type { Allowance } from '../../domain/runs.ts';
import type { FileChange, JobResult } from '../../../schema/wire/result.ts';
import { RESULT_LIMITS } from '../../../schema/wire/result.ts';
import { checkPaths } from './path-policy.ts';
import { blobId } from './blob-id.ts';
import { findSecret } from './secret-scan.ts';

export type ResultVerdict =
  | { ok: true }
  | {
      ok: false;
      cause: string;
      next: string;
      /** The protected files, when nothing else is wrong with the result. */
      blocked?: FileChange[];
    };

interface Rules {
  protectedPaths: readonly string[];
  ownSecrets: readonly string[];
  /** Protected files that a maintainer let through, each bound to its content. */
  allowed: readonly Allowance[];
}

/** May these changes be committed? Refusals name the file and the reason, never a secret. */
export async function checkResult(result: JobResult, rules: Rules): Promise<ResultVerdict> {
  const bytes = result.changes.reduce((sum, change) => sum + (change.content?.length ?? 0), 0);
  if (bytes > RESULT_LIMITS.bytes * 1.4) {
    return {
      ok: false,
      cause: `The change is larger than ${RESULT_LIMITS.bytes / 1024 / 1024} MB.`,
      next: 'Split the issue, then `/autodev retry`.',
    };
  }
  for (const change of result.changes) {
    if ((change.action === 'delete') !== (change.content === undefined)) {
      return {
        ok: false,
        cause: `The result is not consistent: ${quote(change.path)} is a ${change.action} ${change.content === undefined ? 'without' : 'with'} content.`,
        next: '`/autodev retry` runs the agent again.',
      };
    }
  }
  const paths = checkPaths(result.changes, rules.protectedPaths, (change) =>
    rules.allowed.some((allowance) => isFor(allowance, change)),
  );
  if (!paths.ok && !paths.protected) {
    return {
      ok: false,
      cause: `The change touches ${quote(paths.path)}, which ${paths.why}. Nothing was pushed.`,
      next: '`/autodev retry` runs the agent again.',
    };
  }
  const secret = await findSecret(result.changes, rules.ownSecrets);
  if (secret) {
    return {
      ok: false,
      cause: `${secret.path === null ? 'The name of a file' : quote(secret.path)} seems to hold a secret (${secret.what}). Nothing was pushed.`,
      next: 'Check the job log; `/autodev retry <hint>` lets the agent try again.',
    };
  }
  return paths.ok ? { ok: true } : blockedVerdict(paths);
}

/** An allowance is for one path with one content and mode; anything else is another wish. */
function isFor(allowance: Allowance, change: FileChange): boolean {
  const { path, mode } = change;
  return allowance.path === path && allowance.mode === mode && allowance.blob === blobId(change);
}

/** Names each protected file by the content it would have, so that exactly that can be allowed. */
function blockedVerdict(paths: { path: string; why: string; files: FileChange[] }): ResultVerdict {
  const shown = paths.files.slice(0, NAMED_FILES);
  const list = shown.map((change) => `${quote(change.path)} (${shortId(change)})`).join(', ');
  const more = paths.files.length - shown.length;
  const names = more > 0 ? `${list} and ${more} more` : list;
  const why = paths.files.length === 1 ? `which ${paths.why}` : 'which are protected';
  const retry = '`/autodev retry <hint>` lets the agent try without it.';
  const nameable = more === 0 && paths.files.every(({ path }) => isNameable(path));
  const pairs = paths.files.map((change) => `${change.path} at ${shortId(change)}`).join(' ');
  return {
    ok: false,
    cause: `The change touches ${names}, ${why}. Nothing was pushed.`,
    next: nameable
      ? `A maintainer can let exactly this through: \`/autodev allow ${pairs}\`; ${retry}`
      : `A person can make that change; ${retry}`,
    ...(nameable ? { blocked: paths.files } : {}),
  };
}

/** Files named in one command; a result that touches more is a person's work. */
const NAMED_FILES = 8;
const SHORT_ID = 10;

function shortId(change: FileChange): string {
  return blobId(change).slice(0, SHORT_ID);
}

/** A path that a command can name without doubt: no blanks, no code marks, nothing that separates. */
function isNameable(path: string): boolean {
  return /^[\p{L}\p{N}._/@+~#=-]{1,200}$/u.test(path);
}

function quote(path: string): string {
  return `\`${path
    .replaceAll('`', "'")
    .replaceAll(/[\r\n]/g, ' ')
    .slice(0, 200)}\``;
}
