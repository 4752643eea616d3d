/**
 * What was known, what was decided and why. Rows are never changed or deleted (a trigger sees to
 * it).
 */
import type { Db } from './db.ts';
import type { TargetType } from '../domain/runs.ts';
import { jsonb } from './json.ts';

export interface NewAudit {
  repoId?: number | null;
  runId?: number | null;
  deliveryId?: string | null;
  targetType?: TargetType | null;
  targetIid?: number | null;
  entry: unknown;
}

export interface AuditRow {
  id: number;
  at: Date;
  repoId: number | null;
  runId: number | null;
  deliveryId: string | null;
  targetType: TargetType | null;
  targetIid: number | null;
  entry: unknown;
}

const COLUMNS = `id, at, repo_id as "repoId", run_id as "runId", delivery_id as "deliveryId",
  target_type as "targetType", target_iid as "targetIid", entry`;

/** Adds an entry; returns its id. */
export async function appendAudit(db: Db, audit: NewAudit): Promise<number> {
  const [row] = await db.query<{ id: number }>(
    `insert into audit (repo_id, run_id, delivery_id, target_type, target_iid, entry)
     values ($1, $2, $3, $4, $5, $6) returning id`,
    [
      audit.repoId ?? null,
      audit.runId ?? null,
      audit.deliveryId ?? null,
      audit.targetType ?? null,
      audit.targetIid ?? null,
      jsonb(audit.entry),
    ],
    'audit_insert',
  );
  return (row as { id: number }).id;
}

/** The newest entries about an issue or change, newest first. */
export async function auditOfTarget(
  db: Db,
  repoId: number,
  type: TargetType,
  iid: number,
  limit: number,
): Promise<AuditRow[]> {
  return db.query<AuditRow>(
    `select ${COLUMNS} from audit where repo_id = $1 and target_type = $2 and target_iid = $3
     order by id desc limit $4`,
    [repoId, type, iid, limit],
  );
}

/** The newest entries of a run, newest first. */
export async function auditOfRun(db: Db, runId: number, limit: number): Promise<AuditRow[]> {
  return db.query<AuditRow>(
    `select ${COLUMNS} from audit where run_id = $1 order by id desc limit $2`,
    [runId, limit],
  );
}
