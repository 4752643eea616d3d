/** The ledger over the store. */
import { attemptByToken } from '../store/attempts.ts';
import type { Db } from '../store/db.ts';
import { reserve, settle } from '../store/tasks.ts';
import { recordUsage } from '../store/usage.ts';
import type { Ledger } from './types.ts';

export function createStoreLedger(db: Db): Ledger {
  return {
    async authorize(tokenHash) {
      const attempt = await attemptByToken(db, tokenHash);
      if (attempt === null) return null;
      const { id, taskId, runId, repoId, spec } = attempt;
      return { attemptId: id, taskId, runId, repoId, models: spec.models };
    },
    reserve: (taskId, microusd) => reserve(db, taskId, microusd),
    settle: (taskId, call) => settle(db, taskId, call),
    async record(row) {
      await recordUsage(db, row);
    },
  };
}
