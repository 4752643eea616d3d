/** The sandbox's CI: creates pipelines, runs their jobs, and tells the host what changed. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { startChild } from './bridge.ts';
import { ConfigCache } from './config-cache.ts';
import type {
  CiEngine,
  CiEngineOptions,
  CiHost,
  CiUser,
  CreateResult,
  JobRecord,
  PipelineRecord,
  PipelineSpec,
} from './contract.ts';
import {
  configOf,
  decisionOf,
  findJob,
  fresh,
  newJobRecord,
  newPipelineRecord,
  now,
  orderOf,
  staticVariables,
  waitingJobs,
} from './live.ts';
import type { Live } from './live.ts';
import { forgives, hasRunner, isRedundant, mayRetry } from './policies.ts';
import { ResourceGroups } from './resource-groups.ts';
import { runJob } from './runner.ts';
import type { JobEnd, RunningJob } from './runner.ts';
import { isFinished, mayBeCanceled, pipelineStatus } from './schedule.ts';
import { expand } from './variables.ts';

/**
 * Makes a CI engine that resolves configuration with gitlab-ci-local and runs jobs with bash.
 * The host is told of every change of status; everything on disk is below `options.workDir`.
 */
export function createCiEngine(host: CiHost, options: CiEngineOptions): CiEngine {
  return new Engine(host, options);
}

class Engine implements CiEngine {
  readonly #host: CiHost;
  readonly #options: CiEngineOptions;
  readonly #configs: ConfigCache;
  readonly #live = new Map<number, Live>();
  readonly #running = new Map<number, RunningJob>();
  readonly #resources = new ResourceGroups();
  readonly #iids = new Map<number, number>();
  #closed = false;

  constructor(host: CiHost, options: CiEngineOptions) {
    this.#host = host;
    this.#options = options;
    mkdirSync(path.join(options.workDir, 'traces'), { recursive: true });
    const { workDir, configDir: keepDir } = options;
    this.#configs = new ConfigCache({ workDir, serverUrl: host.serverUrl, keepDir });
  }

  get(pipelineId: number): PipelineRecord | undefined {
    return this.#live.get(pipelineId)?.record;
  }

  list(projectId: number): PipelineRecord[] {
    return [...this.#live.values()]
      .map((live) => live.record)
      .filter((record) => record.spec.project.id === projectId);
  }

  create(spec: PipelineSpec): Promise<CreateResult> {
    return this.#create(spec, null);
  }

  async #create(spec: PipelineSpec, parent: Live['parent']): Promise<CreateResult> {
    const projectVariables = this.#host.projectVariables(spec.project.id);
    const loaded = await this.#configs.load(spec, projectVariables);
    if (!loaded.ok) return { ok: false, errors: loaded.errors };
    if (this.#closed) return { ok: false, errors: ['The sandbox is shutting down.'] };
    const { config, commit } = loaded;
    const { workDir } = this.#options;
    const record = newPipelineRecord(this.#host.nextPipelineId(), spec);
    const jobs = new Map(config.jobs.map((job) => [job.name, job]));
    const iid = (this.#iids.get(spec.project.id) ?? 0) + 1;
    this.#iids.set(spec.project.id, iid);
    const depth = parent === null ? 0 : parent.live.depth + 1;
    const live = { record, config, commit, iid, jobs, ...fresh(), parent, depth };
    const inOrder = config.jobs.toSorted(
      (a, b) => config.stages.indexOf(a.stage) - config.stages.indexOf(b.stage),
    );
    for (const job of inOrder) record.jobs.push(newJobRecord(live, job, this.#host, workDir));
    this.#live.set(record.id, live);
    this.#tell(live);
    void this.#cancelRedundant(live);
    // GitLab answers with status created; processing comes after.
    setImmediate(() => this.#advance(live));
    return { ok: true, pipeline: record };
  }

  async cancel(pipelineId: number): Promise<void> {
    const live = this.#live.get(pipelineId);
    if (live === undefined) return;
    const open = live.record.jobs.filter((job) => mayBeCanceled(job.status));
    for (const job of open) this.#update(live, job, { status: 'canceled', finishedAt: now() });
    await Promise.all(
      open.map(async (job) => {
        if (job.downstreamPipelineId !== null) await this.cancel(job.downstreamPipelineId);
        await this.#running.get(job.id)?.cancel();
      }),
    );
    this.#advanceAll(live);
  }

  async retry(pipelineId: number): Promise<void> {
    const live = this.#live.get(pipelineId);
    if (live === undefined) return;
    for (const job of live.record.jobs) {
      if (job.status === 'failed' || job.status === 'canceled') this.#replace(live, job);
      else if (job.status === 'skipped') this.#update(live, job, { status: 'created' });
    }
    live.record.finishedAt = null;
    this.#advance(live);
  }

  play(jobId: number, user: CiUser): boolean {
    const found = findJob(this.#live.values(), jobId);
    if (found?.job.status !== 'manual') return false;
    const { live, job } = found;
    live.played.add(jobId);
    live.record.finishedAt = null;
    this.#update(live, job, { status: 'created', startedBy: user });
    this.#advance(live);
    return true;
  }

  retryJob(jobId: number, user: CiUser): JobRecord | null {
    const found = findJob(this.#live.values(), jobId);
    if (found === null || !isFinished(found.job.status)) return null;
    const { live, job } = found;
    live.record.finishedAt = null;
    const again = this.#replace(live, job, { start: true, startedBy: user });
    this.#advance(live);
    return again;
  }

  lint(project: PipelineSpec['project'], sha: string): ReturnType<CiEngine['lint']> {
    return this.#configs.lint(project, sha, this.#host.projectVariables(project.id));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#live.keys()].map((id) => this.cancel(id)));
    await Promise.all([...this.#running.values()].map((job) => job.cancel()));
  }

  #tell(live: Live, job?: JobRecord): void {
    if (!this.#closed) this.#host.changed(live.record, job);
  }

  /** Changes a job, works the pipeline's status out again, and tells the host of both. */
  #update(live: Live, job: JobRecord, change: Partial<JobRecord>): void {
    Object.assign(job, change);
    if (isFinished(job.status)) this.#resources.release(job.id);
    const { record } = live;
    const before = record.status;
    record.status = pipelineStatus(record.jobs);
    if (record.status === 'running') record.startedAt ??= now();
    if (isFinished(record.status)) record.finishedAt = now();
    this.#tell(live, job);
    if (record.status === before) return;
    this.#tell(live);
    if (isFinished(record.status)) this.#mirror(live);
  }

  /** Passes a finished child's status on to the trigger job that waits for it. */
  #mirror(child: Live): void {
    const { parent } = child;
    if (parent === null || parent.job.status !== 'running') return;
    const { status } = child.record;
    this.#update(parent.live, parent.job, {
      status: status === 'success' || status === 'canceled' ? status : 'failed',
      failureReason: status === 'success' ? null : 'downstream_pipeline_failed',
      finishedAt: now(),
    });
    this.#advance(parent.live);
  }

  /** Moves every job on that may move, until nothing changes; then gives waiting jobs a runner. */
  #advance(live: Live): void {
    if (this.#closed) return;
    let moved = true;
    while (moved) {
      moved = false;
      for (const job of live.record.jobs.filter(({ status }) => status === 'created')) {
        const decision = decisionOf(live, job);
        if (decision === 'wait') continue;
        if (decision === 'run' && !this.#takeResource(live, job)) continue;
        moved = true;
        if (decision === 'skip') this.#update(live, job, { status: 'skipped' });
        else if (decision === 'manual') this.#update(live, job, { status: 'manual' });
        else {
          this.#update(live, job, { status: 'pending' });
          if (job.bridge) void this.#trigger(live, job);
        }
      }
    }
    this.#dispatch();
  }

  /** `resource_group`: one job of a project at a time; false while another job holds it. */
  #takeResource(live: Live, job: JobRecord): boolean {
    const { resource_group: group } = configOf(live, job);
    if (group === undefined) return true;
    const name = expand(group, staticVariables(live, job, this.#host), {});
    return this.#resources.take(live.record.spec.project.id, name, job.id);
  }

  #dispatch(): void {
    for (const { live, job } of waitingJobs(this.#live.values())) {
      if (this.#running.size >= this.#options.concurrency) return;
      if (hasRunner(this.#options.runners, job)) this.#start(live, job);
    }
  }

  #start(live: Live, job: JobRecord): void {
    this.#update(live, job, { status: 'running', startedAt: now() });
    const run = runJob(orderOf(live, job, this.#host, this.#options));
    this.#running.set(job.id, run);
    void run.end.then((end) => {
      this.#running.delete(job.id);
      if (job.status === 'running') this.#finish(live, job, end);
      else this.#dispatch();
    });
  }

  #finish(live: Live, job: JobRecord, end: JobEnd): void {
    const config = configOf(live, job);
    const { exitCode, ...rest } = end;
    if (end.status === 'failed' && forgives(config, exitCode)) job.allowFailure = true;
    this.#update(live, job, { ...rest, finishedAt: now() });
    const used = live.retries.get(job.name) ?? 0;
    if (end.status === 'failed' && mayRetry(config, used, end)) {
      live.retries.set(job.name, used + 1);
      this.#replace(live, job, { start: live.played.has(job.id), startedBy: job.startedBy });
    }
    this.#advanceAll(live);
  }

  /** Moves a pipeline on, then those that may have waited for a resource group it freed. */
  #advanceAll(first: Live): void {
    const others = [...this.#live.values()].filter((live) => !isFinished(live.record.status));
    for (const live of new Set([first, ...others])) this.#advance(live);
  }

  /** Puts a new job in the place of one that is run again; `start` goes for manual ones, too. */
  #replace(
    live: Live,
    old: JobRecord,
    how: { start: boolean; startedBy: CiUser | null } = { start: false, startedBy: null },
  ): JobRecord {
    const job = newJobRecord(live, configOf(live, old), this.#host, this.#options.workDir);
    live.record.jobs[live.record.jobs.indexOf(old)] = job;
    live.record.retried.push(old);
    if (how.start) live.played.add(job.id);
    this.#update(live, job, { startedBy: how.startedBy });
    return job;
  }

  async #trigger(live: Live, job: JobRecord): Promise<void> {
    const child = await startChild(live, job, staticVariables(live, job, this.#host), (spec) =>
      this.#create(spec, { live, job }),
    );
    if (job.status !== 'pending') {
      if (child.ok) await this.cancel(child.pipeline.id);
      return;
    }
    if (!child.ok) {
      writeFileSync(job.tracePath, `${child.errors.join('\n')}\n`);
      const { reason: failureReason } = child;
      this.#update(live, job, { status: 'failed', failureReason, finishedAt: now() });
    } else {
      const waits = configOf(live, job).trigger?.strategy !== undefined;
      this.#update(live, job, {
        downstreamPipelineId: child.pipeline.id,
        startedAt: now(),
        ...(waits ? { status: 'running' } : { status: 'success', finishedAt: now() }),
      });
    }
    this.#advance(live);
  }

  async #cancelRedundant(live: Live): Promise<void> {
    if (live.parent !== null) return;
    for (const older of this.#live.values()) {
      if (isRedundant(older, live.record)) await this.cancel(older.record.id);
    }
  }
}
