/** One pipeline while the engine knows it: its record, its configuration and the small helpers. */
import path from 'node:path';
import type { CiHost, JobRecord, PipelineRecord, PipelineSpec } from './contract.ts';
import type { JobConfig, PipelineConfig } from './config.ts';
import { isFinished } from './schedule.ts';
import type { Scheduled } from './schedule.ts';
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
  };
}

export function newJobRecord(
  id: number,
  pipelineId: number,
  config: JobConfig,
  workDir: string,
): JobRecord {
  return {
    id,
    pipelineId,
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
    tracePath: path.join(workDir, 'traces', `${id}.log`),
    artifactsDir: null,
  };
}

export function configOf(live: Live, job: JobRecord): JobConfig {
  const config = live.jobs.get(job.name);
  if (config === undefined) throw new Error(`no configuration for job ${job.name} (${job.id})`);
  return config;
}

export function scheduled(live: Live): Scheduled[] {
  return live.record.jobs.map((record) => ({ record, config: configOf(live, record) }));
}

/** Folders with the artifacts a job starts with, in the order the jobs stand in the pipeline. */
export function inheritedArtifacts(live: Live, job: JobRecord): string[] {
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

/** Everything a running job finds in its environment, id tokens included. */
export async function runningVariables(
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
export function repositoryOf(
  live: Live,
  job: JobRecord,
  host: CiHost,
): { gitDir: string; sha: string; ref: string; originUrl: string } {
  const { project, sha, ref } = live.record.spec;
  const originUrl = repositoryUrl(host.serverUrl, project.path, host.jobToken(live.record, job));
  return { gitDir: project.gitDir, sha, ref, originUrl };
}
