/**
 * Purpose: what must hold before agents look at a change that people made. They work on its head, but
 * in a pipeline of the default branch, so that its author writes nothing of what their job does.
 */
import type { KnownFinding } from '../domain/findings.ts';
import type { TargetChange } from '../domain/looks.ts';
import type { ChangeRef } from '../domain/runs.ts';
import type { Snapshot } from '../domain/snapshot.ts';
import type { Ask } from './ask.ts';
import type { TaskInputFacts } from './task-input.ts';
import { openFindings } from './findings.ts';

/** Why no look is taken: what is said, and the reason for the record; null when nothing is in the way. */
export function lookRefusal(ask: Ask, snapshot: Snapshot): { say: string; reason: string } | null {
  const change = snapshot.targetChange;
  const again = `\`/autodev ${ask.command}\``;
  if (ask.internal) {
    return {
      say:
        'This was asked in an internal comment, and findings would be readable by everyone who can ' +
        `read the merge request. Nothing was started. Write ${again} in an ordinary comment.`,
      reason: 'asked in an internal note (threat B1)',
    };
  }
  if (change === null) {
    return {
      say: `This merge request could not be read. Nothing was started. Check that the bot may read it, then ${again}.`,
      reason: 'the change is gone',
    };
  }
  return stateRefusal(change, again);
}

function stateRefusal(change: TargetChange, again: string): { say: string; reason: string } | null {
  if (change.sourceProjectId === null || change.sourceProjectId !== change.targetProjectId) {
    return {
      say:
        'This merge request comes from a fork, and commits of forks are not run on this project’s ' +
        'runners. Nothing was started. Someone with Developer can push the branch to this project, ' +
        `open a merge request from there and write ${again} under it.`,
      reason: 'the change comes from a fork',
    };
  }
  if (change.state !== 'opened') {
    const what = change.state === 'merged' ? 'is merged already' : `is ${change.state}`;
    const next =
      change.state === 'merged'
        ? 'Write the command under an open one.'
        : `Reopen it, then ${again}.`;
    return {
      say: `This merge request ${what}. Nothing was started. ${next}`,
      reason: `the change is ${change.state}`,
    };
  }
  if (change.draft) {
    return {
      say: `This merge request is a draft. Nothing was started. Mark it as ready, then ${again}.`,
      reason: 'the change is a draft',
    };
  }
  if (change.headSha === '') {
    return {
      say: `This merge request has no commits yet. Nothing was started. Push one, then ${again}.`,
      reason: 'the change has no commits',
    };
  }
  return null;
}

/** The change a look is about, as the run keeps it. */
export function lookRef(change: TargetChange): ChangeRef {
  const { sourceBranch: branch, iid, url, headSha } = change;
  return { branch, iid, url, headSha };
}

/** What an agent is told of a change besides its text: which files it touches, and how. */
export function lookFacts(change: TargetChange): Partial<TaskInputFacts> {
  const diff = change.files
    .filter((file) => file.diff !== '')
    .map((file) => `--- ${file.path}\n${file.diff}`)
    .join('\n');
  const changed = change.files.map(({ path }) => path);
  return { on: 'change', changed, diff, ...earlierFacts(change.findings) };
}

/** What an agent that looks is told of earlier looks; nothing where there were none. */
export function earlierFacts(
  findings: readonly KnownFinding[],
): Pick<TaskInputFacts, 'known' | 'unwanted'> {
  if (findings.length === 0) return {};
  return {
    known: openFindings({ findings: [...findings] }),
    unwanted: findings.filter(({ state }) => state === 'dismissed'),
  };
}
