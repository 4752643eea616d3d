/** GitLab's predefined variables and the order in which kinds of variables override each other. */
import path from 'node:path';
import type { JobRecord, PipelineRecord, PipelineSpec } from './contract.ts';
import type { JobConfig, PipelineConfig } from './config.ts';
import { strings } from './config.ts';

export type Variables = Record<string, string>;

export interface Commit {
  message: string;
  timestamp: string;
  author: string;
  /** Merge base with the target branch of a merge request, else the zero id. */
  base: string;
}

/** Lower-case, at most 63 characters of a-z, 0-9 and `-` (doc/ci/variables CI_COMMIT_REF_SLUG). */
function slug(text: string): string {
  return text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, 63)
    .replaceAll(/^-+|-+$/g, '');
}

function serverVariables(serverUrl: string): Variables {
  const url = new URL(serverUrl);
  const protocol = url.protocol.replace(':', '');
  return {
    CI: 'true',
    GITLAB_CI: 'true',
    CI_SERVER: 'yes',
    CI_SERVER_NAME: 'GitLab',
    CI_SERVER_URL: serverUrl,
    CI_SERVER_HOST: url.hostname,
    CI_SERVER_FQDN: url.host,
    CI_SERVER_PORT: url.port === '' ? (protocol === 'https' ? '443' : '80') : url.port,
    CI_SERVER_PROTOCOL: protocol,
    CI_API_V4_URL: `${serverUrl}/api/v4`,
  };
}

function mergeRequestVariables(spec: PipelineSpec, serverUrl: string, commit: Commit): Variables {
  const mr = spec.mergeRequest;
  if (mr === undefined) return { CI_COMMIT_BRANCH: spec.ref };
  return {
    CI_MERGE_REQUEST_ID: String(mr.id),
    CI_MERGE_REQUEST_IID: String(mr.iid),
    CI_MERGE_REQUEST_REF_PATH: `refs/merge-requests/${mr.iid}/head`,
    CI_MERGE_REQUEST_SOURCE_BRANCH_NAME: mr.sourceBranch,
    CI_MERGE_REQUEST_TARGET_BRANCH_NAME: mr.targetBranch,
    CI_MERGE_REQUEST_PROJECT_ID: String(spec.project.id),
    CI_MERGE_REQUEST_PROJECT_PATH: spec.project.path,
    CI_MERGE_REQUEST_PROJECT_URL: `${serverUrl}/${spec.project.path}`,
    CI_MERGE_REQUEST_SOURCE_PROJECT_ID: String(spec.project.id),
    CI_MERGE_REQUEST_SOURCE_PROJECT_PATH: spec.project.path,
    CI_MERGE_REQUEST_EVENT_TYPE: 'detached',
    CI_MERGE_REQUEST_DIFF_BASE_SHA: commit.base,
  };
}

/**
 * The predefined variables that exist when a pipeline is created, so also those that `rules:` and
 * `include:` may read (doc/ci/variables/predefined_variables "pre-pipeline" and "pipeline").
 */
export function pipelineVariables(
  spec: PipelineSpec,
  serverUrl: string,
  commit: Commit,
): Variables {
  const { project, user } = spec;
  const [title = '', ...rest] = commit.message.split('\n');
  const namespace = path.posix.dirname(project.path);
  return {
    ...serverVariables(serverUrl),
    CI_PROJECT_ID: String(project.id),
    CI_PROJECT_NAME: path.posix.basename(project.path),
    CI_PROJECT_TITLE: path.posix.basename(project.path),
    CI_PROJECT_PATH: project.path,
    CI_PROJECT_PATH_SLUG: slug(project.path),
    CI_PROJECT_NAMESPACE: namespace,
    CI_PROJECT_ROOT_NAMESPACE: namespace.split('/')[0] ?? namespace,
    CI_PROJECT_URL: `${serverUrl}/${project.path}`,
    CI_DEFAULT_BRANCH: project.defaultBranch,
    CI_CONFIG_PATH: '.gitlab-ci.yml',
    CI_PIPELINE_SOURCE: spec.source,
    CI_COMMIT_SHA: spec.sha,
    CI_COMMIT_SHORT_SHA: spec.sha.slice(0, 8),
    CI_COMMIT_REF_NAME: spec.ref,
    CI_COMMIT_REF_SLUG: slug(spec.ref),
    CI_COMMIT_REF_PROTECTED: String(spec.ref === project.defaultBranch),
    CI_COMMIT_MESSAGE: commit.message,
    CI_COMMIT_TITLE: title,
    CI_COMMIT_DESCRIPTION: rest.join('\n').trim(),
    CI_COMMIT_TIMESTAMP: commit.timestamp,
    CI_COMMIT_AUTHOR: commit.author,
    GITLAB_USER_ID: String(user.id),
    GITLAB_USER_LOGIN: user.username,
    GITLAB_USER_NAME: user.name,
    GITLAB_USER_EMAIL: `${user.username}@users.noreply.${new URL(serverUrl).hostname}`,
    ...mergeRequestVariables(spec, serverUrl, commit),
  };
}

/** The predefined variables that only a started job has. */
export function jobVariables(
  pipeline: PipelineRecord,
  job: JobRecord,
  at: {
    serverUrl: string;
    pipelineIid: number;
    buildsDir: string;
    projectDir: string;
    token: string;
  },
): Variables {
  const projectUrl = `${at.serverUrl}/${pipeline.spec.project.path}`;
  return {
    CI_PIPELINE_ID: String(pipeline.id),
    CI_PIPELINE_IID: String(at.pipelineIid),
    CI_PIPELINE_URL: `${projectUrl}/-/pipelines/${pipeline.id}`,
    CI_PIPELINE_CREATED_AT: pipeline.createdAt,
    CI_JOB_ID: String(job.id),
    CI_JOB_NAME: job.name,
    CI_JOB_NAME_SLUG: slug(job.name),
    CI_JOB_STAGE: job.stage,
    CI_JOB_URL: `${projectUrl}/-/jobs/${job.id}`,
    CI_JOB_STARTED_AT: job.startedAt ?? '',
    CI_JOB_TOKEN: at.token,
    CI_REPOSITORY_URL: repositoryUrl(at.serverUrl, pipeline.spec.project.path, at.token),
    CI_REGISTRY_USER: 'gitlab-ci-token',
    CI_NODE_TOTAL: '1',
    CI_RUNNER_DESCRIPTION: 'sandbox',
    CI_RUNNER_TAGS: JSON.stringify(job.tags),
    CI_BUILDS_DIR: at.buildsDir,
    CI_PROJECT_DIR: at.projectDir,
    ...(job.environment === null
      ? {}
      : {
          CI_ENVIRONMENT_NAME: job.environment.name,
          CI_ENVIRONMENT_SLUG: slug(job.environment.name).slice(0, 24),
          CI_ENVIRONMENT_URL: job.environment.url ?? '',
          CI_ENVIRONMENT_ACTION: 'start',
        }),
  };
}

/** The URL a runner clones from and leaves behind as `origin`. */
export function repositoryUrl(serverUrl: string, projectPath: string, token: string): string {
  const url = new URL(serverUrl);
  return `${url.protocol}//gitlab-ci-token:${token}@${url.host}/${projectPath}.git`;
}

/** The YAML variables a job sees: `inherit: variables` false drops the top level, a list picks. */
export function yamlVariables(config: PipelineConfig, job: JobConfig): Variables {
  const inherit = job.inherit.variables;
  const inherited = Object.entries(config.variables).filter(([key]) =>
    Array.isArray(inherit) ? inherit.includes(key) : inherit,
  );
  return { ...Object.fromEntries(inherited), ...strings(job.variables) };
}

/**
 * Replaces `$NAME` and `${NAME}` in `text`, following references in `written` values; `facts` are
 * put in as they are, an unknown name and a circle give an empty string, `$$` a single dollar.
 */
export function expand(
  text: string,
  written: Variables,
  facts: Variables,
  seen: readonly string[] = [],
): string {
  return text.replaceAll(
    /\$\$|\$\{([A-Za-z_]\w*)\}|\$([A-Za-z_]\w*)/g,
    (match, braced?: string, bare?: string) => {
      if (match === '$$') return '$';
      const name = braced ?? bare ?? '';
      const value = written[name];
      if (value === undefined) return facts[name] ?? '';
      return seen.includes(name) ? '' : expand(value, written, facts, [...seen, name]);
    },
  );
}

/**
 * The environment of a job, weakest first (doc/ci/variables "CI/CD variable precedence"):
 * predefined, YAML, project, pipeline. Predefined values are facts and never expanded.
 */
export function jobEnvironment(
  predefined: Variables,
  yaml: Variables,
  project: Variables,
  pipeline: Variables,
): Variables {
  const written = { ...yaml, ...project, ...pipeline };
  const expanded = Object.entries(written).map(([key, value]) => [
    key,
    expand(value, written, predefined, [key]),
  ]);
  return { ...predefined, ...Object.fromEntries(expanded) };
}
