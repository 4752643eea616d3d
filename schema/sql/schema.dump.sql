-- Made by `npm run schema:dump`; do not edit.

table approvals (
  repo_id bigint not null,
  change_iid integer not null,
  user_id bigint not null,
  sha text not null,
  given boolean not null,
  seen_at timestamp with time zone default now() not null,
  constraint approvals_pkey PRIMARY KEY (repo_id, change_iid, user_id),
  constraint approvals_repo_id_fkey FOREIGN KEY (repo_id) REFERENCES repos(id)
);

table attempts (
  id bigint generated always as identity not null,
  task_id bigint not null,
  run_id bigint not null,
  repo_id bigint not null,
  launch_id bigint not null,
  fence integer not null,
  state text not null,
  spec jsonb not null,
  ref text not null,
  sha text not null,
  work_sha text,
  pipeline_id bigint,
  pipeline_url text,
  child_pipeline_id bigint,
  job_id bigint,
  jti text,
  token_hash bytea,
  token_expires_at timestamp with time zone,
  heartbeat_at timestamp with time zone,
  progress jsonb,
  message_id bigint default 0 not null,
  refusal jsonb,
  claim_by timestamp with time zone,
  deadline_at timestamp with time zone,
  result jsonb,
  cause text,
  created_at timestamp with time zone default now() not null,
  claimed_at timestamp with time zone,
  ended_at timestamp with time zone,
  cooled jsonb default '{}'::jsonb not null,
  constraint attempts_launch_id_fkey FOREIGN KEY (launch_id) REFERENCES launches(id),
  constraint attempts_pkey PRIMARY KEY (id),
  constraint attempts_repo_id_fkey FOREIGN KEY (repo_id) REFERENCES repos(id),
  constraint attempts_run_id_fkey FOREIGN KEY (run_id) REFERENCES runs(id),
  constraint attempts_state_check CHECK ((state = ANY (ARRAY['requested'::text, 'waiting'::text, 'running'::text, 'finished'::text, 'lost'::text, 'cancelled'::text]))),
  constraint attempts_task_id_fence_key UNIQUE (task_id, fence),
  constraint attempts_task_id_fkey FOREIGN KEY (task_id) REFERENCES tasks(id)
);
CREATE INDEX attempts_by_launch ON public.attempts USING btree (launch_id);
CREATE INDEX attempts_by_pipeline ON public.attempts USING btree (repo_id, pipeline_id) WHERE (pipeline_id IS NOT NULL);
CREATE INDEX attempts_by_run ON public.attempts USING btree (run_id, id);
CREATE INDEX attempts_by_start ON public.attempts USING btree (repo_id, created_at) WHERE (pipeline_id IS NOT NULL);
CREATE UNIQUE INDEX attempts_jti ON public.attempts USING btree (jti) WHERE (jti IS NOT NULL);
CREATE INDEX attempts_open ON public.attempts USING btree (state) WHERE (state = ANY (ARRAY['requested'::text, 'waiting'::text, 'running'::text]));
CREATE UNIQUE INDEX attempts_token ON public.attempts USING btree (token_hash) WHERE (token_hash IS NOT NULL);

table audit (
  id bigint generated always as identity not null,
  at timestamp with time zone default now() not null,
  repo_id bigint,
  run_id bigint,
  delivery_id uuid,
  target_type text,
  target_iid integer,
  entry jsonb not null,
  constraint audit_pkey PRIMARY KEY (id),
  constraint audit_repo_id_fkey FOREIGN KEY (repo_id) REFERENCES repos(id),
  constraint audit_run_id_fkey FOREIGN KEY (run_id) REFERENCES runs(id)
);
CREATE INDEX audit_by_run ON public.audit USING btree (run_id, id DESC);
CREATE INDEX audit_by_target ON public.audit USING btree (repo_id, target_type, target_iid, id DESC);
CREATE TRIGGER audit_append_only BEFORE DELETE OR UPDATE ON public.audit FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON public.audit FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();

table budget_days (
  scope text not null,
  day date not null,
  spent_microusd bigint default 0 not null,
  reserved_microusd bigint default 0 not null,
  full_at_microusd bigint,
  constraint budget_days_pkey PRIMARY KEY (scope, day)
);

table deliveries (
  id uuid default gen_random_uuid() not null,
  source text not null,
  dedupe_key text not null,
  event_name text not null,
  headers jsonb not null,
  body text not null,
  state text default 'new'::text not null,
  held_for bigint,
  reason text,
  attempts integer default 0 not null,
  not_before timestamp with time zone default now() not null,
  lease_until timestamp with time zone,
  lease_owner text,
  received_at timestamp with time zone default now() not null,
  processed_at timestamp with time zone,
  constraint deliveries_pkey PRIMARY KEY (id),
  constraint deliveries_source_check CHECK ((source = ANY (ARRAY['gitlab'::text, 'github'::text, 'autodev'::text]))),
  constraint deliveries_source_dedupe_key_key UNIQUE (source, dedupe_key),
  constraint deliveries_state_check CHECK ((state = ANY (ARRAY['new'::text, 'done'::text, 'ignored'::text, 'parked'::text, 'held'::text])))
);
CREATE INDEX deliveries_due ON public.deliveries USING btree (not_before) WHERE (state = 'new'::text);
CREATE INDEX deliveries_held ON public.deliveries USING btree (held_for) WHERE (state = 'held'::text);
CREATE INDEX deliveries_looks ON public.deliveries USING btree (received_at) WHERE ((state = 'new'::text) AND (event_name = 'wake'::text));
CREATE INDEX deliveries_received ON public.deliveries USING btree (received_at);

table effects (
  id bigint generated always as identity not null,
  repo_id bigint not null,
  run_id bigint,
  attempt_id bigint,
  kind text not null,
  key text not null,
  payload jsonb not null,
  state text default 'pending'::text not null,
  revision integer default 1 not null,
  started_at timestamp with time zone,
  attempts integer default 0 not null,
  not_before timestamp with time zone default now() not null,
  lease_until timestamp with time zone,
  lease_owner text,
  fence integer default 0 not null,
  receipt jsonb,
  error text,
  created_at timestamp with time zone default now() not null,
  settled_at timestamp with time zone,
  constraint effects_attempt_id_fkey FOREIGN KEY (attempt_id) REFERENCES attempts(id),
  constraint effects_key_key UNIQUE (key),
  constraint effects_pkey PRIMARY KEY (id),
  constraint effects_repo_id_fkey FOREIGN KEY (repo_id) REFERENCES repos(id),
  constraint effects_run_id_fkey FOREIGN KEY (run_id) REFERENCES runs(id),
  constraint effects_state_check CHECK ((state = ANY (ARRAY['pending'::text, 'done'::text, 'failed'::text, 'dropped'::text])))
);
CREATE INDEX effects_by_run ON public.effects USING btree (run_id, id);
CREATE INDEX effects_due ON public.effects USING btree (not_before) WHERE (state = 'pending'::text);
CREATE INDEX effects_reports ON public.effects USING btree (repo_id) WHERE (kind = 'publish_reports'::text);
CREATE INDEX effects_reports_done ON public.effects USING btree (repo_id, (((receipt ->> 'pipelineId'::text))::bigint)) WHERE ((kind = 'publish_reports'::text) AND (state = 'done'::text));
CREATE INDEX effects_reports_pending ON public.effects USING btree (repo_id) WHERE ((kind = 'publish_reports'::text) AND (state = 'pending'::text));

table findings (
  id bigint generated always as identity not null,
  repo_id bigint not null,
  change_iid integer not null,
  fingerprint text not null,
  role text not null,
  path text not null,
  line integer not null,
  severity text not null,
  category text not null,
  title text not null,
  details jsonb not null,
  code text not null,
  state text not null,
  thread_id text,
  thread_resolved boolean default false not null,
  first_sha text not null,
  last_sha text not null,
  why text default ''::text not null,
  dismissed_how text,
  dismissed_by bigint,
  dismissed_name text,
  dismissed_reason text,
  revived_at timestamp with time zone,
  version integer default 1 not null,
  created_at timestamp with time zone default now() not null,
  updated_at timestamp with time zone default now() not null,
  constraint findings_check CHECK (((state = 'dismissed'::text) = (dismissed_how IS NOT NULL))),
  constraint findings_dismissed_how_check CHECK ((dismissed_how = ANY (ARRAY['thumbs_down'::text, 'resolved'::text, 'reply'::text, 'earlier'::text]))),
  constraint findings_pkey PRIMARY KEY (id),
  constraint findings_repo_id_change_iid_fingerprint_key UNIQUE (repo_id, change_iid, fingerprint),
  constraint findings_repo_id_fkey FOREIGN KEY (repo_id) REFERENCES repos(id),
  constraint findings_severity_check CHECK ((severity = ANY (ARRAY['critical'::text, 'high'::text, 'medium'::text, 'low'::text, 'info'::text]))),
  constraint findings_state_check CHECK ((state = ANY (ARRAY['open'::text, 'fixed'::text, 'dismissed'::text, 'outdated'::text])))
);
CREATE INDEX findings_dismissed ON public.findings USING btree (repo_id, path) WHERE (state = 'dismissed'::text);

table holds (
  id bigint generated always as identity not null,
  attempt_id bigint not null,
  day date not null,
  microusd bigint not null,
  at timestamp with time zone default now() not null,
  call_id uuid default gen_random_uuid() not null,
  provider text default 'unknown'::text not null,
  model text default 'unknown'::text not null,
  constraint holds_attempt_id_fkey FOREIGN KEY (attempt_id) REFERENCES attempts(id),
  constraint holds_call_id_key UNIQUE (call_id),
  constraint holds_pkey PRIMARY KEY (id)
);
CREATE INDEX holds_by_attempt ON public.holds USING btree (attempt_id);

table launches (
  id bigint generated always as identity not null,
  run_id bigint not null,
  repo_id bigint not null,
  pipeline_id bigint,
  created_at timestamp with time zone default now() not null,
  constraint launches_pkey PRIMARY KEY (id),
  constraint launches_repo_id_fkey FOREIGN KEY (repo_id) REFERENCES repos(id),
  constraint launches_repo_id_pipeline_id_key UNIQUE (repo_id, pipeline_id),
  constraint launches_run_id_fkey FOREIGN KEY (run_id) REFERENCES runs(id)
);
CREATE INDEX launches_by_run ON public.launches USING btree (run_id);

table locks (
  repo_id bigint not null,
  path text not null,
  run_id bigint not null,
  expires_at timestamp with time zone not null,
  constraint locks_pkey PRIMARY KEY (repo_id, path),
  constraint locks_repo_id_fkey FOREIGN KEY (repo_id) REFERENCES repos(id),
  constraint locks_run_id_fkey FOREIGN KEY (run_id) REFERENCES runs(id)
);
CREATE INDEX locks_by_run ON public.locks USING btree (run_id);

table messages (
  id bigint generated always as identity not null,
  run_id bigint not null,
  note_id bigint,
  attempt_id bigint,
  author text not null,
  body text not null,
  at timestamp with time zone default now() not null,
  constraint messages_pkey PRIMARY KEY (id),
  constraint messages_run_id_fkey FOREIGN KEY (run_id) REFERENCES runs(id),
  constraint messages_run_id_note_id_key UNIQUE (run_id, note_id)
);
CREATE UNIQUE INDEX messages_of_bot ON public.messages USING btree (attempt_id) WHERE (note_id IS NULL);

table providers (
  provider text not null,
  model text not null,
  reason text not null,
  status integer,
  strikes integer default 1 not null,
  since timestamp with time zone default now() not null,
  until timestamp with time zone not null,
  probe_until timestamp with time zone,
  constraint providers_pkey PRIMARY KEY (provider, model),
  constraint providers_provider_check CHECK ((provider = ANY (ARRAY['openai'::text, 'anthropic'::text]))),
  constraint providers_reason_check CHECK ((reason = ANY (ARRAY['rate_limit'::text, 'overload'::text, 'error'::text, 'quota'::text, 'unreachable'::text, 'timeout'::text, 'key'::text])))
);

table repos (
  id bigint generated always as identity not null,
  forge text not null,
  project_id bigint not null,
  path text not null,
  default_branch text not null,
  web_url text not null,
  hook_signs boolean default false not null,
  hook_id bigint,
  hook_alert text,
  reconciled_until timestamp with time zone,
  next_poll_at timestamp with time zone default (now() + '00:00:30'::interval) not null,
  poll_owner text,
  created_at timestamp with time zone default now() not null,
  updated_at timestamp with time zone default now() not null,
  constraint repos_forge_check CHECK ((forge = ANY (ARRAY['gitlab'::text, 'github'::text]))),
  constraint repos_forge_project_id_key UNIQUE (forge, project_id),
  constraint repos_pkey PRIMARY KEY (id)
);

table runs (
  id bigint generated always as identity not null,
  repo_id bigint not null,
  target_type text not null,
  target_iid integer not null,
  role text default 'main'::text not null,
  command text not null,
  args text default ''::text not null,
  requester_id bigint not null,
  requester_name text not null,
  trigger_note_id bigint,
  trigger_discussion_id text,
  state text not null,
  stage text not null,
  stage_since timestamp with time zone default now() not null,
  waited_seconds integer default 0 not null,
  stopped_at text,
  paused_until timestamp with time zone,
  paused_by text,
  overrides jsonb default '{}'::jsonb not null,
  parent_run_id bigint,
  cap_microusd bigint not null,
  reserved_microusd bigint default 0 not null,
  spent_microusd bigint default 0 not null,
  context jsonb not null,
  verdict jsonb,
  status_note_id bigint,
  round integer default 0 not null,
  waits_for text,
  gate_note text,
  spec_branch text,
  spec_iid integer,
  spec_url text,
  spec_sha text,
  branch text,
  change_iid integer,
  change_url text,
  head_sha text,
  published_sha text,
  published_digest text,
  merged_sha text,
  checks jsonb,
  deployment jsonb,
  report jsonb,
  allowed jsonb default '[]'::jsonb not null,
  version integer default 0 not null,
  created_at timestamp with time zone default now() not null,
  updated_at timestamp with time zone default now() not null,
  finished_at timestamp with time zone,
  left_out integer default 0 not null,
  constraint runs_parent_run_id_fkey FOREIGN KEY (parent_run_id) REFERENCES runs(id),
  constraint runs_pkey PRIMARY KEY (id),
  constraint runs_repo_id_fkey FOREIGN KEY (repo_id) REFERENCES repos(id),
  constraint runs_state_check CHECK ((state = ANY (ARRAY['queued'::text, 'running'::text, 'paused'::text, 'completed'::text, 'failed'::text, 'stopped_budget'::text, 'stopped_user'::text, 'stopped_policy'::text]))),
  constraint runs_target_type_check CHECK ((target_type = ANY (ARRAY['issue'::text, 'change'::text]))),
  constraint runs_waits_for_check CHECK ((waits_for = ANY (ARRAY['checks'::text, 'person'::text])))
);
CREATE INDEX runs_by_change ON public.runs USING btree (repo_id, change_iid) WHERE (change_iid IS NOT NULL);
CREATE INDEX runs_by_parent ON public.runs USING btree (parent_run_id) WHERE (parent_run_id IS NOT NULL);
CREATE INDEX runs_by_published ON public.runs USING btree (repo_id, published_digest) WHERE (published_digest IS NOT NULL);
CREATE INDEX runs_by_requester ON public.runs USING btree (repo_id, requester_id, created_at);
CREATE INDEX runs_by_spec ON public.runs USING btree (repo_id, spec_iid) WHERE (spec_iid IS NOT NULL);
CREATE INDEX runs_by_target ON public.runs USING btree (repo_id, target_type, target_iid, id DESC);
CREATE INDEX runs_deferred ON public.runs USING btree (paused_until) WHERE ((state = 'paused'::text) AND (paused_until IS NOT NULL));
CREATE INDEX runs_finished ON public.runs USING btree ((((context -> 'workflow'::text) ->> 'name'::text)), id DESC) WHERE (state = 'completed'::text);
CREATE INDEX runs_finished_here ON public.runs USING btree (repo_id, (((context -> 'workflow'::text) ->> 'name'::text)), id DESC) WHERE (state = 'completed'::text);
CREATE UNIQUE INDEX runs_one_active ON public.runs USING btree (repo_id, target_type, target_iid, role) WHERE (state = ANY (ARRAY['queued'::text, 'running'::text, 'paused'::text]));
CREATE INDEX runs_waiting ON public.runs USING btree (waits_for, updated_at) WHERE (waits_for IS NOT NULL);

table schema_migrations (
  version integer not null,
  name text not null,
  checksum text not null,
  applied_at timestamp with time zone default now() not null,
  constraint schema_migrations_pkey PRIMARY KEY (version)
);

table task_comments (
  id bigint generated always as identity not null,
  task_id bigint not null,
  parent_id bigint,
  author text not null,
  kind text not null,
  body text not null,
  at timestamp with time zone default now() not null,
  constraint task_comments_kind_check CHECK ((kind = ANY (ARRAY['asked'::text, 'result'::text, 'finding'::text, 'answer'::text, 'lost'::text]))),
  constraint task_comments_parent_id_fkey FOREIGN KEY (parent_id) REFERENCES task_comments(id),
  constraint task_comments_pkey PRIMARY KEY (id),
  constraint task_comments_task_id_fkey FOREIGN KEY (task_id) REFERENCES tasks(id)
);
CREATE INDEX task_comments_by_task ON public.task_comments USING btree (task_id, id);

table tasks (
  id bigint generated always as identity not null,
  run_id bigint not null,
  stage text not null,
  round integer not null,
  type text not null,
  agent text not null,
  state text not null,
  priority integer default 5 not null,
  parent_id bigint,
  depends_on jsonb default '[]'::jsonb not null,
  acceptance jsonb default '[]'::jsonb not null,
  cap_microusd bigint not null,
  spent_microusd bigint default 0 not null,
  reserved_microusd bigint default 0 not null,
  created_at timestamp with time zone default now() not null,
  updated_at timestamp with time zone default now() not null,
  constraint tasks_parent_id_fkey FOREIGN KEY (parent_id) REFERENCES tasks(id),
  constraint tasks_pkey PRIMARY KEY (id),
  constraint tasks_run_id_fkey FOREIGN KEY (run_id) REFERENCES runs(id),
  constraint tasks_state_check CHECK ((state = ANY (ARRAY['queued'::text, 'running'::text, 'done'::text, 'failed'::text, 'cancelled'::text])))
);
CREATE INDEX tasks_by_run ON public.tasks USING btree (run_id, id);

table usage (
  id bigint generated always as identity not null,
  attempt_id bigint not null,
  task_id bigint not null,
  run_id bigint not null,
  repo_id bigint not null,
  provider text not null,
  model text not null,
  input_tokens bigint not null,
  cached_input_tokens bigint not null,
  output_tokens bigint not null,
  cost_microusd bigint not null,
  outcome text not null,
  at timestamp with time zone default now() not null,
  call_id uuid,
  constraint usage_attempt_id_fkey FOREIGN KEY (attempt_id) REFERENCES attempts(id),
  constraint usage_call_id_key UNIQUE (call_id),
  constraint usage_pkey PRIMARY KEY (id),
  constraint usage_repo_id_fkey FOREIGN KEY (repo_id) REFERENCES repos(id),
  constraint usage_run_id_fkey FOREIGN KEY (run_id) REFERENCES runs(id),
  constraint usage_task_id_fkey FOREIGN KEY (task_id) REFERENCES tasks(id)
);
CREATE INDEX usage_by_run ON public.usage USING btree (run_id);
CREATE INDEX usage_by_task ON public.usage USING btree (task_id);

table wishes (
  repo_id bigint not null,
  key text not null,
  made_at timestamp with time zone not null,
  delivery_id uuid not null,
  constraint wishes_pkey PRIMARY KEY (repo_id, key, made_at),
  constraint wishes_repo_id_fkey FOREIGN KEY (repo_id) REFERENCES repos(id)
);

table workflow_versions (
  name text not null,
  version integer not null,
  digest text not null,
  body jsonb not null,
  first_used_at timestamp with time zone default now() not null,
  constraint workflow_versions_pkey PRIMARY KEY (name, version)
);

CREATE OR REPLACE FUNCTION public.audit_is_append_only()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  raise exception 'audit rows are never changed or deleted';
end $function$;

CREATE OR REPLACE FUNCTION public.book_money(p_attempt bigint, p_day date, p_held bigint, p_spent bigint)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
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
end $function$;

CREATE OR REPLACE FUNCTION public.give_back_call(p_call uuid, p_attempt bigint)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
declare
  was record;
begin
  select * into was from take_back(p_call, p_attempt);
  perform book_money(p_attempt, was.day, was.held, - was.cost);
end $function$;

CREATE OR REPLACE FUNCTION public.hold_call(p_call uuid, p_attempt bigint, p_provider text, p_model text, p_amount bigint, p_repo_cap bigint, p_all_cap bigint)
 RETURNS TABLE(full_level text, cap bigint, spent bigint, opens_at timestamp with time zone)
 LANGUAGE plpgsql
AS $function$
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
    return query select 'over', 0::bigint, 0::bigint, null::timestamptz;
    return;
  end if;
  insert into budget_days (scope, day) values (who.scope, today) on conflict do nothing;
  insert into budget_days (scope, day) values ('installation', today) on conflict do nothing;
  select d.spent_microusd as spent, d.reserved_microusd as held into here
    from budget_days d where d.scope = who.scope and d.day = today for no key update;
  select d.spent_microusd as spent, d.reserved_microusd as held into everywhere
    from budget_days d where d.scope = 'installation' and d.day = today for no key update;
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
      update budget_days set full_at_microusd = greatest(full_at_microusd, hold_call.cap)
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
    where scope in (who.scope, 'installation') and day = today;
  insert into holds (call_id, attempt_id, provider, model, day, microusd)
    values (p_call, p_attempt, p_provider, p_model, today, p_amount);
  return next;
end $function$;

CREATE OR REPLACE FUNCTION public.hold_money(p_attempt bigint, p_amount bigint, p_repo_cap bigint, p_all_cap bigint)
 RETURNS TABLE(hold_id bigint, full_level text, cap bigint, spent bigint, opens_at timestamp with time zone)
 LANGUAGE plpgsql
AS $function$
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
end $function$;

CREATE OR REPLACE FUNCTION public.kept_calls(p_calls uuid[])
 RETURNS SETOF uuid
 LANGUAGE plpgsql
AS $function$
begin
  perform pg_logical_emit_message(true, 'autodev', '');
  return query select u.call_id from usage u where u.call_id = any(p_calls);
end $function$;

CREATE OR REPLACE FUNCTION public.release_money(p_attempt bigint)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
declare
  held record;
begin
  for held in
    with gone as (delete from holds where attempt_id = p_attempt returning day, microusd)
    select day, sum(microusd)::bigint as microusd from gone group by day order by day
  loop
    perform book_money(p_attempt, held.day, held.microusd, 0);
  end loop;
end $function$;

CREATE OR REPLACE FUNCTION public.settle_call(p_call uuid, p_attempt bigint, p_provider text, p_model text, p_input bigint, p_cached bigint, p_output bigint, p_cost bigint, p_outcome text)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
declare
  was record;
begin
  perform set_config('synchronous_commit', 'off', true);
  select * into was from take_back(p_call, p_attempt);
  insert into usage (call_id, attempt_id, task_id, run_id, repo_id, provider, model, input_tokens,
      cached_input_tokens, output_tokens, cost_microusd, outcome)
    select p_call, a.id, a.task_id, a.run_id, a.repo_id, p_provider, p_model, p_input, p_cached, p_output,
      p_cost, p_outcome
    from attempts a where a.id = p_attempt
    on conflict (call_id) do nothing;
  if not found then
    return;
  end if;
  perform book_money(p_attempt, was.day, was.held, p_cost - was.cost);
end $function$;

CREATE OR REPLACE FUNCTION public.settle_money(p_hold bigint, p_attempt bigint, p_spent bigint)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
declare
  held record;
begin
  perform set_config('synchronous_commit', 'off', true);
  perform 1 from runs r join attempts a on a.run_id = r.id where a.id = p_attempt for no key update of r;
  delete from holds where id = p_hold returning day, microusd into held;
  perform book_money(p_attempt, coalesce(held.day, (now() at time zone 'UTC')::date),
    coalesce(held.microusd, 0), p_spent);
end $function$;

CREATE OR REPLACE FUNCTION public.spend_holds(p_attempt bigint)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
declare
  held record;
begin
  for held in
    with gone as (delete from holds h where h.attempt_id = p_attempt returning h.*),
      counted as (
        insert into usage (call_id, attempt_id, task_id, run_id, repo_id, provider, model, input_tokens,
            cached_input_tokens, output_tokens, cost_microusd, outcome, at)
          select g.call_id, a.id, a.task_id, a.run_id, a.repo_id, g.provider, g.model, 0, 0, 0, g.microusd,
            'unknown', g.at
          from gone g join attempts a on a.id = g.attempt_id)
    select g.day, sum(g.microusd)::bigint as microusd from gone g group by g.day order by g.day
  loop
    perform book_money(p_attempt, held.day, held.microusd, held.microusd);
  end loop;
end $function$;

CREATE OR REPLACE FUNCTION public.take_back(p_call uuid, p_attempt bigint)
 RETURNS TABLE(day date, held bigint, cost bigint)
 LANGUAGE plpgsql
AS $function$
begin
  perform 1 from runs r join attempts a on a.run_id = r.id where a.id = p_attempt for no key update of r;
  return query
    with open as (delete from holds h where h.call_id = p_call returning h.day, h.microusd),
      counted as (delete from usage u where u.call_id = p_call and u.outcome = 'unknown' returning u.at, u.cost_microusd)
    select o.day, o.microusd, 0::bigint from open o
    union all
    select (c.at at time zone 'UTC')::date, 0::bigint, c.cost_microusd from counted c;
  if not found then
    return query select (now() at time zone 'UTC')::date, 0::bigint, 0::bigint;
  end if;
end $function$;
