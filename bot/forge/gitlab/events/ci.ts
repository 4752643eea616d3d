/** Pipeline Hook and Job Hook (gitlab-facts §2.4, §2.5): hints that may repeat or come out of order. */
import type { ForgeEvent } from '../../../domain/events.ts';
import { at, id, isObject, text, textOrNull } from '../../payload.ts';
import { actorOf, malformed, type Payload } from './common.ts';

export function readPipeline(payload: Payload): ForgeEvent {
  const { attrs, body, project } = payload;
  const pipelineId = id(at(attrs, 'id'));
  const status = text(at(attrs, 'status'));
  if (pipelineId === null || status === '') return malformed(payload, 'pipeline id and status');
  return {
    kind: 'pipeline',
    project,
    actor: isObject(at(body, 'user')) ? actorOf(body) : null,
    pipeline: {
      id: pipelineId,
      status,
      ref: text(at(attrs, 'ref')),
      sha: text(at(attrs, 'sha')),
      source: text(at(attrs, 'source')),
      parentPipelineId: id(at(body, 'source_pipeline', 'pipeline_id')),
      changeIid: id(at(body, 'merge_request', 'iid')),
      url: text(at(attrs, 'url')) || `${project.webUrl}/-/pipelines/${pipelineId}`,
    },
  };
}

export function readJob(payload: Payload): ForgeEvent {
  const { body, project } = payload;
  const jobId = id(at(body, 'build_id'));
  // The `commit` of a job is its pipeline, under an old name; `pipeline_id` came later.
  const pipelineId = id(at(body, 'pipeline_id')) ?? id(at(body, 'commit', 'id'));
  const status = text(at(body, 'build_status'));
  if (jobId === null || pipelineId === null || status === '') {
    return malformed(payload, 'job id, pipeline id and status');
  }
  return {
    kind: 'job',
    project,
    job: {
      id: jobId,
      name: text(at(body, 'build_name')),
      status,
      pipelineId,
      // GitLab says `unknown_failure` of jobs that did not fail, too.
      failureReason: status === 'failed' ? textOrNull(at(body, 'build_failure_reason')) : null,
    },
  };
}
