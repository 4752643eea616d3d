/**
 * A database with the history of so many tasks, made by SQL alone: what is over grows with the tasks, what
 * is under way stays the same, as in an installation that has been running for a while.
 */
import type { Db } from '../bot/store/db.ts';

/** Projects; each holds its share of the history. */
export const REPOS = 20;
export const TASKS_PER_RUN = 5;
/** Runs, attempts, deliveries and effects that are not over. */
export const UNDER_WAY = 100;

/** Fills an empty database; `tasks` is a multiple of 1000. */
export async function seedTasks(db: Db, tasks: number): Promise<void> {
  await db.tx(async (tx) => {
    // Without the checks of foreign keys it takes a fifth of the time; the rows do fit each other.
    await tx.query('set local session_replication_role = replica');
    for (const statement of statements(tasks)) await tx.query(statement);
  });
  await db.query('vacuum analyze');
}

function statements(tasks: number): string[] {
  const runs = tasks / TASKS_PER_RUN;
  // The newest of each kind are under way.
  const open = (id: string, all: number): string => `${id} > ${all - UNDER_WAY}`;
  const ago = (id: string, all: number): string =>
    `now() - make_interval(secs => (${all} - ${id}) * 60.0)`;
  return [
    `insert into repos (forge, project_id, path, default_branch, web_url)
     select 'gitlab', n, 'group/app-' || n, 'main', 'http://gitlab.test/group/app-' || n
     from generate_series(1, ${REPOS}) n`,
    `insert into runs (repo_id, target_type, target_iid, command, requester_id, requester_name, state,
       stage, cap_microusd, spent_microusd, context, waits_for, branch, change_iid, head_sha,
       published_digest, created_at, updated_at)
     select n % ${REPOS} + 1, 'issue', n, 'implement', n % 50, 'sam',
       case when ${open('n', runs)} then 'running' else 'completed' end, 'implement', 1000000, n % 9999,
       jsonb_build_object('workflow', jsonb_build_object('name', 'feature', 'version', 1),
         'text', repeat('what the issue says ', 20)),
       case when ${open('n', runs)} then 'checks' end, 'autodev/' || n, n, md5(n::text),
       md5('d' || n), ${ago('n', runs)}, ${ago('n', runs)}
     from generate_series(1, ${runs}) n`,
    `insert into tasks (run_id, stage, round, type, agent, state, cap_microusd, spent_microusd)
     select (n - 1) / ${TASKS_PER_RUN} + 1, 'implement', 0, 'build', 'builder',
       case when ${open('n', tasks)} then 'running' else 'done' end, 100000, n % 9999
     from generate_series(1, ${tasks}) n`,
    `insert into launches (run_id, repo_id, pipeline_id)
     select n, n % ${REPOS} + 1, n from generate_series(1, ${runs}) n`,
    `insert into attempts (task_id, run_id, repo_id, launch_id, fence, state, spec, ref, sha, pipeline_id,
       job_id, jti, token_hash, token_expires_at, heartbeat_at, claim_by, deadline_at, created_at)
     select n, (n - 1) / ${TASKS_PER_RUN} + 1, ((n - 1) / ${TASKS_PER_RUN} + 1) % ${REPOS} + 1,
       (n - 1) / ${TASKS_PER_RUN} + 1, 1, case when ${open('n', tasks)} then 'running' else 'finished' end,
       '{"instructions": "do it"}', 'main', md5(n::text), (n - 1) / ${TASKS_PER_RUN} + 1, n, 'jti-' || n,
       sha256(n::text::bytea), now() + interval '1 day', now(), now() + interval '1 day',
       now() + interval '1 day', ${ago('n', tasks)}
     from generate_series(1, ${tasks}) n`,
    `insert into usage (attempt_id, task_id, run_id, repo_id, provider, model, input_tokens,
       cached_input_tokens, output_tokens, cost_microusd, outcome)
     select n, n, (n - 1) / ${TASKS_PER_RUN} + 1, 1, 'openai', 'model', 1000, 900, 50, 1234, 'ok'
     from generate_series(1, ${tasks}) n`,
    `insert into effects (repo_id, run_id, kind, key, payload, state, receipt, settled_at)
     select n % ${REPOS} + 1, (n - 1) / ${TASKS_PER_RUN} + 1,
       case n % 5 when 0 then 'publish_reports' when 1 then 'set_gate' else 'comment' end, 'key-' || n,
       '{"text": "done"}', case when ${open('n', tasks)} then 'pending' else 'done' end,
       jsonb_build_object('pipelineId', n, 'reports', '{}'::jsonb), now()
     from generate_series(1, ${tasks}) n`,
    `insert into deliveries (source, dedupe_key, event_name, headers, body, state, received_at,
       processed_at)
     select 'gitlab', 'id:' || n, 'Note Hook', '{}', '{"object_kind": "note", "n": ' || n || '}',
       case when ${open('n', tasks)} then 'new' else 'done' end, ${ago('n', tasks)}, now()
     from generate_series(1, ${tasks}) n`,
    `insert into findings (repo_id, change_iid, fingerprint, role, path, line, severity, category, title,
       details, code, state, first_sha, last_sha, dismissed_how)
     select n % ${REPOS} + 1, n / 5 + 1, 'f' || n, 'reviewer', 'src/file-' || n % 5000 || '.ts', 7, 'low',
       'style', 'A title', '{}', '', case when n % 10 = 0 then 'dismissed' else 'fixed' end, 'a', 'b',
       case when n % 10 = 0 then 'reply' end
     from generate_series(1, ${tasks}) n`,
    `insert into audit (repo_id, run_id, target_type, target_iid, entry)
     select n % ${REPOS} + 1, (n - 1) / ${TASKS_PER_RUN} + 1, 'issue', (n - 1) / ${TASKS_PER_RUN} + 1, '{}'
     from generate_series(1, ${tasks}) n`,
    `insert into messages (run_id, note_id, author, body)
     select (n - 1) / ${TASKS_PER_RUN} + 1, n, 'sam', 'text' from generate_series(1, ${tasks}) n`,
    `insert into wishes (repo_id, key, made_at, delivery_id)
     select n % ${REPOS} + 1, 'note:' || n, ${ago('n', tasks)}, gen_random_uuid()
     from generate_series(1, ${tasks}) n`,
  ];
}
