-- Providers and models that are left alone for a while, shared by all processes of the bot.
create table providers (
  provider text not null check (provider in ('openai', 'anthropic')),
  -- One model of it; '' for all of them.
  model text not null,
  reason text not null check (reason in
    ('rate_limit', 'overload', 'error', 'quota', 'unreachable', 'timeout', 'key')),
  -- HTTP status it answered with; null when there was no answer.
  status integer,
  -- Failures since the last answer; those of calls that were under way together count once.
  strikes integer not null default 1,
  since timestamptz not null default now(),
  -- The reset time. The row stays until a call was answered: till then one call goes first.
  until timestamptz not null,
  -- Lease of that one call.
  probe_until timestamptz,
  primary key (provider, model)
);

-- Cool-downs that an attempt met, by `provider/model`: {reason, status, until}.
alter table attempts add column cooled jsonb not null default '{}';
