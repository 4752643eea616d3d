/**
 * Purpose: `/autodev deploy [environment]` and `/autodev rollback [environment]`. They are about the
 * default branch and its environments; the issue, open or closed, is only where it is told.
 */
import { environmentNamed } from '../domain/deploys.ts';
import type { Run, Target } from '../domain/runs.ts';
import type { Snapshot } from '../domain/snapshot.ts';
import { isDeploy } from '../domain/work.ts';
import type { Ask } from './ask.ts';
import { code } from './text.ts';

/** The environment behind the command; null when the command names none. */
export function environmentAsked(command: string, args: string): string | null {
  return isDeploy(command) ? environmentNamed(args) : null;
}

/** Why it cannot be started here; null when nothing speaks against it. */
export function deployRefusal(
  ask: Ask,
  snapshot: Snapshot,
): { say: string; reason: string } | null {
  if (ask.args.trim() !== '' && environmentNamed(ask.args) === null) {
    return {
      say:
        `${code(ask.args)} is no name of an environment. ` +
        `Write one word, e.g. ${code(`/autodev ${ask.command} staging`)}.`,
      reason: 'no name of an environment',
    };
  }
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

/** The issue on which the deployment is told: asked under a change, the one whose run made it. */
export function placeOf(target: Target, snapshot: Snapshot): Target | null {
  if (target.type === 'issue') return target;
  const run: Run | null = snapshot.run ?? snapshot.lastRun;
  return run?.target.type === 'issue' ? run.target : null;
}
