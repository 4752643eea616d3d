/** Events of the bot's own: they go through the same inbox as webhooks do. */
import type { ForgeEvent, InternalEvent } from '../domain/events.ts';
import type { Db } from './db.ts';
import { insertDelivery } from './deliveries.ts';
import { jsonb } from './json.ts';

/** An event as stored: a result stays with its attempt and is loaded when the event is handled. */
export type OwnEvent =
  | Exclude<InternalEvent, { kind: 'job_result' }>
  | { kind: 'job_result'; runId: number; attemptId: number }
  /** What the forge was asked for because no webhook told it (worker/reconcile-repo.ts). */
  | { kind: 'polled'; event: ForgeEvent };

/** Stores an event once per `dedupeKey`; the queue has to be rung for its id after the commit. */
export async function recordOwnEvent(
  db: Db,
  event: OwnEvent,
  dedupeKey: string,
): Promise<{ id: string; inserted: boolean }> {
  return insertDelivery(db, {
    source: 'autodev',
    dedupeKey,
    eventName: event.kind,
    headers: {},
    body: jsonb(event),
  });
}

/** Runs that a look is still to come for: one that fails is tried again, so that another one would only add to it. */
export async function runsToLookAt(db: Db): Promise<Set<number>> {
  const rows = await db.query<{ body: string }>(
    `select body from deliveries where state = 'new' and event_name = 'wake'`,
    [],
    'deliveries_looks',
  );
  return new Set(rows.map(({ body }) => (JSON.parse(body) as { runId: number }).runId));
}

/** A look at a run that is due, once per `dedupeKey`. */
export interface Look {
  runId: number;
  dedupeKey: string;
}

/** Stores looks at runs that none is still to come for; the ids of those the queue has to be rung for. */
export async function recordLooks(db: Db, looks: readonly Look[]): Promise<string[]> {
  if (looks.length === 0) return [];
  const awaited = await runsToLookAt(db);
  const ids: string[] = [];
  for (const { runId, dedupeKey } of looks) {
    if (awaited.has(runId)) continue;
    const { id, inserted } = await recordOwnEvent(db, { kind: 'wake', runId }, dedupeKey);
    if (inserted) ids.push(id);
  }
  return ids;
}
