/**
 * Purpose: runs that people pause, put to sleep until a date, and wake. A paused run is a row: agents at
 * work finish, nothing new starts, and what happens meanwhile is kept in its delivery until the run
 * goes on (or ends), so that nothing is lost and nothing has to be decided twice.
 */
import type { Effect } from '../domain/effects.ts';
import type { Event } from '../domain/events.ts';
import { isActive, type RunState } from '../domain/outcomes.ts';
import { outageUntil } from '../domain/outages.ts';
import { stageOf, type Run } from '../domain/runs.ts';
import type { Decision, RunPatch, Snapshot, Write } from '../domain/snapshot.ts';
import { acted, ignored, type Moved } from './decision.ts';
import { refuse, replyTo, type Ask } from './ask.ts';
import { DATE_FORMS, parseDate } from './dates.ts';
import { utc } from './format.ts';
import { goOnAfterOutage } from './outage.ts';
import { statusOf } from './status-effects.ts';
import { code, pausedText } from './text.ts';

/** What people may say to a paused run; everything else would start something. */
const WHILE_PAUSED: ReadonlySet<string> = new Set([
  'help',
  'status',
  'ask',
  'cancel',
  'pause',
  'resume',
  'defer',
  'budget',
  'unlock',
  'assign-agent',
  'dismiss',
]);

/** Keeps what happens to a paused run for later; null when the event is to be decided now. */
export function keepWhilePaused(event: Event, snapshot: Snapshot): Decision | null {
  const { run } = snapshot;
  if (run?.state !== 'paused') return null;
  switch (event.kind) {
    // People command; an issue that is closed and an epic that is over end the run, whatever waits.
    case 'note':
    case 'issue':
    case 'epic_ended':
    case 'resume_due':
      return null;
    // A hint only: the run is looked at when it goes on.
    case 'wake':
      return ignored('the run is paused');
    default:
      return { ...ignored(`kept until run ${run.id} goes on`), held: run.id };
  }
}

/** Refuses commands that would start something; null when the command may go on. */
export function refuseWhilePaused(ask: Ask, snapshot: Snapshot): Decision | null {
  const { run } = snapshot;
  if (run?.state !== 'paused' || WHILE_PAUSED.has(ask.command)) return null;
  const body = `The work here is ${pausedText(run)}. \`/autodev resume\` goes on; ask again then.`;
  return refuse(ask, body, `run ${run.id} is paused`);
}

/** `/autodev pause`: until somebody resumes it. */
export function pauseRun(ask: Ask, snapshot: Snapshot): Decision {
  const { run } = snapshot;
  if (!run || !isActive(run.state)) {
    const body = 'Nothing is running here. `/autodev help` lists what can be started.';
    return refuse(ask, body, 'nothing to pause');
  }
  if (run.state === 'paused' && run.pausedUntil === null) {
    const body = `The work here is ${pausedText(run)} already. \`/autodev resume\` goes on.`;
    return refuse(ask, body, `run ${run.id} is paused already`);
  }
  return acted(
    [`run ${run.id} paused by ${ask.actor.username} (id ${ask.actor.id})`],
    stop(run, { pausedBy: ask.actor.username, pausedUntil: null }),
    [...statusOf(run, true), ...done(ask)],
  );
}

/** `/autodev defer <date>`: at a gate, asleep until a date. */
export function deferRun(ask: Ask, snapshot: Snapshot): Decision {
  const { run } = snapshot;
  const stage = run && isActive(run.state) ? stageOf(run) : null;
  if (!run || stage?.kind !== 'gate') {
    const body =
      'Nothing waits for a decision here, so there is nothing to defer. `/autodev pause` stops ' +
      'work at any stage, `/autodev status` says how far it is.';
    return refuse(ask, body, 'no gate to defer');
  }
  const parsed = parseDate(ask.args, snapshot.now);
  if ('problem' in parsed) return refuse(ask, notADate(ask.args, parsed.problem), 'no date');
  const until = utc(parsed.at);
  const iid = run.changes[stage.gate === 'spec' ? 'spec' : 'code']?.iid;
  const change = iid == null ? 'the change' : `!${iid}`;
  const body =
    `Deferred until ${until}. An approval or merge of ${change} before that is kept and counts ` +
    'then, if the head is still the same. `/autodev resume` goes on with it earlier.';
  return acted(
    [`run ${run.id} deferred until ${until} by ${ask.actor.username} (id ${ask.actor.id})`],
    stop(run, { pausedBy: ask.actor.username, pausedUntil: parsed.at }),
    [...statusOf(run, true), ...done(ask), replyTo(ask, body)],
  );
}

/** `/autodev resume`: wakes a paused or deferred run, also before its date. */
export function resumeRun(ask: Ask, snapshot: Snapshot): Decision {
  const { run } = snapshot;
  if (run?.state !== 'paused') {
    const body = 'Nothing is paused here. `/autodev status` says how far the work is.';
    return refuse(ask, body, 'nothing to resume');
  }
  const reason = `run ${run.id} resumed by ${ask.actor.username} (id ${ask.actor.id})`;
  const again = goOn(run, snapshot);
  return acted([reason, ...again.reasons], again.writes, [...again.effects, ...done(ask)]);
}

/** The date has come; the database says so, and the event names the date it meant. */
export function decideResumeDue(
  event: Extract<Event, { kind: 'resume_due' }>,
  snapshot: Snapshot,
): Decision {
  const { run } = snapshot;
  if (run?.state !== 'paused') return ignored('the run is not paused');
  if (run.pausedUntil?.toISOString() !== event.until)
    return ignored('it sleeps until another date');
  const again = goOn(run, snapshot);
  const reasons = [`run ${run.id} was deferred until now`, ...again.reasons];
  return acted(reasons, again.writes, again.effects);
}

/** A merge that was asked for and not begun is taken back; the gate is looked at anew afterwards. */
function stop(run: Run, who: Pick<RunPatch, 'pausedBy' | 'pausedUntil'>): Write[] {
  const patch: RunPatch = { state: 'paused', gateNote: null, ...who };
  return [
    { op: 'update_run', runId: run.id, version: run.version, patch },
    { op: 'drop_effects', runId: run.id, kinds: ['merge_change'] },
  ];
}

function goOn(run: Run, snapshot: Snapshot): Moved {
  const outage = outageUntil(run) !== null ? { gateNote: null } : {};
  const patch: RunPatch = {
    state: stateBefore(run),
    pausedUntil: null,
    pausedBy: null,
    ...outage,
  };
  const again = goOnAfterOutage(run, snapshot);
  const pipelines = again.effects.filter(({ kind }) => kind !== 'status_comment');
  return {
    reasons: again.reasons,
    writes: [
      { op: 'update_run', runId: run.id, version: run.version, patch },
      ...again.writes,
      { op: 'release_held', runId: run.id },
      { op: 'wake', runId: run.id },
    ],
    effects: [...pipelines, ...statusOf(run, true)],
  };
}

/** Queued until the first agent took its task. */
function stateBefore(run: Run): RunState {
  const begun = run.tasks
    .flatMap((task) => task.attempts)
    .some((attempt) => attempt.state !== 'requested' && attempt.state !== 'waiting');
  return begun ? 'running' : 'queued';
}

function notADate(args: string, problem: 'unknown' | 'past' | 'far'): string {
  const forms = `Write ${DATE_FORMS}, all in UTC.`;
  if (args.trim() === '') return `There is no date. ${forms}`;
  switch (problem) {
    case 'unknown':
      return `${code(args)} is no date that is understood here. ${forms}`;
    case 'past':
      return `${code(args)} is not in the future. ${forms}`;
    case 'far':
      return `${code(args)} is more than a year away, the limit. ${forms}`;
  }
}

function done(ask: Ask): Effect[] {
  if (ask.noteId === null) return [];
  return [{ kind: 'react', target: ask.target, noteId: ask.noteId, emoji: 'white_check_mark' }];
}
