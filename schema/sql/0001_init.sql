-- Postgres is the only truth; the queue carries ids and may vanish (DESIGN §7).
--
-- Terms: a delivery is one input as received (webhook, job result, timer); a run is the journey of one
-- issue; a task is one unit of agent work in it; an attempt is one try at a task, numbered by its fence;
-- an effect is one thing to do to the outside world, with a receipt once it is done.
-- Leases: `lease_until` is compared with now() of this database only, so clocks of processes do not matter.

create table repos (
  id bigint generated always as identity primary key,
  forge text not null check (forge in ('gitlab', 'github')),
  project_id bigint not null,
  path text not null,
  default_branch text not null,
  web_url text not null,
  -- The project's hook is known to sign: requests without a signature are refused from then on.
  hook_signs boolean not null default false,
  hook_id bigint,
  -- What GitLab last said about the hook: executable, temporarily_disabled, disabled.
  hook_alert text,
  -- Up to when missed events were looked for, by the forge's clock.
  reconciled_until timestamptz,
  -- When they are looked for next, and who does it just now: a lease that a dead process lets go.
  next_poll_at timestamptz not null default now() + interval '30 seconds',
  poll_owner text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (forge, project_id)
);

create table deliveries (
  id uuid primary key default gen_random_uuid(),
  -- `autodev` marks the bot's own events: job results, lost attempts, settled effects, timers.
  source text not null check (source in ('gitlab', 'github', 'autodev')),
  dedupe_key text not null,
  event_name text not null,
  -- Only the headers that normalisation needs; never a secret.
  headers jsonb not null,
  body text not null,
  state text not null default 'new' check (state in ('new', 'done', 'ignored', 'parked', 'held')),
  -- The paused run that keeps a held delivery back.
  held_for bigint,
  -- Why it was ignored or parked, or what was decided, in one line.
  reason text,
  attempts integer not null default 0,
  not_before timestamptz not null default now(),
  lease_until timestamptz,
  lease_owner text,
  received_at timestamptz not null default now(),
  processed_at timestamptz,
  unique (source, dedupe_key)
);
create index deliveries_due on deliveries (not_before) where state = 'new';
create index deliveries_received on deliveries (received_at);
create index deliveries_held on deliveries (held_for) where state = 'held';

-- Wishes that were acted on, so that a webhook and the poll that made up for it are one (store/wishes.ts).
create table wishes (
  repo_id bigint not null references repos (id),
  -- `note/<id>`, `edit/<note id>`, `label/<iid>/<label>/<user id>`.
  key text not null,
  -- When it was made, by the forge's clock.
  made_at timestamptz not null,
  delivery_id uuid not null,
  primary key (repo_id, key, made_at)
);

-- Templates as runs have used them: a version never changes its meaning.
create table workflow_versions (
  name text not null,
  version integer not null,
  -- SHA-256 of the template.
  digest text not null,
  body jsonb not null,
  first_used_at timestamptz not null default now(),
  primary key (name, version)
);

create table runs (
  id bigint generated always as identity primary key,
  repo_id bigint not null references repos (id),
  target_type text not null check (target_type in ('issue', 'change')),
  target_iid integer not null,
  -- One active run per target and role; `main` is the development workflow.
  role text not null default 'main',
  command text not null,
  args text not null default '',
  requester_id bigint not null,
  requester_name text not null,
  trigger_note_id bigint,
  trigger_discussion_id text,
  state text not null check (state in
    ('queued', 'running', 'paused', 'completed', 'failed', 'stopped_budget', 'stopped_user', 'stopped_policy')),
  stage text not null,
  -- Since when it is in that stage.
  stage_since timestamptz not null default now(),
  -- Seconds it has waited for people at gates it has left.
  waited_seconds integer not null default 0,
  -- The stage it stood in when it ended: what stopped at a cap or a policy can go on there.
  stopped_at text,
  -- Set while a person deferred it: it goes on by itself then.
  paused_until timestamptz,
  paused_by text,
  -- What people changed for the rest of the run: models by role.
  overrides jsonb not null default '{}',
  -- The epic's run that this one was made for.
  parent_run_id bigint references runs (id),
  -- What the run may spend in all, in micro-dollars; people raise it with /autodev budget.
  cap_microusd bigint not null,
  reserved_microusd bigint not null default 0,
  spent_microusd bigint not null default 0,
  -- Everything the run was started with and must not change under it: title, text, settings, agent.
  context jsonb not null,
  -- Set once, at the end: {verdict, cause, next, at}.
  verdict jsonb,
  status_note_id bigint,
  -- How often the run was sent back to an earlier stage.
  round integer not null default 0,
  -- Set while no agent works: `checks` for pipelines and votes, `person` at a gate.
  waits_for text check (waits_for in ('checks', 'person')),
  -- What the gate still misses, in one line.
  gate_note text,
  -- The specification's change, then the code's.
  spec_branch text,
  spec_iid integer,
  spec_url text,
  spec_sha text,
  branch text,
  change_iid integer,
  change_url text,
  head_sha text,
  -- The first commit on that branch and a digest of its changes, while it is the only one.
  published_sha text,
  published_digest text,
  -- What the code change became on the default branch.
  merged_sha text,
  -- What CI said of the code change when the votes were counted: outcome, tests, coverage.
  checks jsonb,
  -- The deployment that was asked for: environment, job, pipeline, and how it stands.
  deployment jsonb,
  -- The final report, written with the verdict.
  report jsonb,
  -- Protected files that a maintainer let through: [{path, blob, mode, by}].
  allowed jsonb not null default '[]',
  version integer not null default 0,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  finished_at timestamptz
);
create unique index runs_one_active on runs (repo_id, target_type, target_iid, role)
  where state in ('queued', 'running', 'paused');
create index runs_by_target on runs (repo_id, target_type, target_iid, id desc);
create index runs_by_requester on runs (repo_id, requester_id, created_at);
create index runs_waiting on runs (waits_for, updated_at) where waits_for is not null;
create index runs_by_spec on runs (repo_id, spec_iid) where spec_iid is not null;
create index runs_by_change on runs (repo_id, change_iid) where change_iid is not null;
create index runs_by_published on runs (repo_id, published_digest) where published_digest is not null;
create index runs_by_parent on runs (parent_run_id) where parent_run_id is not null;
-- What finished runs of a workflow cost: the ground of estimates.
create index runs_finished_here on runs (repo_id, (context->'workflow'->>'name'), id desc)
  where state = 'completed';
create index runs_finished on runs ((context->'workflow'->>'name'), id desc)
  where state = 'completed';
create index runs_deferred on runs (paused_until) where state = 'paused' and paused_until is not null;

create table tasks (
  id bigint generated always as identity primary key,
  run_id bigint not null references runs (id),
  -- The stage of the run it belongs to, and in which round.
  stage text not null,
  round integer not null,
  type text not null,
  agent text not null,
  state text not null check (state in ('queued', 'running', 'done', 'failed', 'cancelled')),
  -- 1 is done last, 10 first.
  priority integer not null default 5,
  -- The task this one answers or looks at, those it builds on, and what counts as done.
  parent_id bigint references tasks (id),
  depends_on jsonb not null default '[]',
  acceptance jsonb not null default '[]',
  -- Budget in micro-dollars: a call reserves before it is made and settles when its usage is known.
  cap_microusd bigint not null,
  spent_microusd bigint not null default 0,
  reserved_microusd bigint not null default 0,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index tasks_by_run on tasks (run_id, id);

-- The audit trail of a task: what was asked, brought, found and answered, as threads.
create table task_comments (
  id bigint generated always as identity primary key,
  task_id bigint not null references tasks (id),
  -- The comment it answers; null for the first of a thread.
  parent_id bigint references task_comments (id),
  -- A role, or `@name` of a person.
  author text not null,
  kind text not null check (kind in ('asked', 'result', 'finding', 'answer', 'lost')),
  body text not null,
  at timestamptz not null default now()
);
create index task_comments_by_task on task_comments (task_id, id);

-- What people write while an agent works; it reaches the agent at its next turn.
create table messages (
  id bigint generated always as identity primary key,
  run_id bigint not null references runs (id),
  -- The note it stands in; null for the bot's own.
  note_id bigint,
  -- The one attempt it is for; null for every agent of the run.
  attempt_id bigint,
  author text not null,
  body text not null,
  at timestamptz not null default now(),
  unique (run_id, note_id)
);
-- The bot speaks up once in an attempt.
create unique index messages_of_bot on messages (attempt_id) where note_id is null;

-- Files that a run is about to change; others wait or are told.
create table locks (
  repo_id bigint not null references repos (id),
  path text not null,
  run_id bigint not null references runs (id),
  -- Renewed while the run is at work.
  expires_at timestamptz not null,
  primary key (repo_id, path)
);
create index locks_by_run on locks (run_id);

-- Money of one day (UTC) in one scope: `repo/<id>` or `installation`.
create table budget_days (
  scope text not null,
  day date not null,
  spent_microusd bigint not null default 0,
  reserved_microusd bigint not null default 0,
  -- The cap at which a call was refused for it; null while none was.
  full_at_microusd bigint,
  primary key (scope, day)
);

-- Tasks that start together share one parent pipeline.
create table launches (
  id bigint generated always as identity primary key,
  run_id bigint not null references runs (id),
  repo_id bigint not null references repos (id),
  pipeline_id bigint,
  created_at timestamptz not null default now(),
  unique (repo_id, pipeline_id)
);
create index launches_by_run on launches (run_id);

create table attempts (
  id bigint generated always as identity primary key,
  task_id bigint not null references tasks (id),
  run_id bigint not null references runs (id),
  repo_id bigint not null references repos (id),
  launch_id bigint not null references launches (id),
  -- 1, 2, …: every write of a job names it, and only the newest fence of a task may write.
  fence integer not null,
  state text not null check (state in ('requested', 'waiting', 'running', 'finished', 'lost', 'cancelled')),
  -- The frozen TaskSpec and the child pipeline's settings (schema/wire/job-api.ts).
  spec jsonb not null,
  -- Where its pipeline runs: the ref and its commit, which the job's id token must name.
  ref text not null,
  sha text not null,
  -- The commit the agent is given when that is another one: the head of a change.
  work_sha text,
  pipeline_id bigint,
  pipeline_url text,
  child_pipeline_id bigint,
  job_id bigint,
  -- Claim state: the id token's jti is used once, the attempt token is stored as its SHA-256 only.
  jti text,
  token_hash bytea,
  token_expires_at timestamptz,
  heartbeat_at timestamptz,
  progress jsonb,
  -- The last message of the run that the agent was given.
  message_id bigint not null default 0,
  -- Which budget refused a call of it last: {level, capMicrousd, opensAt}.
  refusal jsonb,
  -- A claim must arrive before this, then the whole attempt must end before deadline_at.
  claim_by timestamptz,
  deadline_at timestamptz,
  result jsonb,
  cause text,
  created_at timestamptz not null default now(),
  claimed_at timestamptz,
  ended_at timestamptz,
  unique (task_id, fence)
);
create index attempts_by_launch on attempts (launch_id);
create index attempts_by_pipeline on attempts (repo_id, pipeline_id) where pipeline_id is not null;
create unique index attempts_token on attempts (token_hash) where token_hash is not null;
create unique index attempts_jti on attempts (jti) where jti is not null;
create index attempts_open on attempts (state) where state in ('requested', 'waiting', 'running');
create index attempts_by_run on attempts (run_id, id);

create table effects (
  id bigint generated always as identity primary key,
  repo_id bigint not null references repos (id),
  run_id bigint references runs (id),
  attempt_id bigint references attempts (id),
  kind text not null,
  -- Makes asking twice the same as asking once; a status comment reuses its key and bumps `revision`.
  key text not null unique,
  payload jsonb not null,
  state text not null default 'pending' check (state in ('pending', 'done', 'failed', 'dropped')),
  revision integer not null default 1,
  -- Set before the first write leaves the bot: from then on the outcome is read back, never assumed.
  started_at timestamptz,
  attempts integer not null default 0,
  not_before timestamptz not null default now(),
  lease_until timestamptz,
  lease_owner text,
  fence integer not null default 0,
  receipt jsonb,
  error text,
  created_at timestamptz not null default now(),
  settled_at timestamptz
);
create index effects_due on effects (not_before) where state = 'pending';
create index effects_by_run on effects (run_id, id);
-- Reports that a job of a merge request pipeline asks for.
create index effects_reports on effects (repo_id) where kind = 'publish_reports';

-- At which head the bot last saw a person approve a change, or take the approval back.
create table approvals (
  repo_id bigint not null references repos (id),
  change_iid integer not null,
  user_id bigint not null,
  sha text not null,
  given boolean not null,
  seen_at timestamptz not null default now(),
  primary key (repo_id, change_iid, user_id)
);

create table usage (
  id bigint generated always as identity primary key,
  attempt_id bigint not null references attempts (id),
  task_id bigint not null references tasks (id),
  run_id bigint not null references runs (id),
  repo_id bigint not null references repos (id),
  provider text not null,
  model text not null,
  input_tokens bigint not null,
  cached_input_tokens bigint not null,
  output_tokens bigint not null,
  cost_microusd bigint not null,
  -- ok, cut (stream ended early; tokens are the best known), refused (upstream error, no tokens).
  outcome text not null,
  at timestamptz not null default now()
);
create index usage_by_run on usage (run_id);

-- Money held for one call that is under way: settled with the call, or released with its attempt.
create table holds (
  id bigint generated always as identity primary key,
  attempt_id bigint not null references attempts (id),
  -- The day (UTC) on whose budgets it is held.
  day date not null,
  microusd bigint not null,
  at timestamptz not null default now()
);
create index holds_by_attempt on holds (attempt_id);

-- The three things that happen to money. Each is one statement for its caller, so that the rows everybody
-- spends from are locked for no longer than that, and always in this order: run, attempt, task, the
-- repository's day, the installation's day. Holding and settling do not wait for the disk while they have
-- those rows: a hold that a crash of the server loses is settled all the same, and what a call cost is on
-- disk with its row in `usage`, which is written right after it.

-- Holds an amount on all four levels or on none; then `full_level` says which is full, or `over`.
create function hold_money(p_attempt bigint, p_amount bigint, p_repo_cap bigint, p_all_cap bigint)
returns table (hold_id bigint, full_level text, cap bigint, spent bigint, opens_at timestamptz)
language plpgsql as $$
declare
  today date := (now() at time zone 'UTC')::date;
  who record;
  run record;
  task record;
  here record;
  everywhere record;
begin
  perform set_config('synchronous_commit', 'off', true);
  select a.task_id, a.run_id, 'repo/' || a.repo_id as scope into who from attempts a where a.id = p_attempt;
  select r.cap_microusd as cap, r.spent_microusd as spent, r.reserved_microusd as held into run
    from runs r where r.id = who.run_id for no key update;
  select t.cap_microusd as cap, t.spent_microusd as spent, t.reserved_microusd as held into task
    from tasks t where t.id = who.task_id for no key update;
  if not exists (select 1 from attempts a
      where a.id = p_attempt and a.state in ('requested', 'waiting', 'running')) then
    return query select null::bigint, 'over', 0::bigint, 0::bigint, null::timestamptz;
    return;
  end if;
  insert into budget_days (scope, day) values (who.scope, today) on conflict do nothing;
  insert into budget_days (scope, day) values ('installation', today) on conflict do nothing;
  select d.spent_microusd as spent, d.reserved_microusd as held into here
    from budget_days d where d.scope = who.scope and d.day = today for no key update;
  select d.spent_microusd as spent, d.reserved_microusd as held into everywhere
    from budget_days d where d.scope = 'installation' and d.day = today for no key update;
  hold_id := null;
  if task.spent + task.held + p_amount > task.cap then
    full_level := 'task'; cap := task.cap; spent := task.spent;
  elsif run.spent + run.held + p_amount > run.cap then
    full_level := 'run'; cap := run.cap; spent := run.spent;
  elsif here.spent + here.held + p_amount > p_repo_cap then
    full_level := 'repo_day'; cap := p_repo_cap; spent := here.spent;
  elsif everywhere.spent + everywhere.held + p_amount > p_all_cap then
    full_level := 'installation_day'; cap := p_all_cap; spent := everywhere.spent;
  end if;
  if full_level is not null then
    if full_level in ('repo_day', 'installation_day') then
      opens_at := (today + 1)::timestamp at time zone 'UTC';
      update budget_days set full_at_microusd = greatest(full_at_microusd, hold_money.cap)
        where day = today
          and scope = case full_level when 'repo_day' then who.scope else 'installation' end;
    end if;
    update attempts set refusal =
        jsonb_build_object('level', full_level, 'capMicrousd', cap, 'opensAt', opens_at)
      where id = p_attempt;
    return next;
    return;
  end if;
  update runs set reserved_microusd = reserved_microusd + p_amount where id = who.run_id;
  update tasks set reserved_microusd = reserved_microusd + p_amount where id = who.task_id;
  update budget_days set reserved_microusd = reserved_microusd + p_amount
    where scope = who.scope and day = today;
  update budget_days set reserved_microusd = reserved_microusd + p_amount
    where scope = 'installation' and day = today;
  insert into holds (attempt_id, day, microusd) values (p_attempt, today, p_amount)
    returning id into hold_id;
  return next;
end $$;

-- Takes what is held off all levels and adds what was spent; a day that is not there yet is made.
create function book_money(p_attempt bigint, p_day date, p_held bigint, p_spent bigint)
returns void language plpgsql as $$
declare
  who record;
begin
  select a.task_id, a.run_id, 'repo/' || a.repo_id as scope into who from attempts a where a.id = p_attempt;
  update runs set reserved_microusd = reserved_microusd - p_held,
    spent_microusd = spent_microusd + p_spent where id = who.run_id;
  update tasks set reserved_microusd = reserved_microusd - p_held,
    spent_microusd = spent_microusd + p_spent where id = who.task_id;
  insert into budget_days as d (scope, day, reserved_microusd, spent_microusd)
    values (who.scope, p_day, 0, p_spent) on conflict (scope, day) do update
    set reserved_microusd = d.reserved_microusd - p_held, spent_microusd = d.spent_microusd + p_spent;
  insert into budget_days as d (scope, day, reserved_microusd, spent_microusd)
    values ('installation', p_day, 0, p_spent) on conflict (scope, day) do update
    set reserved_microusd = d.reserved_microusd - p_held, spent_microusd = d.spent_microusd + p_spent;
end $$;

-- A call is over: what it cost takes the place of what was held. Money that was released counts as spent.
create function settle_money(p_hold bigint, p_attempt bigint, p_spent bigint)
returns void language plpgsql as $$
declare
  held record;
begin
  perform set_config('synchronous_commit', 'off', true);
  perform 1 from runs r join attempts a on a.run_id = r.id where a.id = p_attempt for no key update of r;
  delete from holds where id = p_hold returning day, microusd into held;
  perform book_money(p_attempt, coalesce(held.day, (now() at time zone 'UTC')::date),
    coalesce(held.microusd, 0), p_spent);
end $$;

-- An attempt is over: whatever is still held for it is free again.
create function release_money(p_attempt bigint) returns void language plpgsql as $$
declare
  held record;
begin
  for held in
    with gone as (delete from holds where attempt_id = p_attempt returning day, microusd)
    select day, sum(microusd)::bigint as microusd from gone group by day order by day
  loop
    perform book_money(p_attempt, held.day, held.microusd, 0);
  end loop;
end $$;

create table audit (
  id bigint generated always as identity primary key,
  at timestamptz not null default now(),
  repo_id bigint references repos (id),
  run_id bigint references runs (id),
  delivery_id uuid,
  target_type text,
  target_iid integer,
  -- What was known, what was decided and why: read by `autodev explain`.
  entry jsonb not null
);
create index audit_by_target on audit (repo_id, target_type, target_iid, id desc);
create index audit_by_run on audit (run_id, id desc);
create function audit_is_append_only() returns trigger language plpgsql as $$
begin
  raise exception 'audit rows are never changed or deleted';
end $$;
create trigger audit_append_only before update or delete on audit
  for each row execute function audit_is_append_only();
create trigger audit_no_truncate before truncate on audit
  for each statement execute function audit_is_append_only();
