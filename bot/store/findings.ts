/** Findings on changes: one row each, from the look that raised it to the last that judged it. */
import type { AgentRole } from '../../schema/wire/agent.ts';
import type { Finding } from '../../schema/wire/finding.ts';
import type { DismissedHow, FindingState, KnownFinding } from '../domain/findings.ts';
import { requireTransaction, type Db } from './db.ts';
import { jsonb } from './json.ts';

interface Row {
  id: number;
  fingerprint: string;
  role: AgentRole;
  path: string;
  line: number;
  severity: Finding['severity'];
  category: string;
  title: string;
  details: Omit<Finding, 'path' | 'line' | 'severity' | 'category' | 'title'>;
  code: string;
  state: FindingState;
  threadId: string | null;
  threadResolved: boolean;
  firstSha: string;
  lastSha: string;
  why: string;
  how: DismissedHow | null;
  byId: number | null;
  byName: string | null;
  reason: string | null;
  revivedAt: Date | null;
  version: number;
}

const COLUMNS = `id, fingerprint, role, path, line, severity, category, title, details, code, state,
  thread_id as "threadId", thread_resolved as "threadResolved", first_sha as "firstSha",
  last_sha as "lastSha", why, dismissed_how as how, dismissed_by as "byId",
  dismissed_name as "byName", dismissed_reason as reason, revived_at as "revivedAt", version`;

/** Most dismissed findings of other changes that one look is held against, newest first. */
const MAX_ELSEWHERE = 500;

/** Every finding on a change, oldest first. */
export async function findingsOf(
  db: Db,
  repoId: number,
  changeIid: number,
): Promise<KnownFinding[]> {
  const rows = await db.query<Row>(
    `select ${COLUMNS} from findings where repo_id = $1 and change_iid = $2 order by id`,
    [repoId, changeIid],
    'findings_of_change',
  );
  return rows.map(toFinding);
}

/** What people dismissed in these files on other changes. */
export async function dismissedElsewhere(
  db: Db,
  repoId: number,
  changeIid: number,
  paths: readonly string[],
): Promise<KnownFinding[]> {
  if (paths.length === 0) return [];
  const rows = await db.query<Row>(
    `select ${COLUMNS} from findings
     where repo_id = $1 and state = 'dismissed' and path = any($3) and change_iid <> $2
     order by id desc limit $4`,
    [repoId, changeIid, paths, MAX_ELSEWHERE],
    'findings_dismissed',
  );
  return rows.map(toFinding);
}

/**
 * Stores what a look or a person made of findings on a change; threads are noted by `setThreads`. False
 * when one of them was judged anew meanwhile: the transaction is to be given up then.
 */
export async function saveFindings(
  db: Db,
  change: { repoId: number; changeIid: number },
  findings: readonly KnownFinding[],
): Promise<boolean> {
  requireTransaction(db, 'saveFindings');
  for (const finding of findings) {
    const { fingerprint, by, path, line, severity, category, title, dismissal } = finding;
    const rows = await db.query(
      `insert into findings (repo_id, change_iid, fingerprint, role, path, line, severity, category,
         title, details, code, state, thread_id, thread_resolved, first_sha, last_sha, why,
         dismissed_how, dismissed_by, dismissed_name, dismissed_reason, revived_at)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19,
         $20, $21, $22)
       on conflict (repo_id, change_iid, fingerprint) do update set
         path = excluded.path, line = excluded.line, severity = excluded.severity,
         category = excluded.category, title = excluded.title, details = excluded.details,
         code = excluded.code, state = excluded.state, thread_resolved = excluded.thread_resolved,
         last_sha = excluded.last_sha, why = excluded.why, dismissed_how = excluded.dismissed_how,
         dismissed_by = excluded.dismissed_by, dismissed_name = excluded.dismissed_name,
         dismissed_reason = excluded.dismissed_reason, revived_at = excluded.revived_at,
         version = findings.version + 1, updated_at = now()
       where findings.version = $23 returning id`,
      [
        change.repoId,
        change.changeIid,
        fingerprint,
        by,
        path,
        line,
        severity,
        category,
        title,
        jsonb(detailsOf(finding)),
        finding.code,
        finding.state,
        finding.threadId,
        finding.threadResolved,
        finding.firstSha,
        finding.lastSha,
        finding.why,
        dismissal?.how ?? null,
        dismissal?.by.id ?? null,
        dismissal?.by.username ?? null,
        dismissal?.reason ?? null,
        finding.revivedAt,
        finding.version,
      ],
      'findings_save',
    );
    if (rows.length === 0) return false;
  }
  return true;
}

/** Notes in which thread a finding is told, and whether that is resolved now. */
export async function setThreads(
  db: Db,
  change: { repoId: number; changeIid: number },
  threads: readonly { fingerprint: string; threadId: string; resolved: boolean }[],
): Promise<void> {
  for (const { fingerprint, threadId, resolved } of threads) {
    await db.query(
      `update findings set thread_id = $4, thread_resolved = $5, updated_at = now()
       where repo_id = $1 and change_iid = $2 and fingerprint = $3`,
      [change.repoId, change.changeIid, fingerprint, threadId, resolved],
      'findings_threads',
    );
  }
}

function detailsOf(finding: KnownFinding): Row['details'] {
  const { body, confidence, cwe, endLine, suggestion } = finding;
  return {
    body,
    confidence,
    ...(cwe === undefined ? {} : { cwe }),
    ...(endLine === undefined ? {} : { endLine }),
    ...(suggestion === undefined ? {} : { suggestion }),
  };
}

function toFinding(row: Row): KnownFinding {
  const { role, details, how, byId, byName, reason, ...same } = row;
  return {
    ...same,
    ...details,
    by: role,
    dismissal:
      how === null
        ? null
        : { how, by: { id: byId ?? 0, username: byName ?? '' }, reason: reason ?? '' },
  };
}
