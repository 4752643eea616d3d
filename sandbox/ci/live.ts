/** One pipeline while the engine knows it: its record, its configuration and the small helpers. */
import path from 'node:path';
import type {
  CiEngineOptions,
  CiHost,
  JobRecord,
  PipelineRecord,
  PipelineSpec,
} from './contract.ts';
import type { JobConfig, PipelineConfig } from './config.ts';
import type { JobOrder } from './runner.ts';
import { decideJob, isFinished } from './schedule.ts';
import type { Decision, Scheduled } from './schedule.ts';
import type { Variables } from './variables.ts';
import {
  expand,
  jobEnvironment,
  jobVariables,
  pipelineVariables,
  repositoryUrl,
  yamlVariables,
} from './variables.ts';
import type { Commit } from './variables.ts';
import type { Workspace } from './workspace.ts';

export interface Live {
  record: PipelineRecord;
  config: PipelineConfig;
  commit: Commit;
  /** CI_PIPELINE_IID: counts within the project. */
  iid: number;
  /** Configuration of each job, by job name. */
  jobs: Map<string, JobConfig>;
  /** Ids of manual jobs that somebody started. */
  played: Set<number>;
  /** How often a job was started again by its `retry:`. */
  retries: Map<string, number>;
  /** The trigger job this pipeline belongs to, and how many parents are above it. */
  parent: { live: Live; job: JobRecord } | null;
  depth: number;
}

/** The present time as GitLab prints it. */
export function now(): string {
  return new Date().toISOString();
}

export function newPipelineRecord(id: number, spec: PipelineSpec): PipelineRecord {
  return {
    id,
    spec,
    status: 'created',
    createdAt: now(),
    startedAt: null,
    finishedAt: null,
    jobs: [],
    retried: [],
  };
}

/** What has happened in a new pipeline so far: nothing. */
export function fresh(): Pick<Live, 'retries' | 'played'> {
  return { retries: new Map(), played: new Set() };
}

export function newJobRecord(
  live: Live,
  config: JobConfig,
  host: CiHost,
  workDir: string,
): JobRecord {
  const id = host.nextJobId();
  const job: JobRecord = {
    id,
    pipelineId: live.record.id,
    name: config.name,
    stage: config.stage,
    status: 'created',
    allowFailure: config.allowFailure === true,
    bridge: config.trigger !== undefined,
    downstreamPipelineId: null,
    tags: config.tags,
    when: config.when,
    createdAt: now(),
    startedAt: null,
    finishedAt: null,
    failureReason: null,
    coverage: null,
    environment: null,
    startedBy: null,
    tracePath: path.join(workDir, 'traces', `${id}.log`),
    artifactsDir: null,
  };
  return { ...job, environment: environmentOf(live, job, host) };
}

export function configOf(live: Live, job: JobRecord): JobConfig {
  const config = live.jobs.get(job.name);
  if (config === undefined) throw new Error(`no configuration for job ${job.name} (${job.id})`);
  return config;
}

/** What may happen to a job now; a manual one that somebody started goes on like any other. */
export function decisionOf(live: Live, job: JobRecord): Decision {
  const entry = (record: JobRecord): Scheduled => {
    const config = configOf(live, record);
    const when = live.played.has(record.id) ? 'on_success' : config.when;
    return { record, config: { ...config, when } };
  };
  return decideJob(entry(job), live.record.jobs.map(entry), live.config.stages);
}

/** The newest job of its name with this id. */
export function findJob(all: Iterable<Live>, jobId: number): { live: Live; job: JobRecord } | null {
  for (const live of all) {
    const job = live.record.jobs.find(({ id }) => id === jobId);
    if (job !== undefined) return { live, job };
  }
  return null;
}

/** Folders with the artifacts a job starts with, in the order the jobs stand in the pipeline. */
function inheritedArtifacts(live: Live, job: JobRecord): string[] {
  const { needs, dependencies } = configOf(live, job);
  const { stages } = live.config;
  const wanted = (other: JobRecord): boolean => {
    if (dependencies !== undefined) return dependencies.includes(other.name);
    if (needs !== null) return needs.some((need) => need.artifacts && need.job === other.name);
    return stages.indexOf(other.stage) < stages.indexOf(job.stage);
  };
  return live.record.jobs
    .filter((other) => other !== job && isFinished(other.status) && wanted(other))
    .flatMap((other) => (other.artifactsDir === null ? [] : [other.artifactsDir]));
}

/** A job's variables before it has a workspace: enough to read GIT_STRATEGY or a resource group. */
export function staticVariables(live: Live, job: JobRecord, host: CiHost): Variables {
  const { spec } = live.record;
  return jobEnvironment(
    pipelineVariables(spec, host.serverUrl, live.commit),
    yamlVariables(live.config, configOf(live, job)),
    host.projectVariables(spec.project.id),
    spec.variables,
  );
}

/** Where a job deploys to; null for jobs that only prepare, stop or look at an environment. */
function environmentOf(live: Live, job: JobRecord, host: CiHost): JobRecord['environment'] {
  const { environment } = configOf(live, job);
  if (environment === undefined || environment.action !== 'start') return null;
  const variables = staticVariables(live, job, host);
  const { name, url } = environment;
  return {
    name: expand(name, variables, {}),
    url: url === undefined ? null : expand(url, variables, {}),
  };
}

/** Everything a running job finds in its environment, id tokens included. */
async function runningVariables(
  live: Live,
  job: JobRecord,
  host: CiHost,
  workspace: Workspace,
): Promise<Variables> {
  const { spec } = live.record;
  const predefined = {
    ...pipelineVariables(spec, host.serverUrl, live.commit),
    ...jobVariables(live.record, job, {
      serverUrl: host.serverUrl,
      pipelineIid: live.iid,
      buildsDir: workspace.buildsDir,
      projectDir: workspace.projectDir,
      token: host.jobToken(live.record, job),
    }),
  };
  const config = configOf(live, job);
  const env = jobEnvironment(
    predefined,
    yamlVariables(live.config, config),
    host.projectVariables(spec.project.id),
    spec.variables,
  );
  for (const [name, { aud }] of Object.entries(config.id_tokens)) {
    const audience = expand(aud[0] ?? '', env, predefined);
    env[name] = await host.idToken(live.record, job, audience);
  }
  return env;
}

/** What the runner clones for a job. */
function repositoryOf(
  live: Live,
  job: JobRecord,
  host: CiHost,
): { gitDir: string; sha: string; ref: string; originUrl: string } {
  const { project, sha, ref } = live.record.spec;
  const originUrl = repositoryUrl(host.serverUrl, project.path, host.jobToken(live.record, job));
  return { gitDir: project.gitDir, sha, ref, originUrl };
}

/** Everything a runner needs to run a job. */
export function orderOf(
  live: Live,
  job: JobRecord,
  host: CiHost,
  options: CiEngineOptions,
): JobOrder {
  return {
    jobId: job.id,
    config: configOf(live, job),
    projectPath: live.record.spec.project.path,
    repository: repositoryOf(live, job, host),
    environment: async (workspace) => ({
      ...options.env,
      ...(await runningVariables(live, job, host, workspace)),
    }),
    gitStrategy: staticVariables(live, job, host)['GIT_STRATEGY'],
    inherited: inheritedArtifacts(live, job),
    imagePath: options.imagePath,
    workDir: options.workDir,
    tracePath: job.tracePath,
  };
}

/** Jobs that wait for a runner, the oldest first. */
export function waitingJobs(all: Iterable<Live>): { live: Live; job: JobRecord }[] {
  return [...all]
    .flatMap((live) => live.record.jobs.map((job) => ({ live, job })))
    .filter(({ job }) => job.status === 'pending' && !job.bridge)
    .toSorted((a, b) => a.job.id - b.job.id);
}
