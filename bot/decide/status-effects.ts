/** Purpose: which runs have a status comment. Runs of role `ask` answer in their thread instead. */
import type { Effect } from '../domain/effects.ts';
import type { Run } from '../domain/runs.ts';

export function statusOf(run: Run, urgent = false): Effect[] {
  return run.role === 'main' ? [{ kind: 'status_comment', run: run.id, urgent }] : [];
}
