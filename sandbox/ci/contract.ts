/** The line between the sandbox GitLab (API, state, webhooks) and the sandbox CI (what runs jobs). */

export type CiStatus =
  'created' | 'pending' | 'running' | 'success' | 'failed' | 'canceled' | 'skipped' | 'manual';

export interface CiUser {
  id: number;
  username: string;
  name: string;
}

export interface PipelineSpec {
  project: {
    id: number;
    path: string;
    defaultBranch: string;
    /** Bare repository. */ gitDir: string;
  };
  /** Branch name; for merge request pipelines the source branch. */
  ref: string;
  sha: string;
  /** CI_PIPELINE_SOURCE: api, push, merge_request_event, parent_pipeline, … */
  source: string;
  user: CiUser;
  /** Pipeline variables; refused by the API layer where the project forbids them. */
  variables: Record<string, string>;
  inputs: Record<string, string>;
  /** Configuration text of a child pipeline; absent: `.gitlab-ci.yml` at `sha`. */
  yaml?: string;
  parent?: { pipelineId: number; jobId: number };
  mergeRequest?: { id: number; iid: number; sourceBranch: string; targetBranch: string };
}

export interface JobRecord {
  id: number;
  pipelineId: number;
  name: string;
  stage: string;
  status: CiStatus;
  allowFailure: boolean;
  /** A trigger job (bridge): no log, no runner, not in job hooks. */
  bridge: boolean;
  downstreamPipelineId: number | null;
  tags: string[];
  when: string;
  createdAt: string;
  startedAt: string | null;
  finishedAt: string | null;
  failureReason: string | null;
  coverage: number | null;
  /** What it deploys to, variables already put in. */
  environment: { name: string; url: string | null } | null;
  /** Who pressed play or retry; null: nobody but whoever started the pipeline. */
  startedBy: CiUser | null;
  /** File with the log so far. */
  tracePath: string;
  /** Folder with the uploaded artifacts, when there are any. */
  artifactsDir: string | null;
}

export interface PipelineRecord {
  id: number;
  spec: PipelineSpec;
  status: CiStatus;
  createdAt: string;
  startedAt: string | null;
  finishedAt: string | null;
  jobs: JobRecord[];
  /** Jobs that another one of the same name has taken the place of. */
  retried: JobRecord[];
}

/** What the sandbox GitLab gives the CI engine. */
export interface CiHost {
  /** Base URL of the sandbox GitLab, no trailing slash. */
  readonly serverUrl: string;
  nextPipelineId(): number;
  nextJobId(): number;
  /** A signed id token for one job (gitlab-facts §4.2). */
  idToken(pipeline: PipelineRecord, job: JobRecord, aud: string): Promise<string>;
  /** CI_JOB_TOKEN of a job: readable repository, no write rights. */
  jobToken(pipeline: PipelineRecord, job: JobRecord): string;
  /** Variables set on the project (Settings > CI/CD). */
  projectVariables(projectId: number): Record<string, string>;
  /** Called on every status change, after the records were updated; fires the hooks. */
  changed(pipeline: PipelineRecord, job?: JobRecord): void;
}

export interface CiEngineOptions {
  /** Folder for clones, logs and artifacts. */
  workDir: string;
  /** Folder where resolved configurations are kept for other engines; absent: each resolves its own. */
  configDir?: string;
  /** Folders put first on PATH of every job: what an image would bring (e.g. `autodev-job`). */
  imagePath: string[];
  /** Runners; a job runs on one whose tags include all of its tags. No match: stays pending. */
  runners: { tags: string[]; runUntagged: boolean }[];
  /** How many jobs run at once. */
  concurrency: number;
  /** Extra environment of every job, e.g. proxies or canaries planted by a test. */
  env?: Record<string, string>;
}

export type CreateResult =
  | { ok: true; pipeline: PipelineRecord }
  /** The messages GitLab would answer with 400 (`base`), e.g. no jobs, YAML errors. */
  | { ok: false; errors: string[] };

export interface CiEngine {
  create(spec: PipelineSpec): Promise<CreateResult>;
  get(pipelineId: number): PipelineRecord | undefined;
  list(projectId: number): PipelineRecord[];
  /** Cancels running and waiting jobs, and child pipelines; kills their process groups. */
  cancel(pipelineId: number): Promise<void>;
  /** Runs failed and cancelled jobs again under new job ids. */
  retry(pipelineId: number): Promise<void>;
  /** Starts a manual job; false when it is none or somebody started it already. */
  play(jobId: number, user: CiUser): boolean;
  /** Runs a job that is over again, as a new job in its place; null where that cannot be. */
  retryJob(jobId: number, user: CiUser): JobRecord | null;
  /** Resolved configuration with every include in place, or the errors. */
  lint(
    project: PipelineSpec['project'],
    sha: string,
  ): Promise<{ valid: boolean; errors: string[]; mergedYaml: string }>;
  /** Kills everything and waits for it. */
  close(): Promise<void>;
}
