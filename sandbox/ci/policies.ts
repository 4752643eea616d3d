/** Purpose: small questions the engine asks about a job or pipeline. Pure. */
import type { CiEngineOptions, JobRecord, PipelineRecord } from './contract.ts';
import type { JobConfig } from './config.ts';
import { isFinished } from './schedule.ts';

/** The most runs `retry:` may ask for (doc/ci/yaml `retry`). */
const MAX_RETRIES = 2;

/** True when some runner has every tag of the job; without tags it must take untagged jobs. */
export function hasRunner(runners: CiEngineOptions['runners'], job: JobRecord): boolean {
  return runners.some(
    (runner) =>
      (job.tags.length > 0 || runner.runUntagged) &&
      job.tags.every((tag) => runner.tags.includes(tag)),
  );
}

/** True when a job that failed in this way is to run again by itself (doc/ci/yaml `retry`). */
export function mayRetry(
  config: JobConfig,
  used: number,
  end: { exitCode: number | null; failureReason: string | null },
): boolean {
  const { max, when, exit_codes: codes } = config.retry;
  if (used >= Math.min(max, MAX_RETRIES)) return false;
  if (codes.length > 0) return codes.includes(end.exitCode ?? -1);
  return when.includes('always') || when.includes(end.failureReason ?? 'unknown_failure');
}

/** True when a forgiven exit code makes a failed job one that does not stop the pipeline. */
export function forgives(config: JobConfig, exitCode: number | null): boolean {
  return Array.isArray(config.allowFailure) && config.allowFailure.includes(exitCode ?? -1);
}

/**
 * True when `newer` makes `older` redundant: another commit on the same ref, and no job that is
 * not `interruptible` has started (doc/ci/yaml `workflow:auto_cancel`, conservative, the default).
 */
export function isRedundant(
  older: { record: PipelineRecord; jobs: Map<string, JobConfig> },
  newer: PipelineRecord,
): boolean {
  const { record, jobs } = older;
  const sameRef =
    record.spec.project.id === newer.spec.project.id &&
    record.spec.ref === newer.spec.ref &&
    record.spec.mergeRequest?.iid === newer.spec.mergeRequest?.iid;
  if (!sameRef || record.id >= newer.id || record.spec.sha === newer.spec.sha) return false;
  if (isFinished(record.status) || record.spec.parent !== undefined) return false;
  return !record.jobs.some(
    (job) => job.startedAt !== null && jobs.get(job.name)?.interruptible !== true,
  );
}
