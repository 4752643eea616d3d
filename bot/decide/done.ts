/** Purpose: the good end of a run, told from what the run has: a merge, a deployment, an open change. */
import type { Verdict } from '../domain/outcomes.ts';
import { spentOn, stageOf, type Run } from '../domain/runs.ts';
import { isTold, titleOf } from '../domain/task-types.ts';
import { duration, money } from './format.ts';
import { agentSeconds } from './report.ts';

/** The verdict of a run with nothing left to do; `note` is one more sentence, or ''. */
export function doneVerdict(run: Run, note = ''): Verdict {
  const said = note === '' ? '' : ` ${note}`;
  return {
    kind: 'done',
    cause: `${outcome(run)}${said} ${cost(run)}`,
    next: isOpenChange(run)
      ? `Review !${run.changes.code?.iid} and merge it when it is right.`
      : '',
  };
}

function outcome(run: Run): string {
  const { spec, code } = run.changes;
  const stage = stageOf(run);
  const back = stage?.kind === 'deploy' && stage.to === 'back';
  const how = back ? 'put back on' : 'deployed to';
  const deployed =
    run.deployment?.state === 'success' ? `${how} ${run.deployment.environment}` : null;
  if (run.mergedSha !== null) {
    const as = run.mergedSha === '' ? '' : ` as \`${run.mergedSha.slice(0, 8)}\``;
    return `!${code?.iid ?? 0} was merged${as}${deployed === null ? '' : ` and ${deployed}`}.`;
  }
  if (deployed !== null) {
    return `\`${run.deployment?.sha.slice(0, 8)}\` was ${deployed}.`;
  }
  if (run.target.type === 'change') return `!${run.target.iid} was looked at.`;
  if (code?.iid != null) return `!${code.iid} is open with the change.`;
  if (spec?.iid != null) return `!${spec.iid} with the specification was approved and merged.`;
  const told = run.tasks.findLast(({ type, state }) => state === 'done' && isTold(type));
  if (told !== undefined) return `The comment “${titleOf(told.type)}” has the result.`;
  return 'There was nothing to do.';
}

function isOpenChange(run: Run): boolean {
  return run.mergedSha === null && run.target.type === 'issue' && run.changes.code?.iid != null;
}

/** Money, time of agents and time of people, as EXPERIENCE §7 tells them. */
export function cost(run: Run): string {
  const agents = duration(agentSeconds(run) * 1000);
  const waited =
    run.waitedSeconds > 0 ? `, ${duration(run.waitedSeconds * 1000)} waiting for people` : '';
  return `${money(spentOn(run))}, ${agents} of agents${waited}.`;
}
