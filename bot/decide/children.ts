/**
 * Purpose: the children stage of an epic: make their issues, start their runs in order and not too many
 * at once, and end when nothing is left that can move.
 *
 * The run of a child is created by the decision of its epic, which also writes the epic's row: two
 * decisions at once can therefore never start more than is allowed, nor one child twice.
 */
import type { EpicReport } from '../../schema/wire/report.ts';
import type { Effect } from '../domain/effects.ts';
import { isActive, type Verdict } from '../domain/outcomes.ts';
import { spentOn, stageOf, type Run } from '../domain/runs.ts';
import type { Decision, Snapshot, Write } from '../domain/snapshot.ts';
import { acted, ignored } from './decision.ts';
import { endRun } from './end.ts';
import { childStates, listed, planOf, progressText, readyPlaces, type ChildState } from './epic.ts';
import { money } from './format.ts';
import { permissionFor } from './permissions.ts';
import { enterStage, nextStage } from './stages.ts';
import { startRun } from './start.ts';
import { statusOf } from './status-effects.ts';

/** What a child is started with, as if its requester had written it below its issue. */
const CHILD_COMMAND = 'plan';

/** Looks how far the children are. */
export function decideChildren(snapshot: Snapshot): Decision {
  const { run } = snapshot;
  if (!run || !isActive(run.state)) return ignored('the run is over');
  if (stageOf(run)?.kind !== 'children') return ignored('the run has no children now');
  const plan = planOf(run);
  if (plan === null) {
    return end(run, {
      kind: 'needs-human',
      cause: 'There is no plan with children to follow.',
      next: '`/autodev retry` has one made.',
    });
  }
  const { epicItem } = snapshot;
  if (epicItem.pending) return ignored('the epic is being made');
  if (!epicItem.settled) {
    const asked: Effect = { kind: 'create_epic', run: run.id, asked: run.version };
    return acted(['the epic is to be made'], [noted(run, run.gateNote)], [asked]);
  }
  const states = childStates(plan, snapshot.children, run.stageSince);
  const made = missingIssues(run, plan, snapshot);
  if (made.length > 0) {
    const note = progressText(states);
    return acted(
      [`${made.length} ${made.length === 1 ? 'issue' : 'issues'} to make`],
      [noted(run, note)],
      [...made, ...statusOf(run)],
    );
  }
  if (snapshot.children.some(({ pending }) => pending)) return ignored('issues are being made');
  return startNext(run, plan, states, snapshot) ?? settleOrWait(run, states, snapshot);
}

/** Issues whose own are all there: an issue names those it comes after. */
function missingIssues(run: Run, plan: EpicReport, snapshot: Snapshot): Effect[] {
  const { children, epicItem } = snapshot;
  return plan.children.flatMap((child, place): Effect[] => {
    const facts = children[place];
    if (facts?.pending || facts?.issue) return [];
    const after = child.dependsOn.map((other) => children[other]?.issue?.iid);
    if (!after.every((iid) => iid !== undefined)) return [];
    const epic = epicItem.id;
    return [{ kind: 'create_issue', run: run.id, child: place, after, epic, asked: run.version }];
  });
}

/** Starts the most urgent child that may start; null when there is none or no place for it. */
function startNext(
  run: Run,
  plan: EpicReport,
  states: readonly ChildState[],
  snapshot: Snapshot,
): Decision | null {
  const running = states.filter((state) => state === 'running').length;
  const [place, ...more] = readyPlaces(plan, states);
  const child = place === undefined ? undefined : snapshot.children[place];
  if (place === undefined || !child?.now) return null;
  if (running >= snapshot.settings.limits.epicParallel) return null;
  // Asked anew for every child: rights may be lost while an epic goes on for weeks (threat A12).
  const asked = { ...snapshot, actorAccess: snapshot.requesterAccess ?? 0 };
  const permission = permissionFor(CHILD_COMMAND, run.requester, false, asked);
  if (!permission.allowed) return end(run, noRight(run, permission));
  const started = startRun(
    {
      command: CHILD_COMMAND,
      args: '',
      requester: run.requester,
      target: { type: 'issue', iid: child.now.iid },
      noteId: null,
      discussionId: null,
      parentRunId: run.id,
    },
    { ...asked, issue: child.now, run: null, lastRun: null },
  );
  if (!started.ok) {
    return end(run, {
      kind: 'needs-human',
      cause: `#${child.now.iid} could not be started. ${started.problem}`,
      next: `${started.next} Then \`/autodev retry\`.`,
    });
  }
  const after = states.map((state, index) => (index === place ? 'running' : state));
  const again: Write[] = more.length > 0 ? [{ op: 'wake', runId: run.id }] : [];
  return acted(
    [`child #${child.now.iid} starts`, ...started.reasons],
    [...started.writes, noted(run, progressText(after)), ...again],
    [...started.effects, ...statusOf(run)],
  );
}

function noRight(
  run: Run,
  permission: { silent: true; reason: string } | { silent: false; needs: string },
): Verdict {
  const who = `@${run.requester.username}`;
  return {
    kind: 'refused',
    cause: permission.silent
      ? `No further child can be started: ${permission.reason}.`
      : `${who}, who asked for this, may not start work here any more; that needs ${permission.needs}.`,
    next: 'Someone with the right to can go on: `/autodev retry`.',
  };
}

/** The end when nothing can move any more; else what changed is told. */
function settleOrWait(run: Run, states: readonly ChildState[], snapshot: Snapshot): Decision {
  const note = progressText(states);
  const moving = states.some((state) => MOVING.has(state));
  if (!moving) return settled(run, states, note, snapshot);
  if (note === run.gateNote) return ignored(`waits for its children: ${note}`);
  return acted([note], [noted(run, note)], statusOf(run));
}

const MOVING: ReadonlySet<ChildState> = new Set(['planned', 'waiting', 'ready', 'running']);

function settled(
  run: Run,
  states: readonly ChildState[],
  note: string,
  snapshot: Snapshot,
): Decision {
  const iids = (wanted: readonly ChildState[]): string[] =>
    states.flatMap((state, place) =>
      wanted.includes(state) ? [`#${snapshot.children[place]?.issue?.iid ?? '?'}`] : [],
    );
  const failed = iids(['failed']);
  const blocked = iids(['blocked']);
  const cost = `${money(totalSpent(run, snapshot))} with ${states.length === 1 ? 'its child' : 'its children'}.`;
  if (failed.length > 0 || blocked.length > 0) {
    const behind =
      blocked.length === 0
        ? ''
        : ` ${listed(blocked)} ${blocked.length === 1 ? 'waits' : 'wait'} for ${failed.length === 1 ? 'it' : 'them'} and ${blocked.length === 1 ? 'was' : 'were'} not started.`;
    return end(
      run,
      {
        kind: 'needs-human',
        cause: `${listed(failed)} did not end well; each says why.${behind} ${cost}`,
        next: '`/autodev retry` here starts again what failed and goes on; what is done stays done.',
      },
      note,
    );
  }
  const all = iids(['done', 'closed']);
  const text = `${listed(all)} ${all.length === 1 ? 'is' : 'are'} done.`;
  const next = nextStage(run);
  if (next !== null) {
    const moved = enterStage(run, next, snapshot);
    return acted([text, ...moved.reasons], moved.writes, moved.effects);
  }
  return end(
    run,
    {
      kind: 'done',
      cause: `${text} ${cost}`,
      next: 'Close this issue when nothing is left to do.',
    },
    note,
  );
}

/** The epic's own money and that of its children's newest runs. */
export function totalSpent(run: Run, facts: Pick<Snapshot, 'children'>): number {
  return facts.children.reduce((sum, child) => sum + (child.run?.spentMicrousd ?? 0), spentOn(run));
}

/** The epic's row is always written: of two decisions at once one is taken anew. */
function noted(run: Run, gateNote: string | null): Write {
  return { op: 'update_run', runId: run.id, version: run.version, patch: { gateNote } };
}

function end(run: Run, verdict: Verdict, gateNote = run.gateNote): Decision {
  const ended = endRun(run, verdict, { gateNote });
  return acted([`verdict ${verdict.kind}`], ended.writes, ended.effects);
}
