/**
 * Messages to agents at work. Each agent is given each message of its run once: the job says with every
 * heartbeat up to which one it has them, so that an answer that was lost is given again.
 */
import type { Db } from './db.ts';

export interface Delivery {
  id: number;
  body: string;
}

/** Messages of one answer; the rest comes with the next heartbeat. */
const BATCH = 20;

/** Adds a person's comment, once per note. */
export async function addMessage(
  db: Db,
  message: { runId: number; noteId: number; author: string; body: string },
): Promise<void> {
  const { runId, noteId, author, body } = message;
  await db.query(
    `insert into messages (run_id, note_id, author, body) values ($1, $2, $3, $4)
     on conflict (run_id, note_id) do nothing`,
    [runId, noteId, author, body],
    'messages_add',
  );
}

/** How many comments of people the agents of a run were given. */
export async function countMessages(db: Db, runId: number): Promise<number> {
  const [row] = await db.query<{ count: number }>(
    'select count(*) as count from messages where run_id = $1 and note_id is not null',
    [runId],
    'messages_count',
  );
  return row?.count ?? 0;
}

/**
 * Speaks up, once in an attempt, when a share of its task's or its run's budget is spent.
 */
export async function sayWhenSpent(
  db: Db,
  attemptId: number,
  share: number,
  body: string,
): Promise<void> {
  await db.query(
    `insert into messages (run_id, attempt_id, author, body)
     select a.run_id, a.id, 'autodev', $3 from attempts a
       join tasks t on t.id = a.task_id join runs r on r.id = a.run_id
     where a.id = $1 and (t.spent_microusd >= t.cap_microusd * $2::float8
       or r.spent_microusd >= r.cap_microusd * $2::float8)
     on conflict (attempt_id) where note_id is null do nothing`,
    [attemptId, share, body],
    'messages_budget',
  );
}

/** What an attempt was not given yet, oldest first; `seen` is the last it has, by its own account. */
export async function messagesFor(
  db: Db,
  attempt: { id: number; runId: number },
  seen: number,
): Promise<Delivery[]> {
  return db.query<Delivery>(
    `select id, body from messages
     where run_id = $1 and id > $3 and (attempt_id is null or attempt_id = $2)
     order by id limit $4`,
    [attempt.runId, attempt.id, seen, BATCH],
    'messages_for',
  );
}
