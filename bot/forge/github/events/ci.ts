/** `workflow_run`, `check_suite`, `workflow_job`, `check_run`, `push`, in GitLab's words. */
import type { ForgeEvent, PipelineInfo } from '../../../domain/events.ts';
import { at, id, list, pick, sha, text } from '../../payload.ts';
import { malformed, type Payload } from './common.ts';

const STATUSES: Readonly<Record<string, string>> = {
  requested: 'created',
  queued: 'pending',
  pending: 'pending',
  waiting: 'waiting_for_resource',
  in_progress: 'running',
};

/** Conclusions of what is `completed`. */
const CONCLUSIONS: Readonly<Record<string, string>> = {
  success: 'success',
  neutral: 'success',
  skipped: 'skipped',
  failure: 'failed',
  timed_out: 'failed',
  startup_failure: 'failed',
  cancelled: 'canceled',
  stale: 'canceled',
  action_required: 'manual',
};

/** Unknown words pass through, as unknown statuses of GitLab do. */
function statusOf(run: unknown): string {
  const status = text(at(run, 'status'));
  if (status !== 'completed') return pick(STATUSES, status) ?? status;
  const conclusion = text(at(run, 'conclusion'));
  return pick(CONCLUSIONS, conclusion) ?? conclusion;
}

export function readWorkflowRun(payload: Payload): ForgeEvent {
  const run = at(payload.body, 'workflow_run');
  return readPipeline(payload, run, text(at(run, 'event')));
}

/** A suite has no event of its own; the app that owns it stands in for the source. */
export function readCheckSuite(payload: Payload): ForgeEvent {
  const suite = at(payload.body, 'check_suite');
  return readPipeline(payload, suite, text(at(suite, 'app', 'slug')));
}

function readPipeline(payload: Payload, run: unknown, source: string): ForgeEvent {
  const pipelineId = id(at(run, 'id'));
  const status = statusOf(run);
  if (pipelineId === null || status === '') return malformed(payload, 'id and status');
  const pipeline: PipelineInfo = {
    id: pipelineId,
    status,
    ref: text(at(run, 'head_branch')),
    sha: text(at(run, 'head_sha')),
    source,
    parentPipelineId: null,
    changeIid: id(at(list(at(run, 'pull_requests'))[0], 'number')),
    url: text(at(run, 'html_url')),
  };
  return { kind: 'pipeline', project: payload.project, actor: payload.actor, pipeline };
}

export function readWorkflowJob(payload: Payload): ForgeEvent {
  const job = at(payload.body, 'workflow_job');
  return readJob(payload, job, id(at(job, 'run_id')));
}

export function readCheckRun(payload: Payload): ForgeEvent {
  const run = at(payload.body, 'check_run');
  return readJob(payload, run, id(at(run, 'check_suite', 'id')));
}

function readJob(payload: Payload, job: unknown, pipelineId: number | null): ForgeEvent {
  const jobId = id(at(job, 'id'));
  const status = statusOf(job);
  if (jobId === null || pipelineId === null || status === '') {
    return malformed(payload, 'id, run id and status');
  }
  return {
    kind: 'job',
    project: payload.project,
    job: {
      id: jobId,
      name: text(at(job, 'name')),
      status,
      pipelineId,
      failureReason: status === 'failed' ? text(at(job, 'conclusion')) : null,
    },
  };
}

/** A null commit is a created or deleted ref. */
export function readPush(payload: Payload): ForgeEvent {
  const ref = text(at(payload.body, 'ref'));
  if (ref === '') return malformed(payload, 'ref');
  return {
    kind: 'push',
    project: payload.project,
    actor: payload.actor,
    ref,
    tag: ref.startsWith('refs/tags/'),
    before: sha(at(payload.body, 'before')),
    after: sha(at(payload.body, 'after')),
  };
}
