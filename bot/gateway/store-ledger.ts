/** What the gateway keeps, over the store. */
import { routeName } from '../domain/cool-downs.ts';
import { giveBack, keptCalls, reserve, settle } from '../store/budgets.ts';
import type { Db } from '../store/db.ts';
import { grantByToken } from '../store/grants.ts';
import {
  coolDown,
  dropProbe,
  endCoolDowns,
  listCoolDowns,
  noteCooled,
  takeProbe,
} from '../store/providers.ts';
import type { CoolDownStore } from './cool-downs.ts';
import type { Ledger } from './types.ts';

/** What the installation as a whole allows. */
export interface LedgerCaps {
  installationDayMicrousd: number;
}

export function createStoreLedger(db: Db, caps: LedgerCaps): Ledger {
  return {
    authorize: (tokenHash) => grantByToken(db, tokenHash),
    reserve: ({ attemptId, repoDayCapMicrousd }, call) =>
      reserve(db, {
        ...call,
        attemptId,
        repoDayCapMicrousd,
        installationDayCapMicrousd: caps.installationDayMicrousd,
      }),
    settle: (usage) => settle(db, usage),
    keptCalls: (callIds) => keptCalls(db, callIds),
    giveBack: (call) => giveBack(db, call),
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
