/** A gateway over the scripted model server, with a ledger in memory. */
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { BudgetLevel } from '../../bot/domain/budgets.ts';
import type { Cooled } from '../../bot/domain/cool-downs.ts';
import type { CoolDownStore } from '../../bot/gateway/cool-downs.ts';
import { createGateway } from '../../bot/gateway/gateway.ts';
import type { CallToHold, GatewayDeps, Grant, Ledger } from '../../bot/gateway/types.ts';
import type { CallKey, Reservation } from '../../bot/store/budgets.ts';
import type { CoolDownRow, NewCoolDown } from '../../bot/store/providers.ts';
import type { CallUsage } from '../../bot/store/usage.ts';
import type { ModelRoute } from '../../schema/wire/job-api.ts';
import { PriceTable } from '../../schema/wire/prices.ts';
import type { Script } from '../../sandbox/model/types.ts';
import { startModelServer } from '../../sandbox/model/server.ts';
import type { ModelServer } from '../../sandbox/model/server.ts';

/** Whole dollars per million tokens, so that costs can be counted by hand. */
export const PRICES: PriceTable = PriceTable.parse({
  openai: {
    scripted: { input: 4, cachedInput: 1, cacheWrite: 5, cacheWriteLong: 8, output: 20 },
    unlisted: { input: 1, cachedInput: 1, cacheWrite: 1, cacheWriteLong: 1, output: 1 },
  },
  anthropic: {
    scripted: { input: 4, cachedInput: 1, cacheWrite: 5, cacheWriteLong: 8, output: 20 },
  },
});

export const TOKEN = 'adt_0123456789abcdefghij';
export const GRANT: Grant = {
  attemptId: 1,
  taskId: 7,
  runId: 3,
  repoId: 2,
  repoDayCapMicrousd: 100_000_000,
  models: [
    { provider: 'openai', model: 'scripted' },
    { provider: 'openai', model: 'unpriced' },
    { provider: 'anthropic', model: 'scripted' },
  ],
};

export class MemoryLedger implements Ledger {
  readonly grants = new Map<string, Grant>();
  capMicrousd = 10_000_000;
  spentMicrousd = 0;
  reservedMicrousd = 0;
  /** Most that was ever spent and held together. */
  peakMicrousd = 0;
  readonly rows: CallUsage[] = [];
  readonly met: { route: ModelRoute; cooled: Cooled }[] = [];
  readonly reservations: number[] = [];
  /** Which level says no. */
  full: { level: BudgetLevel; opensAt: string | null } = { level: 'task', opensAt: null };
  private readonly held = new Map<string, number>();
  /** Every call that was settled; tests empty `rows` between each other, while the gateway still asks. */
  private readonly paid = new Set<string>();
  readonly settled: { reserved: number; spent: number }[] = [];
  lookups = 0;

  constructor() {
    this.grant(TOKEN, GRANT);
  }

  grant(token: string, grant: Grant): void {
    this.grants.set(createHash('sha256').update(token).digest('hex'), grant);
  }

  async authorize(tokenHash: Buffer): Promise<Grant | null> {
    this.lookups++;
    return this.grants.get(tokenHash.toString('hex')) ?? null;
  }

  async reserve(_grant: Grant, { callId, microusd }: CallToHold): Promise<Reservation> {
    const { capMicrousd, spentMicrousd, full } = this;
    if (spentMicrousd + this.reservedMicrousd + microusd > capMicrousd) {
      return { ok: false, ...full, capMicrousd, spentMicrousd };
    }
    this.reservations.push(microusd);
    this.held.set(callId, microusd);
    this.reservedMicrousd += microusd;
    this.peakMicrousd = Math.max(this.peakMicrousd, spentMicrousd + this.reservedMicrousd);
    return { ok: true };
  }

  async settle(usage: CallUsage): Promise<void> {
    if (this.paid.has(usage.callId)) return;
    this.paid.add(usage.callId);
    const reserved = this.take(usage.callId);
    this.spentMicrousd += usage.costMicrousd;
    this.settled.push({ reserved, spent: usage.costMicrousd });
    this.rows.push(usage);
  }

  async keptCalls(callIds: readonly string[]): Promise<Set<string>> {
    return new Set(callIds.filter((callId) => this.paid.has(callId)));
  }

  async giveBack({ callId }: CallKey): Promise<void> {
    this.take(callId);
  }

  private take(callId: string): number {
    const reserved = this.held.get(callId) ?? 0;
    this.held.delete(callId);
    this.reservedMicrousd -= reserved;
    return reserved;
  }

  async cooled(_grant: Grant, route: ModelRoute, cooled: Cooled): Promise<void> {
    this.met.push({ route, cooled });
  }
}

/** Cool-downs as the store keeps them, in memory (bot/store/providers.ts). */
export class MemoryCoolDowns implements CoolDownStore {
  readonly rows: (CoolDownRow & { probeUntil: number })[] = [];
  lists = 0;

  async list(): Promise<CoolDownRow[]> {
    this.lists++;
    return this.rows.map((row) => ({ ...row, leftMs: row.until.getTime() - Date.now() }));
  }

  async cool(wish: NewCoolDown): Promise<CoolDownRow> {
    const now = Date.now();
    const found = this.rows.find(
      (row) => row.provider === wish.provider && row.model === wish.model,
    );
    const fresh = found !== undefined && found.until.getTime() <= now - wish.ageMs;
    const strikes = (found?.strikes ?? 0) + (fresh || found === undefined ? 1 : 0);
    const power = strikes - 1 - (wish.toldMs === null ? 0 : 3);
    const grown = Math.min(wish.mostMs, wish.firstMs * wish.factor ** power);
    const until = Math.max(now + Math.max(wish.toldMs ?? 0, grown), found?.until.getTime() ?? 0);
    const row = {
      ...{ provider: wish.provider, model: wish.model, reason: wish.reason, status: wish.status },
      ...{ strikes, since: new Date(now), until: new Date(until), leftMs: until - now },
      probeUntil: 0,
    };
    if (found === undefined) this.rows.push(row);
    else Object.assign(found, row);
    return row;
  }

  #of(route: ModelRoute): (CoolDownRow & { probeUntil: number })[] {
    return this.rows.filter(
      ({ provider, model }) =>
        provider === route.provider && (model === null || model === route.model),
    );
  }

  async takeProbe(route: ModelRoute, leaseMs: number): Promise<boolean> {
    const rows = this.#of(route);
    const now = Date.now();
    if (rows.length === 0) return false;
    if (rows.some((row) => row.until.getTime() > now || row.probeUntil > now)) return false;
    for (const row of rows) row.probeUntil = now + leaseMs;
    return true;
  }

  async dropProbe(route: ModelRoute): Promise<void> {
    for (const row of this.#of(route)) row.probeUntil = 0;
  }

  async end(route: ModelRoute, ageMs: number): Promise<void> {
    for (const row of this.#of(route)) {
      if (row.until.getTime() <= Date.now() - ageMs) this.rows.splice(this.rows.indexOf(row), 1);
    }
  }
}

export interface GatewayWorld {
  /** `<gateway>` of the SDK base URLs. */
  url: string;
  model: ModelServer;
  ledger: MemoryLedger;
  coolDowns: MemoryCoolDowns;
  /** Everything that was logged, as JSON. */
  logged: string[];
  close(): Promise<void>;
}

export async function startGatewayWorld(options: {
  scripts: Script[];
  keys?: { openai: string; anthropic: string };
  deps?: Partial<GatewayDeps>;
}): Promise<GatewayWorld> {
  const { scripts, keys } = options;
  const model = await startModelServer({ scripts, ...(keys === undefined ? {} : { keys }) });
  const ledger = new MemoryLedger();
  const coolDowns = new MemoryCoolDowns();
  const logged: string[] = [];
  const log = (fields: object, message: string): void => {
    logged.push(JSON.stringify({ ...fields, message }));
  };
  const gateway = createGateway({
    ledger,
    coolDowns,
    providers: {
      openai: { baseUrl: `${model.url}/v1`, apiKey: model.keys.openai },
      anthropic: { baseUrl: model.url, apiKey: model.keys.anthropic },
    },
    prices: PRICES,
    log: { info: log, warn: log, error: log },
    now: () => performance.now(),
    ...options.deps,
  });
  const server = createServer(gateway.handle);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    model,
    ledger,
    coolDowns,
    logged,
    async close() {
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
      await gateway.close();
      await model.close();
    },
  };
}
