/**
 * Purpose: the ground was taken from under a run: its project, the rights to work there, its change or
 * the branch of it. Looked at before anything else that happens to the run, at every stage.
 */
import { ACCESS_LEVELS, accessName } from '../domain/access.ts';
import type { Event } from '../domain/events.ts';
import { isActive, type Verdict } from '../domain/outcomes.ts';
import { roleAt, stageOf, type Run } from '../domain/runs.ts';
import type { Decision, Snapshot } from '../domain/snapshot.ts';
import { acted, decided } from './decision.ts';
import { endRun } from './end.ts';
import { mergedByPeople, specMergedByPeople } from './gate.ts';
import { code } from './text.ts';

/** The end of a run that cannot go on whatever the event is about; null when it can. */
export function decideGone(event: Event, snapshot: Snapshot): Decision | null {
  const { run } = snapshot;
  // What people ask for is judged by its own rules, and answered.
  if (!run || !isActive(run.state) || event.kind === 'note') return null;
  if (event.kind === 'issue' && event.action !== 'closed') return null;
  const verdict = lostGround(run, snapshot) ?? goneBranch(run, snapshot);
  if (verdict !== null) {
    const ended = endRun(run, verdict);
    return acted([`verdict ${verdict.kind}: ${verdict.cause}`], ended.writes, ended.effects);
  }
  return run.state === 'paused' ? null : changeTaken(run, snapshot);
}

/** The project, the bot's rights in it, and those of whoever asked (DESIGN §4.8). */
function lostGround(run: Run, snapshot: Snapshot): Verdict | null {
  const account = `@${snapshot.bot.username}`;
  if (snapshot.reach === 'gone') {
    return {
      kind: 'cancelled',
      cause: 'The project was deleted, or the bot may not see it any more.',
      next: `If it is still there, add ${account} with Developer, then \`/autodev retry\`.`,
    };
  }
  if (snapshot.reach === 'denied') {
    return {
      kind: 'needs-human',
      cause: 'The bot has no rights in the project any more.',
      next: `Give ${account} Developer in the project, then \`/autodev retry\`.`,
    };
  }
  if (snapshot.project.archived) {
    return {
      kind: 'cancelled',
      cause: 'The project was archived.',
      next: 'Unarchive it, then `/autodev retry`.',
    };
  }
  const needed = neededOf(run, snapshot);
  if (snapshot.requesterAccess === null || snapshot.requesterAccess >= needed) return null;
  const who = `@${run.requester.username}`;
  return {
    kind: 'refused',
    cause: `${who}, who asked for this, is not ${accessName(needed)} in the project any more.`,
    next: `Someone with ${accessName(needed)} can go on with it: \`/autodev retry\`.`,
  };
}

/** What the installation asks for the command; the repository's own, stricter wish held at the start. */
function neededOf(run: Run, snapshot: Snapshot): number {
  const { permissions } = snapshot.settings;
  return ACCESS_LEVELS[permissions[run.command] ?? permissions.default];
}

/** Without its branch an open change can neither be worked on nor merged. */
function goneBranch(run: Run, snapshot: Snapshot): Verdict | null {
  const { change } = snapshot;
  const role = roleAt(run);
  const ref = role === null ? null : run.changes[role];
  if (change?.state !== 'opened' || !change.branchGone || ref === null) return null;
  return {
    kind: 'cancelled',
    cause: `The branch ${code(ref.branch)} was deleted.`,
    next: 'Restore it to go on by hand, or `/autodev retry` to start anew.',
  };
}

/** While an agent works, people may close or merge the change; gates and verify stages look themselves. */
function changeTaken(run: Run, snapshot: Snapshot): Decision | null {
  const { change } = snapshot;
  const role = roleAt(run);
  if (stageOf(run)?.kind !== 'task' || role === null || !change) return null;
  const iid = run.changes[role]?.iid ?? 0;
  if (change.state === 'merged') {
    const sha = change.mergedSha ?? change.headSha;
    const moved =
      role === 'code' ? mergedByPeople(run, sha, snapshot) : specMergedByPeople(run, snapshot);
    return decided(moved);
  }
  if (change.state !== 'closed') return null;
  const ended = endRun(run, {
    kind: 'cancelled',
    cause: `!${iid} was closed.`,
    next: 'Reopen it to go on by hand, or `/autodev retry` to start anew.',
  });
  return acted([`!${iid} was closed`], ended.writes, ended.effects);
}
