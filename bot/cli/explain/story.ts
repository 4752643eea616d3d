/** What the database knows about one issue or change: its runs, decisions and ignored deliveries. */
import { z } from 'zod';
import type { Event } from '../../domain/events.ts';
import type { Target } from '../../domain/runs.ts';
import type { Webhooks } from '../../forge/forge.ts';
import { auditOfRun, auditOfTarget, type AuditRow } from '../../store/audit.ts';
import { deliveryById, recentDeliveriesWith } from '../../store/deliveries.ts';
import type { Db } from '../../store/db.ts';
import type { RepoRow } from '../../store/repos.ts';
import { runView, type RunView } from '../../store/run-view.ts';
import { latestRun, runByChange } from '../../store/run-queries.ts';

/** Deliveries that are looked through for ignored ones about the target. */
const SEARCHED = 1_000;

/** What the worker writes per decision (bot/worker/commit-decision.ts); other shapes are shown raw. */
const Entry = z.looseObject({
  event: z.string(),
  actor: z.object({ id: z.number(), username: z.string() }).nullish(),
  known: z
    .looseObject({
      access: z.number().optional(),
      run: z.object({ id: z.number(), state: z.string(), stage: z.string() }).nullish(),
      headSha: z.string().nullish(),
      changeState: z.string().nullish(),
      changePipeline: z.object({ id: z.number(), status: z.string() }).nullish(),
    })
    .optional(),
  reasons: z.array(z.string()),
  writes: z.array(z.string()),
  effects: z.array(z.string()),
});
export type DecisionEntry = z.infer<typeof Entry>;

export interface DecisionStep {
  kind: 'decision';
  at: Date;
  audit: number;
  runId: number | null;
  delivery: { id: string; event: string; source: string } | null;
  /** Null: an entry of another shape, in `raw`. */
  entry: DecisionEntry | null;
  raw: unknown;
}

export interface IgnoredStep {
  kind: 'ignored';
  at: Date;
  delivery: { id: string; event: string; source: string };
  state: 'ignored' | 'parked' | 'new' | 'held';
  reason: string | null;
}

export type Step = DecisionStep | IgnoredStep;

export interface Story {
  repo: RepoRow;
  target: Target;
  /** Oldest first. */
  runs: RunView[];
  /** Oldest first, the newest `limit` of them. */
  steps: Step[];
}

/** Reads the story. `webhooks` only reads payloads; the forge is not asked. */
export async function readStory(
  db: Db,
  webhooks: Pick<Webhooks, 'normalise'>,
  repo: RepoRow,
  target: Target,
  limit: number,
): Promise<Story> {
  const runs = await runsOf(db, repo, target);
  const audits = new Map<number, AuditRow>();
  const rows = [
    await auditOfTarget(db, repo.id, target.type, target.iid, limit),
    ...(await Promise.all(runs.map(({ run }) => auditOfRun(db, run.id, limit)))),
  ];
  for (const row of rows.flat()) audits.set(row.id, row);
  const decisions = await Promise.all([...audits.values()].map((row) => decisionStep(db, row)));
  const ignored = await ignoredSteps(db, webhooks, repo, target, limit);
  const steps = [...decisions, ...ignored].toSorted((a, b) => a.at.getTime() - b.at.getTime());
  return { repo, target, runs, steps: steps.slice(-limit) };
}

/** The newest run of each role, and for a change the run that made it. */
async function runsOf(db: Db, repo: RepoRow, { type, iid }: Target): Promise<RunView[]> {
  const found = [
    await latestRun(db, repo.id, type, iid, 'main'),
    await latestRun(db, repo.id, type, iid, 'ask'),
    type === 'change' ? await runByChange(db, repo.id, iid) : null,
  ];
  const ids = [...new Set(found.flatMap((run) => (run === null ? [] : [run.id])))];
  const views = await Promise.all(ids.toSorted((a, b) => a - b).map((id) => runView(db, id)));
  return views.filter((view) => view !== null);
}

async function decisionStep(db: Db, row: AuditRow): Promise<DecisionStep> {
  const delivery = row.deliveryId === null ? null : await deliveryById(db, row.deliveryId);
  const entry = Entry.safeParse(row.entry);
  return {
    kind: 'decision',
    at: row.at,
    audit: row.id,
    runId: row.runId,
    delivery: delivery && { id: delivery.id, event: delivery.eventName, source: delivery.source },
    entry: entry.success ? entry.data : null,
    raw: entry.success ? null : row.entry,
  };
}

/** Deliveries about the target that led to no decision: ignored, given up, or still waiting. */
async function ignoredSteps(
  db: Db,
  webhooks: Pick<Webhooks, 'normalise'>,
  repo: RepoRow,
  target: Target,
  limit: number,
): Promise<IgnoredStep[]> {
  const text = `"iid":${target.iid}`;
  const rows = await recentDeliveriesWith(db, { text, among: SEARCHED, limit: SEARCHED });
  return rows
    .flatMap((row): IgnoredStep[] => {
      if (row.state === 'done' || row.source !== 'gitlab') return [];
      const event = webhooks.normalise(row.headers, JSON.parse(row.body));
      if (!isAbout(event, repo.projectId, target)) return [];
      const delivery = { id: row.id, event: row.eventName, source: row.source };
      return [
        { kind: 'ignored', at: row.receivedAt, delivery, state: row.state, reason: row.reason },
      ];
    })
    .slice(0, limit);
}

function isAbout(event: Event, projectId: number, target: Target): boolean {
  if (!('project' in event) || event.project?.id !== projectId) return false;
  const { type, iid } = target;
  switch (event.kind) {
    case 'issue':
      return type === 'issue' && event.issue.iid === iid;
    case 'change':
      return type === 'change' && event.change.iid === iid;
    case 'note':
      return (
        (event.on.type === 'issue' && type === 'issue' && event.on.issue.iid === iid) ||
        (event.on.type === 'change' && type === 'change' && event.on.change.iid === iid)
      );
    case 'pipeline':
      return type === 'change' && event.pipeline.changeIid === iid;
    default:
      return false;
  }
}
