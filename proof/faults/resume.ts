/**
 * How long what a killed process had begun lies still. On PostgreSQL the rows under its leases say what that
 * was; the embedded database is open to nobody else, and there the next write that reaches the forge counts.
 * The same is asked when a server that was away is back: how long what was due then lies still.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Place, Sql } from './place.ts';

const LOOK_MS = 50;
/** Work that still lies still after so long is told with this time. */
const GIVE_UP_MS = 60_000;

/** A lease of the killed process; `turn` counts the claims. */
interface Lease {
  id: string;
  turn: number;
}

const DUE = {
  deliveries: `select id::text, attempts as turn from deliveries
    where state = 'new' and not_before <= now()`,
  effects: `select id::text, fence as turn from effects
    where state = 'pending' and not_before <= now()`,
} as const;
const HELD = {
  deliveries: `select id::text, attempts as turn from deliveries
    where state = 'new' and lease_owner like $1`,
  effects: `select id::text, fence as turn from effects
    where state = 'pending' and lease_owner like $1`,
} as const;
/** Rows that nobody has claimed, put off or ended since. */
const STILL = {
  deliveries: `select count(*)::int as count from deliveries d join
    jsonb_to_recordset($1::jsonb) as old (id uuid, turn int) on d.id = old.id
    where d.state = 'new' and d.attempts = old.turn and d.not_before <= now()`,
  effects: `select count(*)::int as count from effects e join
    jsonb_to_recordset($1::jsonb) as old (id bigint, turn int) on e.id = old.id
    where e.state = 'pending' and e.fence = old.turn and e.not_before <= now()`,
} as const;

/**
 * Call it right after process `pid` died. Resolves with milliseconds until everything that it had
 * begun is in other hands or done; null when it had begun nothing.
 */
export async function resumeAfter(place: Place, pid: number): Promise<number | null> {
  const died = performance.now();
  return place.readsBeside
    ? place.read((sql) => leasesTaken(sql, pid, died))
    : nextWrite(place, died);
}

async function leasesTaken(sql: Sql, pid: number, died: number): Promise<number | null> {
  const mine = [`%:${pid}:%`];
  const held = {
    deliveries: await sql<Lease>(HELD.deliveries, mine),
    effects: await sql<Lease>(HELD.effects, mine),
  };
  return allTaken(sql, held, died, GIVE_UP_MS);
}

/**
 * Call it when a server is back that was away; not for the embedded database. Resolves with milliseconds until
 * everything that was due then is in somebody's hands or done, or until `mostMs`; null when nothing was due.
 */
export async function dueTaken(place: Place, mostMs = GIVE_UP_MS): Promise<number | null> {
  const since = performance.now();
  return place.read(async (sql) => {
    const due = {
      deliveries: await sql<Lease>(DUE.deliveries),
      effects: await sql<Lease>(DUE.effects),
    };
    return allTaken(sql, due, since, mostMs);
  });
}

async function allTaken(
  sql: Sql,
  held: Record<'deliveries' | 'effects', Lease[]>,
  since: number,
  mostMs: number,
): Promise<number | null> {
  if (held.deliveries.length + held.effects.length === 0) return null;
  for (;;) {
    let still = 0;
    for (const kind of ['deliveries', 'effects'] as const) {
      if (held[kind].length === 0) continue;
      const [row] = await sql<{ count: number }>(STILL[kind], [JSON.stringify(held[kind])]);
      still += row?.count ?? 0;
    }
    const passed = performance.now() - since;
    if (still === 0 || passed > mostMs) return passed;
    await sleep(LOOK_MS);
  }
}

/** The next write of the bot that came after the death; those before were the dead one's. */
async function nextWrite(place: Place, died: number): Promise<number | null> {
  const { calls } = place.world.gitlab;
  let seen = calls.all.length;
  while (performance.now() - died < GIVE_UP_MS) {
    for (; seen < calls.all.length; seen += 1) {
      const call = calls.all[seen];
      const write = call?.user === 'autodev' && call.method !== 'GET';
      if (write && call.from > died) return call.from - died;
    }
    await sleep(LOOK_MS);
  }
  return null;
}
