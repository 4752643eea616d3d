/** A story as prose with ids, oldest first: what happened, what was known, what was decided and why. */
import { accessName } from '../../domain/access.ts';
import type { RunView } from '../../store/run-view.ts';
import { referenceText } from '../target-reference.ts';
import { cut, dollars } from './format.ts';
import { taskTree } from './task-tree.ts';
import type { DecisionStep, IgnoredStep, Story } from './story.ts';

/** Lines for a terminal. */
export function tell(story: Story): string[] {
  const { repo, target, runs, steps } = story;
  const name = referenceText({ path: repo.path, target });
  const kind = target.type === 'issue' ? 'issue' : 'merge request';
  const lines = [`${name}, ${kind} ${target.iid} of project ${repo.projectId}`];
  if (runs.length === 0) lines.push('', 'No run was ever started for it.');
  for (const view of runs) lines.push('', ...tellRun(view));
  if (steps.length === 0) {
    lines.push('', 'No event about it is stored. autodev replay --list shows what arrived.');
    return lines;
  }
  lines.push('', 'What happened, the newest last:');
  for (const step of steps) {
    lines.push('', ...(step.kind === 'decision' ? tellDecision(step) : tellIgnored(step)));
  }
  return lines;
}

function tellRun(view: RunView): string[] {
  const { run, attempts, usage, spentMicrousd } = view;
  const args = run.args === '' ? '' : ` ${cut(run.args)}`;
  const asked = `/autodev ${run.command}${args}`;
  const lines = [
    `Run ${run.id}: ${asked}, asked by @${run.requesterName} (id ${run.requesterId}), is ${run.state} in stage ${run.stage}.`,
  ];
  const facts = [
    `started ${when(run.createdAt)}`,
    run.finishedAt === null ? `last moved ${when(run.updatedAt)}` : `ended ${when(run.finishedAt)}`,
  ];
  if (run.branch !== null) facts.push(`branch ${run.branch}`);
  if (run.changeIid !== null)
    facts.push(`merge request !${run.changeIid} ${run.changeUrl ?? ''}`.trim());
  if (run.headSha !== null) facts.push(`head ${run.headSha.slice(0, 8)}`);
  lines.push(`  ${facts.join(', ')}`);
  lines.push(...taskTree(view));
  for (const attempt of attempts) {
    const pipeline = attempt.pipelineId === null ? '' : `, pipeline ${attempt.pipelineId}`;
    const cause = attempt.cause === null ? '' : `: ${cut(attempt.cause)}`;
    lines.push(
      `  attempt ${attempt.id} (fence ${attempt.fence}): ${attempt.state}${pipeline}${cause}`,
    );
  }
  for (const used of usage) {
    const tokens = `${used.inputTokens} tokens in, ${used.outputTokens} out`;
    lines.push(
      `  ${used.provider}/${used.model}: ${used.calls} calls, ${tokens}, ${dollars(used.costMicrousd)}`,
    );
  }
  if (run.verdict !== null) {
    const { kind, cause, next } = run.verdict;
    lines.push(`  It ended ${kind}, ${dollars(spentMicrousd)}: ${`${cause} ${next}`.trim()}`);
  }
  return lines;
}

function tellDecision(step: DecisionStep): string[] {
  const from =
    step.delivery === null ? '' : `, delivery ${step.delivery.id} (${step.delivery.event})`;
  if (step.entry === null) {
    return [`${when(step.at)}  audit ${step.audit}${from}`, `  ${cut(JSON.stringify(step.raw))}`];
  }
  const { event, actor, known, reasons, writes, effects } = step.entry;
  const who = actor ? ` by @${actor.username} (id ${actor.id})` : '';
  const lines = [`${when(step.at)}  ${event.replaceAll('_', ' ')} event${who}${from}`];
  const facts = knownFacts(known);
  if (facts.length > 0) lines.push(`  known: ${facts.join(', ')}`);
  lines.push(`  decided: ${reasons.length === 0 ? 'nothing' : cut(reasons.join('; '))}`);
  const did = [...writes, ...effects].map((name) => name.replaceAll('_', ' '));
  lines.push(
    `  did: ${did.length === 0 ? 'nothing' : did.join(', ')} (audit ${step.audit}${ofRun(step)})`,
  );
  return lines;
}

function ofRun({ runId }: DecisionStep): string {
  return runId === null ? '' : `, run ${runId}`;
}

function knownFacts(known: NonNullable<DecisionStep['entry']>['known']): string[] {
  if (known === undefined) return [];
  const { access, run, headSha, changeState, changePipeline } = known;
  const facts: string[] = [];
  // Level 0 is also what stands there when nobody's rights were asked for.
  if (access !== undefined && access > 0) facts.push(`access ${accessName(access)} (${access})`);
  facts.push(run ? `run ${run.id} was ${run.state} in stage ${run.stage}` : 'no run was active');
  if (headSha) facts.push(`head ${headSha.slice(0, 8)}`);
  if (changeState) facts.push(`the change was ${changeState}`);
  if (changePipeline) facts.push(`its pipeline ${changePipeline.id} was ${changePipeline.status}`);
  return facts;
}

function tellIgnored(step: IgnoredStep): string[] {
  const head = `${when(step.at)}  ${step.delivery.event}, delivery ${step.delivery.id}`;
  const reason = cut(step.reason ?? 'no reason was stored');
  switch (step.state) {
    case 'ignored':
      return [head, `  ignored: ${reason}`];
    case 'parked':
      return [head, `  given up: ${reason}`, `  once more: autodev replay ${step.delivery.id}`];
    case 'held':
      return [head, `  ${reason}`];
    case 'new':
      return [
        head,
        step.reason === null ? '  waits for a worker' : `  will be tried again: ${reason}`,
      ];
  }
}

function when(date: Date): string {
  return `${date.toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}
