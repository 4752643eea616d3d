/**
 * Purpose: everything that must hold before work is started for a wish.
 */
import type { Effect } from '../domain/effects.ts';
import { isActive } from '../domain/outcomes.ts';
import type { Target } from '../domain/runs.ts';
import { readsAsSeen, type SeenText } from '../domain/seen-text.ts';
import type { Decision, Snapshot } from '../domain/snapshot.ts';
import { deployPlanned, isDeploy, placesOf } from '../domain/work.ts';
import { acted } from './decision.ts';
import { allowedOverrides } from './agent-overrides.ts';
import { refuse, replyTo, type Ask } from './ask.ts';
import { dayIsOver } from './budget.ts';
import { lookRefusal } from './look.ts';
import { deployRefusal, environmentRefusal, placeOf } from './deploy-ask.ts';
import { startRun, subjectOf, type StartRequest } from './start.ts';
import * as text from './text.ts';

/** Starts the work a command stands for, or says why not. */
export function startWork(ask: Ask, snapshot: Snapshot): Decision {
  const refusal = placeRefusal(ask, snapshot);
  if (refusal !== null) return refuse(ask, refusal.say, refusal.reason);
  if (ask.command === 'ask' && ask.args.trim() === '') {
    return refuse(ask, text.needsQuestion(), 'ask without a question');
  }
  if (ask.internal || snapshot.issue?.confidential) {
    return refuse(ask, text.confidentialIssue(), 'confidential input (threat B1)');
  }
  // What is merged is deployed from closed issues, too.
  const ofMerged = isDeploy(ask.command) || deployPlanned(ask.command, ask.args) !== null;
  if (snapshot.issue?.state === 'closed' && !ofMerged) {
    return refuse(ask, text.closedIssue(), 'the issue is closed');
  }
  if (snapshot.run && isActive(snapshot.run.state)) {
    return refuse(ask, text.alreadyRunning(snapshot.run), `run ${snapshot.run.id} is active`);
  }
  const limit = snapshot.settings.limits.runsPerUserHour;
  if (snapshot.runsLastHour >= limit) {
    return refuse(ask, text.tooManyRuns(limit), `${snapshot.runsLastHour} runs within the hour`);
  }
  const over = isDeploy(ask.command) ? null : dayIsOver(snapshot);
  if (over !== null) return refuse(ask, over, 'the budget of the day is used up');
  const request = requestOf(ask, snapshot);
  if (isChanged(ask.seen, request.target, snapshot)) {
    return refuse(ask, text.changedText(request.target), 'it was changed meanwhile (threat A2)');
  }
  const started = startRun(request, snapshot);
  if (!started.ok) {
    return refuse(ask, text.cannotStart(started.problem, started.next), started.problem);
  }
  const elsewhere = isDeploy(ask.command) && ask.target.type === 'change';
  const seen: Effect[] =
    elsewhere && ask.noteId !== null
      ? [{ kind: 'react', target: ask.target, noteId: ask.noteId, emoji: 'eyes' }]
      : [];
  const { config, problems } = snapshot.repoConfig;
  const beyond = allowedOverrides(config, snapshot.settings, snapshot.agents).problems;
  const said = [
    ...(problems.length === 0 ? [] : [text.configProblems(problems)]),
    ...(beyond.length === 0 ? [] : [text.overrideProblems(beyond)]),
  ].join('\n\n');
  const notes: Effect[] =
    said === '' ? [] : [replyTo({ ...ask, discussionId: null, about: 'config' }, said)];
  return acted(started.reasons, started.writes, [...started.effects, ...seen, ...notes]);
}

/** Whether what the work is about says something else than when it was asked for. */
function isChanged(seen: SeenText | null, about: Target, snapshot: Snapshot): boolean {
  const subject = subjectOf(about, snapshot);
  if (seen === null || subject === null) return false;
  // Asked for under a change, the work may be about its issue, which whoever asked need not have read.
  if (seen.of.type !== about.type || seen.of.iid !== about.iid) return false;
  return !readsAsSeen(seen, subject);
}

/** Why it is not done in this place; null when nothing speaks against it. */
function placeRefusal(ask: Ask, snapshot: Snapshot): { say: string; reason: string } | null {
  if (isDeploy(ask.command)) return deployRefusal(ask, snapshot);
  const planned = deployPlanned(ask.command, ask.args);
  if (planned !== null && ask.target.type === 'issue') {
    const kind = ask.args.trim().split(/\s+/)[0] ?? '';
    return environmentRefusal(planned.args, `plan ${kind.toLowerCase()}`);
  }
  if (placesOf(ask.command).includes(ask.target.type)) {
    return ask.target.type === 'change' ? lookRefusal(ask, snapshot) : null;
  }
  return ask.target.type === 'issue'
    ? { say: text.onlyOnChanges(ask.command), reason: 'looks are taken at changes' }
    : { say: text.onlyOnIssues(ask.command), reason: 'work starts on issues' };
}

/** A deployment asked for under a change is told on its issue. */
function requestOf(ask: Ask, snapshot: Snapshot): StartRequest {
  const request = { ...ask, requester: ask.actor };
  if (!isDeploy(ask.command) || ask.target.type === 'issue') return request;
  const target = placeOf(ask.target, snapshot) ?? ask.target;
  return { ...request, target, noteId: null, discussionId: null };
}
