/**
 * Purpose: everything that must hold before work is started for a wish.
 */
import type { Effect } from '../domain/effects.ts';
import { isActive } from '../domain/outcomes.ts';
import type { Decision, Snapshot } from '../domain/snapshot.ts';
import { refuse, replyTo, type Ask } from './ask.ts';
import { acted } from './decision.ts';
import { startRun } from './start.ts';
import * as text from './text.ts';

/** Starts the work a command stands for, or says why not. */
export function startWork(ask: Ask, snapshot: Snapshot): Decision {
  if (ask.target.type !== 'issue') {
    return refuse(ask, text.onlyOnIssues(ask.command), 'work starts on issues');
  }
  if (ask.command === 'ask' && ask.args.trim() === '') {
    return refuse(ask, text.needsQuestion(), 'ask without a question');
  }
  if (ask.internal || snapshot.issue?.confidential) {
    return refuse(ask, text.confidentialIssue(), 'confidential input (threat B1)');
  }
  if (snapshot.issue?.state === 'closed') {
    return refuse(ask, text.closedIssue(), 'the issue is closed');
  }
  if (snapshot.run && isActive(snapshot.run.state)) {
    return refuse(ask, text.alreadyRunning(snapshot.run), `run ${snapshot.run.id} is active`);
  }
  const limit = snapshot.settings.limits.runsPerUserHour;
  if (snapshot.runsLastHour >= limit) {
    return refuse(ask, text.tooManyRuns(limit), `${snapshot.runsLastHour} runs within the hour`);
  }
  const started = startRun({ ...ask, requester: ask.actor }, snapshot);
  if (!started.ok) {
    return refuse(ask, text.cannotStart(started.problem, started.next), started.problem);
  }
  const problems = snapshot.repoConfig.problems;
  const notes: Effect[] =
    problems.length === 0
      ? []
      : [replyTo({ ...ask, discussionId: null, about: 'config' }, text.configProblems(problems))];
  return acted(started.reasons, started.writes, [...started.effects, ...notes]);
}
