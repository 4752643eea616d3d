/**
 * Purpose: what may happen next in a pipeline. Pure; follows GitLab's composite status
 * (lib/gitlab/ci/status/composite.rb) and atomic processing of jobs.
 */
import type { CiStatus, JobRecord } from './contract.ts';
import type { JobConfig } from './config.ts';

export type Decision = 'wait' | 'run' | 'skip' | 'manual';

export interface Scheduled {
  config: JobConfig;
  record: Pick<JobRecord, 'status' | 'allowFailure'>;
}

/** True for a status that a job keeps until somebody acts. */
export function isFinished(status: CiStatus): boolean {
  return ['success', 'failed', 'canceled', 'skipped'].includes(status);
}

/** A manual job that nobody started is nothing to cancel. */
export function mayBeCanceled(status: CiStatus): boolean {
  return !isFinished(status) && status !== 'manual';
}

/**
 * Decides about one job in status `created`: it waits for its `needs`, or for every job of the
 * earlier stages, and then runs or not according to its `when`.
 */
export function decideJob(job: Scheduled, all: Scheduled[], stages: string[]): Decision {
  const { needs } = job.config;
  const before = all.filter((other) =>
    needs === null
      ? stages.indexOf(other.config.stage) < stages.indexOf(job.config.stage)
      : needs.some((need) => need.pipeline === undefined && need.job === other.config.name),
  );
  const open = before.filter(({ record }) => {
    const optionalManual = record.status === 'manual' && record.allowFailure && needs === null;
    return !isFinished(record.status) && !optionalManual;
  });
  if (open.length > 0) return 'wait';

  const unforgiven = before.filter(({ record }) => !record.allowFailure);
  const failed = unforgiven.some(({ record }) => record.status === 'failed');
  const canceled = unforgiven.some(({ record }) => record.status === 'canceled');
  const missing = needs !== null && before.some(({ record }) => record.status === 'skipped');
  switch (job.config.when) {
    case 'always':
      return 'run';
    case 'on_failure':
      return failed ? 'run' : 'skip';
    case 'manual':
      return failed || canceled || missing ? 'skip' : 'manual';
    case 'on_success':
    case 'delayed':
      return failed || canceled || missing ? 'skip' : 'run';
    default:
      return job.config.when satisfies never;
  }
}

/** The status of a pipeline from those of its jobs. */
export function pipelineStatus(jobs: Pick<JobRecord, 'status' | 'allowFailure'>[]): CiStatus {
  const kinds = new Set<CiStatus | 'ignored'>(
    jobs.map(({ status, allowFailure }) =>
      allowFailure && ['failed', 'canceled', 'manual'].includes(status) ? 'ignored' : status,
    ),
  );
  const only = (...allowed: (CiStatus | 'ignored')[]): boolean =>
    [...kinds].every((kind) => allowed.includes(kind));
  if (only('skipped')) return 'skipped';
  if (only('success', 'skipped', 'ignored')) return 'success';
  if (only('created', 'ignored')) return 'created';
  if (only('canceled', 'success', 'skipped', 'ignored')) return 'canceled';
  if (only('pending', 'created', 'skipped', 'ignored')) return 'pending';
  if (kinds.has('running') || kinds.has('pending')) return 'running';
  if (kinds.has('manual')) return 'manual';
  if (kinds.has('created')) return 'running';
  return 'failed';
}
