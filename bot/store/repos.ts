/** Projects the bot works for. */
import type { ForgeName } from '../domain/events.ts';
import type { Db } from './db.ts';

export interface RepoRow {
  id: number;
  forge: ForgeName;
  /** The forge's numeric project id. */
  projectId: number;
  path: string;
  defaultBranch: string;
  webUrl: string;
  /** The hook is known to sign: requests without a signature are refused. */
  hookSigns: boolean;
  hookId: number | null;
}

const COLUMNS = `id, forge, project_id as "projectId", path, default_branch as "defaultBranch",
  web_url as "webUrl", hook_signs as "hookSigns", hook_id as "hookId"`;

/**
 * Remembers a project, or brings its path, default branch and URL up to date; writes only changes.
 */
export async function upsertRepo(
  db: Db,
  repo: Pick<RepoRow, 'forge' | 'projectId' | 'path' | 'defaultBranch' | 'webUrl'>,
): Promise<RepoRow> {
  const values = [repo.forge, repo.projectId, repo.path, repo.defaultBranch, repo.webUrl];
  const [written] = await db.query<RepoRow>(
    `insert into repos (forge, project_id, path, default_branch, web_url)
     values ($1, $2, $3, $4, $5)
     on conflict (forge, project_id) do update set
       path = excluded.path, default_branch = excluded.default_branch, web_url = excluded.web_url,
       updated_at = now()
     where (repos.path, repos.default_branch, repos.web_url)
       is distinct from (excluded.path, excluded.default_branch, excluded.web_url)
     returning ${COLUMNS}`,
    values,
    'repos_upsert',
  );
  return written ?? ((await repoByProject(db, repo.forge, repo.projectId)) as RepoRow);
}

export async function repoById(db: Db, id: number): Promise<RepoRow | null> {
  const rows = await db.query<RepoRow>(`select ${COLUMNS} from repos where id = $1`, [id]);
  return rows[0] ?? null;
}

/** Looks a project up by the forge's own numeric id. */
export async function repoByProject(
  db: Db,
  forge: ForgeName,
  projectId: number,
): Promise<RepoRow | null> {
  const rows = await db.query<RepoRow>(
    `select ${COLUMNS} from repos where forge = $1 and project_id = $2`,
    [forge, projectId],
    'repos_by_project',
  );
  return rows[0] ?? null;
}

/** Looks a project up by its path, as GitLab does without regard to case. */
export async function repoByPath(db: Db, forge: ForgeName, path: string): Promise<RepoRow | null> {
  const rows = await db.query<RepoRow>(
    `select ${COLUMNS} from repos where forge = $1 and lower(path) = lower($2)
     order by updated_at desc limit 1`,
    [forge, path],
  );
  return rows[0] ?? null;
}

/** Every project of a forge the bot has worked for or was connected to, by path. */
export async function allRepos(db: Db, forge: ForgeName, limit: number): Promise<RepoRow[]> {
  return db.query<RepoRow>(`select ${COLUMNS} from repos where forge = $1 order by path limit $2`, [
    forge,
    limit,
  ]);
}

/** Notes the project's webhook. A hook known to sign never falls back to the weaker secret. */
export async function setHook(
  db: Db,
  id: number,
  hook: { hookId: number | null; hookSigns: boolean },
): Promise<void> {
  await db.query(
    'update repos set hook_id = $2, hook_signs = $3, updated_at = now() where id = $1',
    [id, hook.hookId, hook.hookSigns],
  );
}

/**
 * Notes that a GitLab project's hook was seen to sign. False when the project has no row yet; its
 * hook's id stays as it is.
 */
export async function markHookSigns(db: Db, projectId: number): Promise<boolean> {
  const rows = await db.query(
    `update repos set hook_signs = true, updated_at = now()
     where forge = 'gitlab' and project_id = $1 returning id`,
    [projectId],
  );
  return rows.length > 0;
}

/** Numeric ids of the GitLab projects whose hooks are known to sign. */
export async function signingProjectIds(db: Db): Promise<number[]> {
  const rows = await db.query<{ projectId: number }>(
    `select project_id as "projectId" from repos where hook_signs and forge = 'gitlab'
     order by project_id`,
  );
  return rows.map((row) => row.projectId);
}
