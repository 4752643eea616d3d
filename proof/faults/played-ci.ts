/**
 * A CI engine whose jobs are played in this process: pipelines, plan job, child pipeline and agents' jobs are
 * there for the forge and for the bot, but no job is a process and no configuration is resolved. That
 * makes hundreds of runs affordable. Real job processes are what `test/stories` is about.
 */
import { parse } from 'yaml';
import type {
  CiEngine,
  CiHost,
  CiStatus,
  JobRecord,
  PipelineRecord,
  PipelineSpec,
} from '../../sandbox/ci/contract.ts';
import { isFinished, pipelineStatus } from '../../sandbox/ci/schedule.ts';
import type { Fault } from '../../sandbox/model/types.ts';
import type { TaskSpec } from '../../schema/wire/job-api.ts';
import type { JobResult } from '../../schema/wire/result.ts';
import { fetchPlan, playJob, type Fate, type JobFacts } from './played-job.ts';

/** How the jobs behave that come next; a proof changes it while they run. */
export interface Steering {
  /** What becomes of the agent's job of this attempt. */
  fate: (attempt: number) => Fate;
  /** Model calls of each job. */
  calls: number;
  /** Whether the next model call asks for a stream. */
  stream: () => boolean;
  /** What goes wrong with the next answer of the model; null: nothing. */
  modelFault: () => Fault | null;
  /** Milliseconds a job works besides its calls. */
  workMs: (attempt: number) => number;
  /** What a job brings besides the usual. */
  bring: (spec: TaskSpec) => Partial<JobResult>;
  /** The project's own pipelines pass when this resolves. */
  checks: () => Promise<void>;
}

export interface PlayedCi extends CiEngine {
  steer: Steering;
  /** What each agent's job was told, oldest first. */
  facts: JobFacts[];
  /** Faults of the player itself: each one makes a proof fail. */
  problems: unknown[];
}

const PLAN = 'autodev-plan';
const RUN = 'autodev-run';

/** Makes the engine; `server` is the bot's address as its jobs know it, `botId` the bot's user. */
export function createPlayedCi(
  host: CiHost,
  at: { server: () => string; folder: string },
): PlayedCi {
  const pipelines = new Map<number, PipelineRecord>();
  const running = new Map<number, AbortController>();
  let closed = false;

  const newPipeline = (spec: PipelineSpec, jobs: [name: string, bridge: boolean][]) => {
    const id = host.nextPipelineId();
    const record: PipelineRecord = {
      ...{ id, spec, status: 'created', createdAt: now(), startedAt: null, finishedAt: null },
      ...{ jobs: [], retried: [] },
    };
    record.jobs = jobs.map(([name, bridge]) => newJob(host, record, name, bridge, at.folder));
    pipelines.set(id, record);
    host.changed(record);
    return record;
  };
  const move = (pipeline: PipelineRecord, job: JobRecord, status: CiStatus): boolean => {
    if (closed || isFinished(job.status)) return false;
    job.status = status;
    if (status === 'running') job.startedAt = now();
    if (isFinished(status)) job.finishedAt = now();
    pipeline.status = pipelineStatus(pipeline.jobs);
    if (pipeline.status === 'running') pipeline.startedAt ??= now();
    if (isFinished(pipeline.status)) pipeline.finishedAt = now();
    host.changed(pipeline, job);
    return true;
  };
  const start = (job: JobRecord): AbortSignal => {
    const control = new AbortController();
    running.set(job.id, control);
    return control.signal;
  };

  /** The child's jobs are named and told their attempts by the YAML that the bot wrote. */
  const runChild = async (child: PipelineRecord, yaml: string): Promise<void> => {
    const config = parse(yaml) as Record<string, { variables?: Record<string, string> }>;
    await Promise.all(
      child.jobs.map(async (job) => {
        const attempt = Number(config[job.name]?.variables?.['AUTODEV_ATTEMPT'] ?? 0);
        if (attempt === 0) {
          move(child, job, 'success');
          return;
        }
        const fate = ci.steer.fate(attempt);
        move(child, job, 'pending');
        if (fate.kind === 'no_runner') return;
        const signal = start(job);
        move(child, job, 'running');
        const facts: JobFacts = {
          ...{ attempt, pipelineId: child.id, claimed: null, results: [], answered: 0 },
        };
        ci.facts.push(facts);
        const server = at.server();
        const idToken = await host.idToken(child, job, server);
        const { calls, stream, workMs, bring } = ci.steer;
        const told = {
          server,
          idToken,
          attempt,
          calls,
          stream,
          workMs: workMs(attempt),
          fate,
          signal,
        };
        const good = await playJob({ ...told, facts, bring });
        move(child, job, good ? 'success' : 'failed');
      }),
    );
  };

  /** Plan, bridge, child: the two jobs of the template, and what they lead to. */
  const runParent = async (pipeline: PipelineRecord): Promise<void> => {
    const [plan, bridge] = pipeline.jobs;
    if (plan === undefined || bridge === undefined) return;
    const signal = start(plan);
    move(pipeline, plan, 'pending');
    move(pipeline, plan, 'running');
    const server = at.server();
    let yaml: string;
    try {
      yaml = await fetchPlan(server, await host.idToken(pipeline, plan, server), signal);
    } catch {
      move(pipeline, plan, 'failed');
      move(pipeline, bridge, 'skipped');
      return;
    }
    if (!move(pipeline, plan, 'success')) return;
    const names = Object.keys(parse(yaml) as object).filter((name) => name !== 'workflow');
    const parent = { pipelineId: pipeline.id, jobId: bridge.id };
    const spec = { ...pipeline.spec, source: 'parent_pipeline', yaml, parent };
    const child = newPipeline(
      spec,
      names.map((name) => [name, false]),
    );
    bridge.downstreamPipelineId = child.id;
    move(pipeline, bridge, 'running');
    await runChild(child, yaml);
    move(pipeline, bridge, child.status);
  };

  const inBackground = (work: Promise<void>): void => {
    work.catch((error: unknown) => {
      if (!closed) ci.problems.push(error);
    });
  };

  const ci: PlayedCi = {
    steer: {
      ...{ fate: () => ({ kind: 'ends' }), calls: 1, stream: () => false, modelFault: () => null },
      ...{ workMs: () => 0, bring: () => ({}), checks: () => Promise.resolve() },
    },
    facts: [],
    problems: [],
    create: async (spec) => {
      const ours = spec.source === 'api';
      const names: [string, boolean][] = ours
        ? [
            [PLAN, false],
            [RUN, true],
          ]
        : [['test', false]];
      const pipeline = newPipeline(spec, names);
      // GitLab answers with status created; processing comes after.
      setImmediate(() => {
        const [test] = pipeline.jobs;
        if (ours) inBackground(runParent(pipeline));
        else if (test !== undefined)
          inBackground(ci.steer.checks().then(() => void move(pipeline, test, 'success')));
      });
      return { ok: true, pipeline };
    },
    get: (id) => pipelines.get(id),
    list: (projectId) =>
      [...pipelines.values()].filter(({ spec }) => spec.project.id === projectId),
    cancel: async (id) => {
      const pipeline = pipelines.get(id);
      if (pipeline === undefined) return;
      for (const job of pipeline.jobs) {
        if (job.downstreamPipelineId !== null) await ci.cancel(job.downstreamPipelineId);
        running.get(job.id)?.abort();
        move(pipeline, job, 'canceled');
      }
    },
    retry: async () => undefined,
    play: () => false,
    retryJob: () => null,
    lint: async () => ({ valid: true, errors: [], mergedYaml: '' }),
    close: async () => {
      closed = true;
      for (const control of running.values()) control.abort();
    },
  };
  return ci;
}

const now = (): string => new Date().toISOString();

function newJob(
  host: CiHost,
  pipeline: PipelineRecord,
  name: string,
  bridge: boolean,
  folder: string,
): JobRecord {
  return {
    ...{ id: host.nextJobId(), pipelineId: pipeline.id, name, stage: 'test', status: 'created' },
    ...{ allowFailure: false, bridge, downstreamPipelineId: null, tags: ['autodev'] },
    ...{ when: 'on_success', createdAt: now(), startedAt: null, finishedAt: null },
    ...{ failureReason: null, coverage: null, environment: null, startedBy: null },
    tracePath: `${folder}/trace.log`,
    artifactsDir: null,
  };
}
