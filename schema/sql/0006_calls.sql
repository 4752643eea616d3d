-- Each model call has an id, which its hold and its usage carry: whoever settles it twice pays once. The gateway
-- makes the id. Numbers of a sequence would not do: holding does not wait for the disk, so that after a crash of the server
-- the same number may be given to another call.
alter table holds
  add column call_id uuid not null default gen_random_uuid() unique,
  add column provider text not null default 'unknown',
  add column model text not null default 'unknown';

-- Null for calls from before. `outcome` may also be `unknown`: the attempt ended while the call was held for, and
-- nobody has told what it cost; until somebody does, it cost what was held.
alter table usage add column call_id uuid unique;

-- What follows takes the place of hold_money, settle_money and release_money, which processes of the release before still
-- call.

-- Holds an amount for a call on all four levels or on none; then `full_level` says which is full, or `over`. Holding does
-- not wait for the disk while it has the rows that everybody spends from: a hold that a crash of the server loses is
-- settled all the same.
create function hold_call(p_call uuid, p_attempt bigint, p_provider text, p_model text, p_amount bigint,
  p_repo_cap bigint, p_all_cap bigint)
returns table (full_level text, cap bigint, spent bigint, opens_at timestamptz)
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
end $$;

-- Takes a call back off the books, with the lock on its run: its hold, or what was counted because its attempt ended.
-- Returns what it held and had cost so far, and on which day; a call that is known by neither took nothing.
create function take_back(p_call uuid, p_attempt bigint)
returns table (day date, held bigint, cost bigint) language plpgsql as $$
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
end $$;

-- A call is over: its row of usage, and what it cost in the place of what was held. Both or none, and once, however often
-- this is asked for. It does not wait for the disk, because all others that spend would wait with it: see `kept_calls`.
create function settle_call(p_call uuid, p_attempt bigint, p_provider text, p_model text, p_input bigint,
  p_cached bigint, p_output bigint, p_cost bigint, p_outcome text)
returns void language plpgsql as $$
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
end $$;

-- A call was not made after all: what was held for it is free again.
create function give_back_call(p_call uuid, p_attempt bigint) returns void language plpgsql as $$
declare
  was record;
begin
  select * into was from take_back(p_call, p_attempt);
  perform book_money(p_attempt, was.day, was.held, - was.cost);
end $$;

-- Which of these calls are settled, and on disk: what commits here waits for the disk, and what was committed before it is
-- there then too. None of the rows that everybody spends from is locked meanwhile.
create function kept_calls(p_calls uuid[]) returns setof uuid language plpgsql as $$
begin
  perform pg_logical_emit_message(true, 'autodev', '');
  return query select u.call_id from usage u where u.call_id = any(p_calls);
end $$;

-- An attempt is over. Of what is still held for it nobody knows what it cost, so it counts as spent in full; a call that is
-- settled later is put right then.
create function spend_holds(p_attempt bigint) returns void language plpgsql as $$
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
end $$;
