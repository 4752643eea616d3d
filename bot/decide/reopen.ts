/**
 * Purpose: let a stopped run go on where it stood, when a person took away what had stopped it.
 */
import { isActive } from '../domain/outcomes.ts';
import type { Run } from '../domain/runs.ts';
import type { Decision, RunPatch, Snapshot, WaitsFor, Write } from '../domain/snapshot.ts';
import { stageOf } from '../domain/runs.ts';
import { refuse, type Ask } from './ask.ts';
import * as text from './text.ts';

/**
 * Why a stopped run cannot go on now, as an answer to whoever asked; null when it can. The conditions
 * are those of starting work: the issue is open and not confidential, and nothing else is under way.
 */
export function cannotReopen(ask: Ask, snapshot: Snapshot): Decision | null {
  const { run, issue } = snapshot;
  if (run && isActive(run.state)) {
    return refuse(ask, text.alreadyRunning(run), `run ${run.id} is active`);
  }
  if (ask.internal || issue?.confidential) {
    return refuse(ask, text.confidentialIssue(), 'confidential input (threat B1)');
  }
  if (issue?.state === 'closed') return refuse(ask, text.closedIssue(), 'the issue is closed');
  return null;
}

/**
 * The run as it was before it ended, in the stage it stood in; `also` is written with it. What it does
 * there next is the caller's to ask for: nothing is under way in a run that had ended.
 */
export function reopenRun(run: Run, also: RunPatch = {}): { run: Run; writes: Write[] } {
  const stage = run.stoppedAt ?? run.context.workflow.stages[0]?.id ?? run.stage;
  const kind = stageOf(run, stage)?.kind;
  const waitsFor: WaitsFor = kind === 'task' ? null : kind === 'gate' ? 'person' : 'checks';
  const state = 'running' as const;
  const back = { state, stage, stoppedAt: null, verdict: null, report: null };
  return {
    run: { ...run, ...back },
    writes: [
      {
        op: 'update_run',
        runId: run.id,
        version: run.version,
        patch: { ...back, waitsFor, ...also },
      },
    ],
  };
}
