/** What the gateway keeps, over the store. */
import { routeName } from '../domain/cool-downs.ts';
import { attemptByToken } from '../store/attempts.ts';
import { reserve, settle } from '../store/budgets.ts';
import type { Db } from '../store/db.ts';
import { runContext } from '../store/runs.ts';
import {
  coolDown,
  dropProbe,
  endCoolDowns,
  listCoolDowns,
  noteCooled,
  takeProbe,
} from '../store/providers.ts';
import { recordUsage } from '../store/usage.ts';
import type { CoolDownStore } from './cool-downs.ts';
import type { Ledger } from './types.ts';

/** What the installation as a whole allows. */
export interface LedgerCaps {
  installationDayMicrousd: number;
}

export function createStoreLedger(db: Db, caps: LedgerCaps): Ledger {
  return {
    async authorize(tokenHash) {
      const attempt = await attemptByToken(db, tokenHash);
      const context = attempt === null ? null : await runContext(db, attempt.runId);
      if (attempt === null || context === null) return null;
      const { id, taskId, runId, repoId, spec } = attempt;
      const { repoDayCapMicrousd } = context;
      return { attemptId: id, taskId, runId, repoId, repoDayCapMicrousd, models: spec.models };
    },
    reserve: ({ attemptId, repoDayCapMicrousd }, microusd) =>
      reserve(db, {
        attemptId,
        microusd,
        repoDayCapMicrousd,
        installationDayCapMicrousd: caps.installationDayMicrousd,
      }),
    settle: ({ attemptId }, { hold, spent }) =>
      settle(db, { hold, attemptId, spentMicrousd: spent }),
    async record(row) {
      await recordUsage(db, row);
    },
    cooled: ({ attemptId }, route, cooled) => noteCooled(db, attemptId, routeName(route), cooled),
  };
}

export function createStoreCoolDowns(db: Db): CoolDownStore {
  return {
    list: () => listCoolDowns(db),
    cool: (wish) => coolDown(db, wish),
    takeProbe: (route, leaseMs) => takeProbe(db, route, leaseMs),
    dropProbe: (route) => dropProbe(db, route),
    end: (route, ageMs) => endCoolDowns(db, route, ageMs),
  };
}
