/**
 * Purpose: `/autodev deploy [environment]` and `/autodev rollback [environment]`. They are about the
 * default branch and its environments; the issue, open or closed, is only where it is told.
 */
import { environmentNamed } from '../domain/deploys.ts';
import type { Run, Target } from '../domain/runs.ts';
import type { Snapshot } from '../domain/snapshot.ts';
import { deployPlanned, isDeploy } from '../domain/work.ts';
import type { Ask } from './ask.ts';
import { code } from './text.ts';

/** The environment behind the command; null when the command names none. */
export function environmentAsked(command: string, args: string): string | null {
  const planned = deployPlanned(command, args);
  if (planned !== null) return environmentNamed(planned.args);
  return isDeploy(command) ? environmentNamed(args) : null;
}

/** Why it cannot be started here; null when nothing speaks against it. */
export function deployRefusal(
  ask: Ask,
  snapshot: Snapshot,
): { say: string; reason: string } | null {
  const wrong = environmentRefusal(ask.args, ask.command);
  if (wrong !== null) return wrong;
  if (placeOf(ask.target, snapshot) === null) {
    return {
      say:
        `This merge request belongs to no issue that the bot worked on. Write ` +
        `${code(`/autodev ${ask.command}`)} on an issue; it deploys the default branch.`,
      reason: 'a merge request without a run',
    };
  }
  return null;
}

/** Words behind a command that name no environment; null when there are none or they name one. */
export function environmentRefusal(
  words: string,
  command: string,
): { say: string; reason: string } | null {
  if (words.trim() === '' || environmentNamed(words) !== null) return null;
  return {
    say:
      `${code(words)} is no name of an environment. ` +
      `Write one word, e.g. ${code(`/autodev ${command} staging`)}.`,
    reason: 'no name of an environment',
  };
}

/** The issue on which the deployment is told: asked under a change, the one whose run made it. */
export function placeOf(target: Target, snapshot: Snapshot): Target | null {
  if (target.type === 'issue') return target;
  const run: Run | null = snapshot.run ?? snapshot.lastRun;
  return run?.target.type === 'issue' ? run.target : null;
}
