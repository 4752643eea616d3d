/**
 * Looks at every known project in turn for what its webhooks missed, apart from the queue: a forge that
 * does not answer holds up these polls and nothing else. Any number of processes may do it; a project is
 * leased to one at a time, and its next turn is a column of its row.
 *
 * A poll that fails is simply late: its window goes on from where the last good one ended. While a forge
 * is away each lane waits a turn after every failure, so that polls never pile up.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { ForgeError } from '../forge/errors.ts';
import { newLeaseOwner } from '../store/leases.ts';
import { claimPoll, finishPoll, renewPoll, type DuePoll } from '../store/reconcile.ts';
import { repoById } from '../store/repos.ts';
import type { WorkerDeps } from './deps.ts';
import { LEASE_SECONDS, whileLeased } from './lease.ts';
import { checkHook, hookCheckDue, type HookSilence } from './reconcile-hooks.ts';
import { pollRepo } from './reconcile-repo.ts';

/** Projects one process polls at once. */
const LANES = 2;
/** Longest pause before it is asked again whose turn it is. */
const TICK_MS = 2_000;
/** A project that is gone or closed to the bot is asked after so seldom. */
const DENIED_SECONDS = 15 * 60;
/** Polls under way are given so long when the process stops; their leases run out by themselves. */
const STOP_MS = 5_000;

export interface Reconciler {
  close(): Promise<void>;
}

/** Memory between polls of one process; losing it costs a repeated line in the log. */
export interface ReconcileMemory {
  hooks: HookSilence;
  /** Projects whose last poll failed, with the reason that was logged. */
  failing: Map<number, string>;
}

export function newMemory(): ReconcileMemory {
  return { hooks: new Map(), failing: new Map() };
}

/** Starts to poll until closed; does nothing where the settings say 0. */
export function startReconciler(deps: WorkerDeps): Reconciler {
  const seconds = deps.settings.limits.reconcileSeconds;
  const stop = new AbortController();
  const memory = newMemory();
  const tick = Math.min(TICK_MS, (seconds * 1000) / 2);
  const pause = (ms: number): Promise<null> =>
    sleep(ms, null, { signal: stop.signal, ref: false }).catch(() => null);
  const lane = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      const outcome = await reconcileNext(memory, deps).catch((error: unknown) => {
        deps.log.warn({ error: String(error) }, 'a poll was not begun; the next one tries again');
        return 'failed' as const;
      });
      if (outcome !== 'polled') await pause(outcome === 'failed' ? seconds * 1000 : tick);
    }
  };
  const done = seconds > 0 ? Promise.all(Array.from({ length: LANES }, lane)) : Promise.resolve();
  return {
    close: async () => {
      stop.abort();
      await Promise.race([done, sleep(STOP_MS, null, { ref: false })]);
    },
  };
}

/** Polls the project whose turn it is; `idle` when it is nobody's. */
export async function reconcileNext(
  memory: ReconcileMemory,
  deps: WorkerDeps,
): Promise<'polled' | 'failed' | 'idle'> {
  const owner = newLeaseOwner();
  const since = performance.now();
  const due = await claimPoll(deps.db, owner, LEASE_SECONDS);
  if (!due) return 'idle';
  return whileLeased(
    since,
    () => renewPoll(deps.db, due.repoId, owner, LEASE_SECONDS),
    () => reconcile(due, owner, memory, deps),
  );
}

async function reconcile(
  due: DuePoll,
  owner: string,
  memory: ReconcileMemory,
  deps: WorkerDeps,
): Promise<'polled' | 'failed'> {
  const everySeconds = deps.settings.limits.reconcileSeconds;
  const repo = await repoById(deps.db, due.repoId);
  if (!repo) return 'polled';
  try {
    const until = await pollRepo(repo, due, deps);
    if (hookCheckDue(due, until)) await checkHook(repo, memory.hooks, deps);
    await finishPoll(deps.db, repo.id, owner, { until, againSeconds: everySeconds });
    memory.failing.delete(repo.id);
    return 'polled';
  } catch (error) {
    const { again, kind } = afterFailure(error, everySeconds);
    await finishPoll(deps.db, repo.id, owner, { until: null, againSeconds: again });
    if (memory.failing.get(repo.id) !== kind) {
      memory.failing.set(repo.id, kind);
      deps.log.warn(
        { repo: repo.path, error: String(error) },
        'a poll failed; it will be made up for',
      );
    }
    return kind === 'denied' ? 'polled' : 'failed';
  }
}

/** When to look again, and what kind of failure it was. */
function afterFailure(error: unknown, everySeconds: number): { again: number; kind: string } {
  if (!(error instanceof ForgeError)) return { again: everySeconds, kind: String(error) };
  // A token that is not accepted at all is the operator's to mend, and says nothing of the project.
  if (error.status !== 401 && (error.kind === 'denied' || error.kind === 'not_found')) {
    return { again: Math.max(everySeconds, DENIED_SECONDS), kind: 'denied' };
  }
  return { again: Math.max(everySeconds, (error.retryAfterMs ?? 0) / 1000), kind: error.kind };
}
