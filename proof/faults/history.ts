/**
 * What happened, from both sides: what the forge, the CI and the model saw, and what the bot's database
 * says. Read with plain SQL and out of the sandbox's own memory; nothing of the bot is imported.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { CallRecord } from '../../sandbox/gitlab/rest/call-log.ts';
import type { Project } from '../../sandbox/gitlab/state/types.ts';
import type { Place, Sql } from './place.ts';
import type { JobFacts } from './played-job.ts';

/** A number of the database's own, an id or a time in milliseconds; null where there is none. */
type Nullable = number | null;

export interface History {
  /** Ids of deliveries that the bot answered with 2xx, by its own answer. */
  answered: string[];
  deliveries: {
    id: string;
    state: string;
    source: string;
    reason: string | null;
    audited: boolean;
  }[];
  runs: {
    id: number;
    project: number;
    on: string;
    role: string;
    state: string;
    verdicts: number;
    /** Why it ended. */
    cause: string | null;
    spent: number;
    reserved: number;
    statusNote: Nullable;
  }[];
  tasks: { id: number; run: number; spent: number; reserved: number }[];
  launches: { id: number; pipeline: Nullable }[];
  attempts: {
    id: number;
    task: number;
    launch: number;
    fence: number;
    state: string;
    pipeline: Nullable;
    result: boolean;
    createdAt: number;
    endedAt: Nullable;
  }[];
  effects: {
    id: number;
    kind: string;
    key: string;
    state: string;
    receipt: Record<string, unknown> | null;
    error: string | null;
  }[];
  usage: {
    run: number;
    task: number;
    attempt: number;
    project: number;
    cost: number;
    /** False for a call whose end nobody told: it is counted in full, and may not have been made. */
    known: boolean;
  }[];
  /** `project` is null for the whole installation. */
  budgets: { project: Nullable; spent: number; reserved: number }[];
  holds: number;
  /** What each played job was told. */
  jobs: JobFacts[];
  /** Requests that the model server took from the gateway. */
  modelCalls: number;
  forge: ForgeSide;
}

export interface ForgeSide {
  pipelines: { id: number; project: number; source: string; parent: Nullable; status: string }[];
  /** The bot's branches. */
  branches: { project: number; name: string }[];
  changes: { project: number; iid: number; branch: string; state: string; labels: string[] }[];
  /** Notes by the bot. */
  notes: { project: number; on: string; id: number; body: string }[];
  /** The bot's emoji. */
  awards: { project: number; on: string; note: Nullable; name: string }[];
  /** The bot's commit statuses as they stand. */
  statuses: { project: number; sha: string; name: string; pipeline: Nullable }[];
  /** Calls by the bot. */
  calls: Call[];
}

export type Call = Pick<CallRecord, 'method' | 'path' | 'route' | 'status' | 'replyDropped'>;

/** Reads both sides of all projects; on the embedded database the bot is stopped meanwhile. */
export async function readHistory(place: Place): Promise<History> {
  const { projects } = place;
  await place.world.gitlab.hooksIdle();
  const rows = await place.read(readRows);
  return {
    ...rows,
    answered: projects.flatMap(answeredDeliveries),
    jobs: structuredClone(place.ci.facts),
    modelCalls: place.world.models.requests.filter((call) => call.conversation !== null).length,
    forge: await readForge(place, projects),
  };
}

/** Calls of a hook that GitLab remembers; with more of them the oldest would be forgotten. */
const HOOK_LOGS = 1000;

function answeredDeliveries(project: Project): string[] {
  return project.hooks.flatMap((hook) => {
    if (hook.logs.length >= HOOK_LOGS)
      throw new Error(`${project.path} had too many hooks to check`);
    return hook.logs
      .filter((log) => /^2\d\d$/.test(log.responseStatus))
      .map((log) => (JSON.parse(log.responseBody) as { delivery: string }).delivery);
  });
}

type Rows = Omit<History, 'answered' | 'jobs' | 'modelCalls' | 'forge'>;

async function readRows(sql: Sql): Promise<Rows> {
  const [holds] = await sql<{ count: number }>('select count(*)::int as count from holds');
  return {
    deliveries: await sql(
      `select d.id::text, d.state, d.source, d.reason,
         exists (select 1 from audit a where a.delivery_id = d.id) as audited from deliveries d`,
    ),
    runs: await sql(
      `select r.id::int, project_id::int as project, target_type || '/' || target_iid as "on", role,
         state, case when verdict is null then 0 else 1 end as verdicts, verdict->>'cause' as cause, status_note_id::int as "statusNote",
         spent_microusd::float8 as spent, reserved_microusd::float8 as reserved
       from runs r join repos on repos.id = r.repo_id order by r.id`,
    ),
    tasks: await sql(
      `select id::int, run_id::int as run, spent_microusd::float8 as spent,
         reserved_microusd::float8 as reserved from tasks order by id`,
    ),
    launches: await sql('select id::int, pipeline_id::int as pipeline from launches order by id'),
    attempts: await sql(
      `select id::int, task_id::int as task, launch_id::int as launch, fence, state,
         pipeline_id::int as pipeline, result is not null as result,
         (extract(epoch from created_at) * 1000)::float8 as "createdAt",
         (extract(epoch from ended_at) * 1000)::float8 as "endedAt" from attempts order by id`,
    ),
    effects: await sql('select id::int, kind, key, state, receipt, error from effects order by id'),
    usage: await sql(
      `select run_id::int as run, task_id::int as task, attempt_id::int as attempt,
         repo_id::int as project, cost_microusd::float8 as cost, outcome <> 'unknown' as known
       from usage order by id`,
    ),
    budgets: await sql(
      `select case when scope = 'installation' then null else substr(scope, 6)::int end as project,
         sum(spent_microusd)::float8 as spent, sum(reserved_microusd)::float8 as reserved
       from budget_days group by scope order by scope`,
    ),
    holds: holds?.count ?? -1,
  };
}

async function readForge(place: Place, projects: readonly Project[]): Promise<ForgeSide> {
  const { gitlab, people } = place.world;
  const bot = people.autodev.user.id;
  const each = async <T>(read: (project: Project) => T[] | Promise<T[]>): Promise<T[]> =>
    (await Promise.all(projects.map(read))).flat();
  const items = (project: Project) => [
    ...project.issues.map((item) => ({ on: `issue/${item.iid}`, item })),
    ...project.mergeRequests.map((item) => ({ on: `change/${item.iid}`, item })),
  ];
  return {
    pipelines: await each(({ id: project, path }) =>
      gitlab.api.pipelines(path).map(({ id, status, spec }) => ({
        ...{ id, project, status, source: spec.source, parent: spec.parent?.pipelineId ?? null },
      })),
    ),
    branches: await each(async ({ id: project, gitDir }) => {
      const list = ['--git-dir', gitDir, 'for-each-ref', '--format=%(refname:short)'];
      const { stdout } = await promisify(execFile)('git', [...list, 'refs/heads/autodev']);
      return stdout.split('\n').flatMap((name) => (name === '' ? [] : [{ project, name }]));
    }),
    changes: await each((project) =>
      project.mergeRequests.map(({ iid, sourceBranch: branch, state, labelIds }) => {
        const names = labelIds.map((id) => project.labels.find((label) => label.id === id)?.name);
        return { project: project.id, iid, branch, state, labels: names.map(String) };
      }),
    ),
    notes: await each((project) =>
      items(project).flatMap(({ on, item }) =>
        gitlab.api
          .notes(item)
          .filter((note) => note.authorId === bot)
          .map(({ id, body }) => ({ project: project.id, on, id, body })),
      ),
    ),
    awards: await each((project) =>
      items(project).flatMap(({ on, item }) =>
        [
          { note: null, awards: item.awards },
          ...item.notes.map(({ id, awards }) => ({ note: id, awards })),
        ]
          .flatMap(({ note, awards }) => awards.map((award) => ({ ...award, note })))
          .filter((award) => award.userId === bot)
          .map(({ note, name }) => ({ project: project.id, on, note, name })),
      ),
    ),
    statuses: await each(({ id: project, statuses }) =>
      statuses.map(({ sha, name, pipelineId: pipeline }) => ({ project, sha, name, pipeline })),
    ),
    calls: gitlab.calls.all
      .filter(({ user }) => user === 'autodev')
      .map(({ method, path, route, status, replyDropped }) => {
        return { method, path, route, status, replyDropped };
      }),
  };
}
