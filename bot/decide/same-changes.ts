/** Purpose: what becomes of a run whose changes exist already, found right before they are published. */
import type { Verdict } from '../domain/outcomes.ts';
import type { SameChanges } from '../domain/effects.ts';
import type { Run } from '../domain/runs.ts';
import { cost } from './done.ts';
import { code } from './text.ts';

/** On the default branch: well done by somebody else. In an open change: people choose. */
export function verdictOfSame(run: Run, same: SameChanges): Verdict {
  if ('branch' in same) {
    return {
      kind: 'done',
      cause:
        `${code(same.branch)} has exactly these changes already, at \`${same.sha.slice(0, 8)}\`. ` +
        `Nothing was pushed. ${cost(run)}`,
      next: 'Close the issue, or say what is missing: `/autodev implement <hint>`.',
    };
  }
  const [where, which] =
    same.iid === null
      ? [`What is about to be opened for #${same.issueIid}`, 'it']
      : [`!${same.iid}, opened for #${same.issueIid},`, `!${same.iid}`];
  return {
    kind: 'needs-human',
    cause: `${where} has exactly these changes already. Nothing was pushed.`,
    next: `Decide on ${which}; if that does not solve this issue, \`/autodev retry <hint>\`.`,
  };
}
