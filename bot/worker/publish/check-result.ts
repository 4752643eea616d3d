/**
 * The publisher's checks of a result, in DESIGN §4.6's order: limits, paths, secrets. The schema was
 * checked when the result came in; text is neutralised where it is written.
 */
import type { JobResult } from '../../../schema/wire/result.ts';
import { RESULT_LIMITS } from '../../../schema/wire/result.ts';
import { checkPaths } from './path-policy.ts';
import { findSecret } from './secret-scan.ts';

export type ResultVerdict = { ok: true } | { ok: false; cause: string; next: string };

/** May these changes be committed? Refusals name the file and the reason, never a secret. */
export async function checkResult(
  result: JobResult,
  rules: { protectedPaths: readonly string[]; ownSecrets: readonly string[] },
): Promise<ResultVerdict> {
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
  const paths = checkPaths(result.changes, rules.protectedPaths);
  if (!paths.ok) {
    return {
      ok: false,
      cause: `The change touches ${quote(paths.path)}, which ${paths.why}. Nothing was pushed.`,
      next: paths.protected
        ? 'A person can make that change; `/autodev retry <hint>` lets the agent try without it.'
        : '`/autodev retry` runs the agent again.',
    };
  }
  const secret = await findSecret(result.changes, rules.ownSecrets);
  if (secret) {
    return {
      ok: false,
      cause: `${quote(secret.path)} seems to hold a secret (${secret.what}). Nothing was pushed.`,
      next: 'Check the job log; `/autodev retry <hint>` lets the agent try again.',
    };
  }
  return { ok: true };
}

function quote(path: string): string {
  return `\`${path
    .replaceAll('`', "'")
    .replaceAll(/[\r\n]/g, ' ')
    .slice(0, 200)}\``;
}
