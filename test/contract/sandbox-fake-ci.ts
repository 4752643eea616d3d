/** A CI engine for the sandbox's own tests: pipelines are records that a test moves on by hand. */
import { execFileSync } from 'node:child_process';
import type {
  CiEngine,
  CiHost,
  CiStatus,
  JobRecord,
  PipelineRecord,
  PipelineSpec,
} from '../../sandbox/ci/contract.ts';

export interface FakeCi extends CiEngine {
  host: CiHost;
  /** Sources whose pipelines the "workflow" filters out. */
  refuse: Set<string>;
  /** Moves a job and with it its pipeline, telling the host. */
  move(pipeline: PipelineRecord, status: CiStatus): void;
  /** Starts a child of the pipeline's bridge. */
  child(pipeline: PipelineRecord): Promise<PipelineRecord>;
}

export function createFakeCi(host: CiHost, folder: string): FakeCi {
  const pipelines: PipelineRecord[] = [];
  const job = (pipelineId: number, name: string, bridge: boolean): JobRecord => ({
    id: host.nextJobId(),
    pipelineId,
    name,
    stage: 'test',
    status: 'created',
    allowFailure: false,
    bridge,
    downstreamPipelineId: null,
    tags: ['autodev'],
    when: 'on_success',
    createdAt: new Date().toISOString(),
    startedAt: null,
    finishedAt: null,
    failureReason: null,
    coverage: null,
    environment: null,
    startedBy: null,
    tracePath: `${folder}/trace.log`,
    artifactsDir: folder,
  });
  const engine: FakeCi = {
    host,
    refuse: new Set(),
    async create(spec: PipelineSpec) {
      if (engine.refuse.has(spec.source)) {
        return { ok: false, errors: ['Pipeline filtered out by workflow rules.'] };
      }
      const id = host.nextPipelineId();
      const pipeline: PipelineRecord = {
        id,
        spec,
        status: 'created',
        createdAt: new Date().toISOString(),
        startedAt: null,
        finishedAt: null,
        jobs: [job(id, 'unit', false), job(id, 'child', true)],
        retried: [],
      };
      pipelines.push(pipeline);
      host.changed(pipeline);
      return { ok: true, pipeline };
    },
    get: (id) => pipelines.find((pipeline) => pipeline.id === id),
    list: (projectId) => pipelines.filter((pipeline) => pipeline.spec.project.id === projectId),
    async cancel(id) {
      const pipeline = engine.get(id);
      if (pipeline) engine.move(pipeline, 'canceled');
    },
    async retry(id) {
      const pipeline = engine.get(id);
      if (!pipeline) return;
      pipeline.jobs.push(job(id, 'unit', false));
      engine.move(pipeline, 'running');
    },
    play: () => false,
    retryJob: () => null,
    async lint(project, sha) {
      const args = ['--git-dir', project.gitDir, 'show', `${sha}:.gitlab-ci.yml`];
      return {
        valid: true,
        errors: [],
        mergedYaml: execFileSync('git', args, { encoding: 'utf8' }),
      };
    },
    async close() {},
    move(pipeline, status) {
      const now = new Date().toISOString();
      const ended = ['success', 'failed', 'canceled'].includes(status);
      const last = pipeline.jobs.findLast((one) => !one.bridge);
      pipeline.status = status;
      pipeline.startedAt ??= now;
      pipeline.finishedAt = ended ? now : null;
      if (!last) return;
      last.status = status;
      last.startedAt ??= now;
      last.finishedAt = ended ? now : null;
      last.failureReason = status === 'failed' ? 'script_failure' : null;
      host.changed(pipeline, last);
    },
    async child(pipeline) {
      const bridge = pipeline.jobs.find((one) => one.bridge) as JobRecord;
      const parent = { pipelineId: pipeline.id, jobId: bridge.id };
      const result = await engine.create({
        ...pipeline.spec,
        source: 'parent_pipeline',
        yaml: 'unit: {}\n',
        parent,
      });
      if (!result.ok) throw new Error(result.errors.join());
      bridge.downstreamPipelineId = result.pipeline.id;
      return result.pipeline;
    },
  };
  return engine;
}
