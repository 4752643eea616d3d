/**
 * Purpose: what people with rights said of findings, by 👎, by resolving a thread or by opening one again.
 * Read from the forge at each look, since hooks can be missed; no model reads words to close anything.
 */
import type {
  DismissedHow,
  FileText,
  FindingThread,
  KnownFinding,
  ReviewFacts,
} from '../domain/findings.ts';
import type { Actor } from '../domain/events.ts';
import { placeNow } from '../domain/moved-lines.ts';

/** The findings with what people said of them; `head` is the commit that is looked at. */
export function withOpinions(
  findings: readonly KnownFinding[],
  facts: Pick<ReviewFacts, 'threads' | 'files'>,
  head: string,
  now: Date,
): KnownFinding[] {
  return findings.map((row) => {
    const thread = facts.threads.find(({ id }) => id === row.threadId);
    return thread === undefined ? row : withOpinion(row, thread, facts.files, head, now);
  });
}

function withOpinion(
  row: KnownFinding,
  thread: FindingThread,
  files: readonly FileText[],
  head: string,
  now: Date,
): KnownFinding {
  const seen = { ...row, threadResolved: thread.resolved };
  const reopened = row.threadResolved && !thread.resolved;
  if (row.state !== 'open') {
    const takenBack = row.dismissal?.how === 'thumbs_down' && thread.thumbsDown === null;
    return reopened || takenBack
      ? { ...seen, state: 'open', dismissal: null, revivedAt: now }
      : seen;
  }
  const down = thread.thumbsDown;
  if (down !== null && (row.revivedAt === null || down.at > row.revivedAt)) {
    return dismissed(seen, 'thumbs_down', down.by);
  }
  // Resolved after a push it may mean «done»: then the look says whether it is.
  const place = placeNow(row, head, files);
  const unchanged = typeof place !== 'string' && place.untouched;
  if (thread.resolvedBy !== null && !row.threadResolved && unchanged) {
    return dismissed(seen, 'resolved', thread.resolvedBy);
  }
  return seen;
}

/** The finding as one that people do not want. */
export function dismissed(
  row: KnownFinding,
  how: DismissedHow,
  by: Actor,
  reason = '',
): KnownFinding {
  return { ...row, state: 'dismissed', dismissal: { how, by, reason } };
}
