-- Look-ups that read a whole table, or a project's whole history, as these grew (docs/bench.md, queries).

create index usage_by_task on usage (task_id);

create index attempts_by_start on attempts (repo_id, created_at) where pipeline_id is not null;

-- One pipeline's reports, and whether some are being published: two questions, two small indexes.
create index effects_reports_done on effects (repo_id, ((receipt ->> 'pipelineId')::bigint))
  where kind = 'publish_reports' and state = 'done';
create index effects_reports_pending on effects (repo_id)
  where kind = 'publish_reports' and state = 'pending';
