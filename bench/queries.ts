/**
 * The statements that the bot lives on, at a thousand tasks and at many: claims, sweeps, look-ups, sums.
 * Rounds alternate between the databases; the peer of each figure is the same query at a thousand tasks.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  attemptByToken,
  attemptsByPipeline,
  openAttempts,
  requestedAttempts,
} from '../bot/store/attempts.ts';
import { auditOfRun, auditOfTarget } from '../bot/store/audit.ts';
import { grantByToken } from '../bot/store/grants.ts';
import type { Db } from '../bot/store/db.ts';
import {
  claimDelivery,
  dueDeliveries,
  insertDelivery,
  recentDeliveries,
  retryDelivery,
} from '../bot/store/deliveries.ts';
import {
  claimEffect,
  dueEffects,
  effectsOfRun,
  putEffect,
  retryEffect,
} from '../bot/store/effects.ts';
import { dismissedElsewhere, findingsOf } from '../bot/store/findings.ts';
import { releaseStranded } from '../bot/store/held-deliveries.ts';
import { takenPipelines } from '../bot/store/launches.ts';
import { messagesFor } from '../bot/store/messages.ts';
import { migrate } from '../bot/store/migrate.ts';
import { runsThatPublished } from '../bot/store/published.ts';
import { activeTargets, unclaimedPipelines } from '../bot/store/reconcile.ts';
import {
  lastGate,
  reportPipelines,
  reportsOfPipeline,
  reportsUnderWay,
} from '../bot/store/reports.ts';
import {
  activeRun,
  countRunsBy,
  deployingRun,
  dueRuns,
  latestRun,
  quietRuns,
  runByChange,
  staleStatusRuns,
} from '../bot/store/run-queries.ts';
import { runView } from '../bot/store/run-view.ts';
import { openStore, type Store } from '../bot/store/store.ts';
import { pastCost, usageOfRun, usageOfTask, workersOfRun } from '../bot/store/usage.ts';
import { wishKnown } from '../bot/store/wishes.ts';
import { available, startPostgres, type PostgresServer } from '../test/support/backends.ts';
import { figure, percentile, type Effort, type Figure } from './figure.ts';
import { REPOS, seedTasks, TASKS_PER_RUN } from './queries-seed.ts';

/** More than this times what it takes at a thousand tasks is too much (DESIGN §11). */
const ALLOWED = 2;
const LEASE_SECONDS = 60;
/** The time that a quarter of the calls stays below: what other programs make the rest wait is not the query's. */
const QUICKER = 0.25;

/** One database and what its rows are called. */
interface Place {
  tasks: number;
  store: Store;
  /** The statement that was sent last, to be explained. */
  last: { text: string; params: readonly unknown[] };
  db: Db;
  close(): Promise<void>;
}

/** A row's number in 1…tasks, another one each time. */
interface Picked {
  task: number;
  run: number;
  repo: number;
  turn: number;
}

/** The answer of a query that timed itself, because it also cleans up. */
class Timed {
  readonly ms: number;

  constructor(ms: number) {
    this.ms = ms;
  }
}

type Query = (db: Db, at: Picked) => Promise<unknown>;

const tokenOf = (task: number): Buffer => createHash('sha256').update(String(task)).digest();

const QUERIES: Record<string, Query> = {
  delivery_put: (db, { turn }) =>
    insertDelivery(db, {
      ...{ source: 'gitlab', dedupeKey: `new:${turn}-${Math.random()}`, eventName: 'Note Hook' },
      ...{ headers: {}, body: '{}', notBefore: new Date('2099-01-01') },
    }),
  deliveries_due: (db) => dueDeliveries(db, 200),
  deliveries_recent: (db) => recentDeliveries(db, { limit: 20 }),
  deliveries_stranded: (db) => releaseStranded(db, 100),
  effect_put: (db, { run, repo, turn }) =>
    putEffect(db, {
      ...{ repoId: repo, runId: run, kind: 'comment', key: `new:${turn}-${Math.random()}` },
      ...{ payload: {}, notBefore: new Date('2099-01-01') },
    } as unknown as Parameters<typeof putEffect>[1]),
  effects_due: (db) => dueEffects(db, 200),
  effects_of_run: (db, { run }) => effectsOfRun(db, run),
  attempt_by_token: (db, { task }) => attemptByToken(db, tokenOf(task)),
  grant_by_token: (db, { task }) => grantByToken(db, tokenOf(task)),
  attempts_by_pipeline: (db, { run }) => attemptsByPipeline(db, (run % REPOS) + 1, run),
  attempts_open: (db) => openAttempts(db, { heartbeatSeconds: 60, limit: 100 }),
  attempts_requested: (db, { repo }) => requestedAttempts(db, repo),
  pipelines_taken: (db, { run, repo }) => takenPipelines(db, repo, [run, run + REPOS]),
  pipelines_unclaimed: (db, { repo }) => unclaimedPipelines(db, repo, 60, 100),
  run_active: (db, { run, repo }) => activeRun(db, repo, 'issue', run),
  run_latest: (db, { run, repo }) => latestRun(db, repo, 'issue', run),
  run_by_change: (db, { run, repo }) => runByChange(db, repo, run),
  run_deploying: (db, { run, repo }) => deployingRun(db, repo, run, 'a'.repeat(40)),
  run_view: (db, { run }) => runView(db, run),
  runs_by_person: (db, { run, repo }) => countRunsBy(db, repo, run % 50, 1),
  runs_due: (db) => dueRuns(db, 100),
  runs_quiet: (db) => quietRuns(db, 'checks', 10, 100),
  runs_published: (db, { run, repo }) => runsThatPublished(db, repo, run, 'digest'),
  runs_stale_status: (db) => staleStatusRuns(db, 10, 100),
  targets_active: (db, { repo }) => activeTargets(db, repo),
  usage_of_run: (db, { run }) => usageOfRun(db, run),
  usage_of_task: (db, { task }) => usageOfTask(db, task),
  workers_of_run: (db, { run }) => workersOfRun(db, run),
  cost_of_past: (db, { repo }) => pastCost(db, repo, 'feature'),
  findings_of_change: (db, { run, repo }) => findingsOf(db, repo, run),
  findings_dismissed: (db, { run, repo }) =>
    dismissedElsewhere(db, repo, run, [`src/file-${run % 5000}.ts`]),
  reports_of_pipeline: (db, { task, repo }) => reportsOfPipeline(db, repo, task),
  reports_under_way: (db, { repo }) => reportsUnderWay(db, repo),
  reports_of_change: (db, { run, repo }) => reportPipelines(db, repo, run),
  gate_last: (db, { run }) => lastGate(db, run, 'a'.repeat(40)),
  audit_of_run: (db, { run }) => auditOfRun(db, run, 20),
  audit_of_target: (db, { run, repo }) => auditOfTarget(db, repo, 'issue', run, 20),
  messages_of_run: (db, { run, task }) => messagesFor(db, { id: task, runId: run }, 0),
  wish_known: (db, { task, repo }) =>
    wishKnown(db, repo, { keys: [`note:${task}`], madeAt: new Date() } as never),
};

export async function benchQueries(effort: Effort): Promise<Figure[]> {
  if (!available('postgres')) {
    effort.say('left out: queries, because PostgreSQL is not on this machine');
    return [];
  }
  const sizes = effort.quick ? [1_000, 20_000] : [1_000, 100_000, 1_000_000];
  const server = await startPostgres(['fsync=off', 'shared_buffers=256MB', 'max_wal_size=8GB']);
  const places: Place[] = [];
  try {
    for (const tasks of sizes) {
      effort.say(`queries: a database of ${tasks} tasks`);
      places.push(await openPlace(server, tasks));
    }
    return await measure(places, effort);
  } finally {
    for (const place of places) await place.close();
    await server.stop();
  }
}

async function openPlace(server: PostgresServer, tasks: number): Promise<Place> {
  const dir = await mkdtemp(path.join(tmpdir(), 'autodev-bench-'));
  const store = await openStore({ databaseUrl: await server.newDatabase(), dataDir: dir });
  await migrate(store);
  await seedTasks(store, tasks);
  const last: Place['last'] = { text: '', params: [] };
  const db: Db = {
    query: (text, params = [], name) => {
      Object.assign(last, { text, params });
      return store.query(text, params, name);
    },
    tx: store.tx,
  };
  const close = async (): Promise<void> => {
    await store.close();
    await rm(dir, { recursive: true, force: true });
  };
  return { tasks, store, last, db, close };
}

async function measure(places: Place[], effort: Effort): Promise<Figure[]> {
  const turns = effort.quick ? 20 : 100;
  const figures: Figure[] = [];
  let worst: { ratio: number; place: Place; query: Query; name: string } | null = null;
  const all = { ...QUERIES, ...claims() };
  for (const [name, query] of Object.entries(all)) {
    const times = new Map<Place, number[]>(places.map((place) => [place, []]));
    // The first turns fill the caches and are not counted.
    for (let turn = -5; turn < turns; turn += 1) {
      for (const [place, taken] of times) {
        const started = performance.now();
        const answer = await query(place.db, pick(place, turn + 5, turns + 5));
        const took = answer instanceof Timed ? answer.ms : performance.now() - started;
        if (turn >= 0) taken.push(took);
      }
    }
    const [first = NaN, ...more] = [...times.values()].map((taken) => percentile(taken, QUICKER));
    for (const [index, place] of places.slice(1).entries()) {
      const value = more[index] ?? NaN;
      figures.push(figure(`queries.${name}.at_${place.tasks / 1_000}k`, value, 'ms', first));
      const ratio = value / first;
      if (ratio > (worst?.ratio ?? ALLOWED)) worst = { ratio, place, query, name };
    }
  }
  if (worst !== null) await explain(worst, effort);
  return figures;
}

/** Numbers all over the table, the same for every query and run. */
function pick({ tasks }: Place, turn: number, turns: number): Picked {
  const task = Math.max(1, Math.floor((tasks * (turn + 0.5)) / turns));
  const run = Math.floor((task - 1) / TASKS_PER_RUN) + 1;
  return { task, run, repo: (run % REPOS) + 1, turn };
}

/** Claims change their row: they are timed alone, and the row is given back. */
function claims(): Record<string, Query> {
  const timed = async <T>(work: () => Promise<T>): Promise<[number, T]> => {
    const started = performance.now();
    const result = await work();
    return [performance.now() - started, result];
  };
  return {
    delivery_claim: async (db, { turn }) => {
      const due = await dueDeliveries(db, 100);
      const id = due[turn % due.length]?.id ?? '';
      const [took, row] = await timed(() => claimDelivery(db, id, `bench-${turn}`, LEASE_SECONDS));
      if (row === null) throw new Error('a delivery that is due was not claimed');
      await retryDelivery(db, id, `bench-${turn}`, { delaySeconds: 0, reason: 'bench' });
      return new Timed(took);
    },
    effect_claim: async (db, { turn }) => {
      const due = await dueEffects(db, 100);
      const id = due[turn % due.length]?.id ?? 0;
      const [took, row] = await timed(() => claimEffect(db, id, `bench-${turn}`, LEASE_SECONDS));
      if (row === null) throw new Error('an effect that is due was not claimed');
      await retryEffect(db, id, row.fence, { delaySeconds: 0, error: 'bench' });
      return new Timed(took);
    },
  };
}

/** How the database goes about what grew most. */
async function explain(
  worst: { ratio: number; place: Place; query: Query; name: string },
  effort: Effort,
): Promise<void> {
  const { ratio, place, query, name } = worst;
  await query(place.db, pick(place, 1, 3));
  const { text, params } = place.last;
  const plan = await place.store.query<Record<'QUERY PLAN', string>>(
    `explain (analyze, buffers) ${text}`,
    params,
  );
  const times = `${ratio.toFixed(1)} times what it takes at 1000 tasks`;
  effort.say(`queries: ${name} takes ${times} at ${place.tasks}:`);
  for (const line of plan) effort.say(`  ${line['QUERY PLAN']}`);
}
