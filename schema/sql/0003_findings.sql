-- Findings with a life of their own: over rounds, runs and, once dismissed, over changes.

create table findings (
  id bigint generated always as identity primary key,
  repo_id bigint not null references repos (id),
  change_iid integer not null,
  -- Made when it was first raised, from its words and the code around it; never changes.
  fingerprint text not null,
  role text not null,
  path text not null,
  line integer not null,
  severity text not null check (severity in ('critical', 'high', 'medium', 'low', 'info')),
  category text not null,
  title text not null,
  -- The rest of the finding as it was last raised: body, suggestion, last line, confidence.
  details jsonb not null,
  -- Hash of the lines it is about and their neighbours; '' where they could not be read.
  code text not null,
  state text not null check (state in ('open', 'fixed', 'dismissed', 'outdated')),
  thread_id text,
  thread_resolved boolean not null default false,
  first_sha text not null,
  -- Head of the last look that judged it, and what that look said of it.
  last_sha text not null,
  why text not null default '',
  dismissed_how text check (dismissed_how in ('thumbs_down', 'resolved', 'reply', 'earlier')),
  dismissed_by bigint,
  dismissed_name text,
  dismissed_reason text,
  -- A person opened it again: a thumbs-down from before counts no more.
  revived_at timestamptz,
  version integer not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (repo_id, change_iid, fingerprint),
  check ((state = 'dismissed') = (dismissed_how is not null))
);

-- What people do not want is looked up for the files of every later look.
create index findings_dismissed on findings (repo_id, path) where state = 'dismissed';

-- Remarks of the last look that were not shown: below the threshold or beyond the cap.
alter table runs add column left_out integer not null default 0;
