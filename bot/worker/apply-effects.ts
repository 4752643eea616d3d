/**
 * Effects become deeds: claim, do, keep the receipt. Every effect can be applied again after a crash
 * at any point, because a started one first looks for what it may have left behind (threat R13).
 */
import type { Effect, EffectKind, Receipt } from '../domain/effects.ts';
import { ForgeError } from '../forge/errors.ts';
import type { Db } from '../store/db.ts';
import { lockRunMoney } from '../store/budgets.ts';
import { type OwnEvent, recordOwnEvent } from '../store/own-events.ts';
import { ring } from '../queue/ring.ts';
import {
  claimEffect,
  renewEffect,
  retryEffect,
  settleEffect,
  startEffect,
  type EffectEnd,
  type EffectRow,
} from '../store/effects.ts';
import { newLeaseOwner } from '../store/leases.ts';
import { repoById, type RepoRow } from '../store/repos.ts';
import type { WorkerDeps } from './deps.ts';
import { commitChanges, openChange, updateChange } from './effects/changes.ts';
import type { EffectContext } from './effects/context.ts';
import { playJob } from './effects/deploy.ts';
import { mergeChange, resetApprovals, setGate } from './effects/gates.ts';
import { react, reply, statusComment } from './effects/notes.ts';
import { cancelPipeline, createPipeline } from './effects/pipelines.ts';
import { applyReceipt } from './effects/receipts.ts';
import { raiseIssues } from './effects/raise.ts';
import { publishReports } from './effects/reports.ts';
import { openThreads, resolveThreads } from './effects/reviews.ts';
import { tellReport } from './effects/told.ts';
import { createEpic, createIssue } from './effects/tracker.ts';
import { LEASE_SECONDS, LeaseLost, whileLeased } from './lease.ts';

/** A lost answer is looked into after this long, when the write has landed or never will. */
const AMBIGUOUS_SECONDS = 5;
const MAX_DELAY_SECONDS = 120;
/** Tries before an effect counts as failed; with the longest wait that is over half an hour. */
const MAX_TRIES = 24;

type Handlers = {
  [K in EffectKind]: (context: EffectContext<K>) => Promise<Receipt>;
};

const HANDLERS: Handlers = {
  status_comment: statusComment,
  react,
  reply,
  create_pipeline: createPipeline,
  cancel_pipeline: cancelPipeline,
  play_job: playJob,
  commit_changes: commitChanges,
  open_change: openChange,
  update_change: updateChange,
  open_threads: openThreads,
  resolve_threads: resolveThreads,
  reset_approvals: resetApprovals,
  set_gate: setGate,
  merge_change: mergeChange,
  publish_reports: publishReports,
  create_epic: createEpic,
  create_issue: createIssue,
  report_note: tellReport,
  raise_issues: raiseIssues,
};

/** Kinds whose end moves their run on. */
const FOLLOWED: ReadonlySet<EffectKind> = new Set([
  'create_pipeline',
  'commit_changes',
  'open_change',
  'merge_change',
  'play_job',
  'create_epic',
  'create_issue',
  'raise_issues',
]);

/** Applies one effect if it is due and free; safe to call twice and from many processes. */
export async function applyEffect(id: number, deps: WorkerDeps): Promise<void> {
  const since = performance.now();
  const row = await claimEffect(deps.db, id, newLeaseOwner(), LEASE_SECONDS);
  if (!row) return;
  await whileLeased(
    since,
    () => renewEffect(deps.db, id, row.fence, LEASE_SECONDS),
    () => applyClaimed(row, deps),
  );
}

async function applyClaimed(row: EffectRow, deps: WorkerDeps): Promise<void> {
  const { id } = row;
  const repo = await repoById(deps.db, row.repoId);
  if (!repo) throw new Error(`effect ${id} belongs to project ${row.repoId}, which does not exist`);
  await deps.failpoint(`${row.kind}.claimed`);
  const log = deps.log.child({ effect: id, kind: row.kind });
  try {
    const receipt = await perform(row, repo, deps);
    await deps.failpoint(`${row.kind}.done`);
    const end = await settle(row, repo, { state: 'done', receipt }, deps);
    if (end === 'lost') throw new LeaseLost();
    await deps.failpoint(`${row.kind}.settled`);
    log.info('effect done');
  } catch (error) {
    if (error instanceof LeaseLost) {
      log.warn('lease lost; another process goes on');
      return;
    }
    await fail(row, repo, error, deps);
    log.warn({ error: String(error), tries: row.attempts }, 'effect not done');
  }
}

async function perform(row: EffectRow, repo: RepoRow, deps: WorkerDeps): Promise<Receipt> {
  const effect = row.payload as Effect;
  const handler = HANDLERS[effect.kind] as (context: EffectContext) => Promise<Receipt>;
  return handler({
    effect,
    row,
    repo,
    again: row.startedAt !== null,
    deps,
    begin: async () => {
      if (!(await startEffect(deps.db, row.id, row.fence))) throw new LeaseLost();
      await deps.failpoint(`${row.kind}.started`);
    },
  });
}

type Outcome = { state: 'done'; receipt: Receipt } | { state: 'failed'; error: string };

/**
 * Receipt, what follows from it in our own tables, and the event for decide: one transaction. Nothing of it is
 * written when the lease was lost (threat R2): who took over finds what was done, and writes it down.
 */
async function settle(
  row: EffectRow,
  repo: RepoRow,
  outcome: Outcome,
  deps: WorkerDeps,
): Promise<EffectEnd> {
  const { end, delivery } = await deps.db.tx(async (db) => {
    // In the order in which a decision takes the same rows, or each would wait for the other.
    if (row.runId !== null) await lockRunMoney(db, row.runId);
    const end = await settleEffect(db, row.id, row.fence, row.revision, outcome);
    if (end !== 'lost' && outcome.state === 'done') {
      await applyReceipt(db, row, outcome.receipt, deps);
    }
    return { end, delivery: end === 'settled' ? await told(db, row) : null };
  });
  if (delivery !== null) ring(deps, { name: 'delivery', id: delivery });
  if (end === 'asked_again') {
    // The revision moved while it was written: it may be due at once.
    deps.queue.add({ name: 'effect', id: row.id }).catch(() => undefined);
  }
  deps.log.debug({ effect: row.id, project: repo.path, end }, 'effect settled');
  return end;
}

/** Tells decide that the effect is over, where its run goes on by that; the delivery, or null. */
async function told(db: Db, row: EffectRow): Promise<string | null> {
  if (row.runId === null || !FOLLOWED.has(row.kind)) return null;
  const event: OwnEvent = { kind: 'effect_settled', runId: row.runId, effectId: row.id };
  return (await recordOwnEvent(db, event, `effect:${row.id}:${row.revision}`)).id;
}

async function fail(
  row: EffectRow,
  repo: RepoRow,
  error: unknown,
  deps: WorkerDeps,
): Promise<void> {
  const message = (error instanceof Error ? error.message : String(error)).slice(0, 1000);
  // A token that is not accepted at all (401) is the operator's to mend: what was to be done waits for it.
  const final =
    error instanceof ForgeError &&
    error.status !== 401 &&
    ['denied', 'invalid', 'not_found', 'conflict'].includes(error.kind);
  if (final || row.attempts >= MAX_TRIES) {
    await settle(row, repo, { state: 'failed', error: message }, deps);
    return;
  }
  await retryEffect(deps.db, row.id, row.fence, {
    delaySeconds: delaySeconds(row.attempts, error),
    error: message,
  });
}

function delaySeconds(tries: number, error: unknown): number {
  if (error instanceof ForgeError) {
    if (error.kind === 'ambiguous') return AMBIGUOUS_SECONDS;
    if (error.retryAfterMs !== null) return error.retryAfterMs / 1000;
  }
  return Math.min(2 ** tries, MAX_DELAY_SECONDS);
}
