/**
 * Purpose: a look at a change that people made: findings become threads, the votes one comment. Nothing
 * is committed, merged or labelled; what follows is up to the people whose change it is.
 */
import { REVIEW_DEFAULTS } from '../domain/findings.ts';
import type { Run } from '../domain/runs.ts';
import type { Verdict } from '../domain/outcomes.ts';
import type { ChangeFacts, Decision, Snapshot } from '../domain/snapshot.ts';
import { acted, type Moved } from './decision.ts';
import { checksSentence } from './check-text.ts';
import { doneVerdict } from './done.ts';
import { endRun } from './end.ts';
import { openFindings } from './findings.ts';
import { tallyOf, weightsOf } from './tally.ts';
import { threadEffects } from './threads.ts';

/** The head that a look at people's change is about; null for work of the bot's own. */
export function lookedAt(run: Run): string | null {
  return run.target.type === 'change' ? (run.changes.code?.headSha ?? null) : null;
}

/** The look is over: threads for what it found, and what it came to. `run` knows what CI said. */
export function looked(run: Run, snapshot: Snapshot): Moved {
  const { votes, consensus } = tallyOf(run, weightsOf(snapshot));
  const { kind, score } = consensus;
  const agreed = votes.length === 0 ? '' : `, consensus ${score} (${kind})`;
  const open = openFindings(run).length;
  const count = open === 0 ? 'no findings' : `${open} ${open === 1 ? 'finding' : 'findings'}`;
  const head = lookedAt(run) ?? '';
  const now = snapshot.change?.headSha ?? head;
  const checks = run.checks === null ? '' : ` ${checksSentence(run.checks)}`;
  const left = run.leftOut === 0 ? '' : ` ${leftOutSentence(run)}`;
  const verdict: Verdict = {
    ...doneVerdict(run, `At \`${head.slice(0, 8)}\`: ${count}${agreed}.${left}${checks}`),
    next: nextOf(run, head, now, open),
  };
  const ended = endRun(run, verdict);
  return {
    reasons: [`${count}${agreed}`],
    writes: ended.writes,
    effects: [
      // Threads of earlier looks count too: what is gone from a newer head is told and resolved there.
      ...threadEffects(run),
      ...ended.effects,
    ],
  };
}

/** The change went away while the agents looked. */
export function lookGone(run: Run, change: ChangeFacts): Decision {
  const { iid } = run.target;
  const ended = endRun(run, {
    kind: 'cancelled',
    cause: `!${iid} was ${change.state === 'merged' ? 'merged' : 'closed'} before the look at it was over.`,
    next: change.state === 'merged' ? '' : `Reopen it, then \`/autodev ${run.command}\`.`,
  });
  return acted([`the change is ${change.state}`], ended.writes, ended.effects);
}

function leftOutSentence(run: Run): string {
  const { minConfidence, maxFindings } = run.context.review ?? REVIEW_DEFAULTS;
  return `${run.leftOut} left out: less sure than ${minConfidence}, or beyond the ${maxFindings} most severe.`;
}

function nextOf(run: Run, head: string, now: string, open: number): string {
  const again = `\`/autodev ${run.command}\``;
  if (now !== head) return `The head is \`${now.slice(0, 8)}\` by now; ${again} looks at that.`;
  return open === 0 ? '' : `Answer the threads or push a mend; ${again} looks again.`;
}
