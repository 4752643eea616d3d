/**
 * A git repository, a tiny host and a CI engine in a temporary folder, for tests of the sandbox CI.
 */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type {
  CiEngine,
  CiEngineOptions,
  CiHost,
  JobRecord,
  PipelineRecord,
  PipelineSpec,
} from '../../sandbox/ci/contract.ts';
import { createCiEngine } from '../../sandbox/ci/engine.ts';

export type Files = Record<string, string | { content: string; executable?: boolean }>;

const GIT_ENV = {
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_AUTHOR_NAME: 'Sam',
  GIT_AUTHOR_EMAIL: 'sam@example.test',
  GIT_COMMITTER_NAME: 'Sam',
  GIT_COMMITTER_EMAIL: 'sam@example.test',
};

export function git(cwd: string, ...args: string[]): string {
  const env = { PATH: process.env['PATH'] ?? '', HOME: cwd, ...GIT_ENV };
  return execFileSync('git', args, { cwd, env, encoding: 'utf8' }).trim();
}

export function writeFiles(folder: string, files: Files): void {
  for (const [name, value] of Object.entries(files)) {
    const file = path.join(folder, name);
    const { content, executable = false } = typeof value === 'string' ? { content: value } : value;
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, content);
    if (executable) chmodSync(file, 0o755);
  }
}

/**
 * A bare repository `<root>/<name>.git` with one commit on main; returns where it is and its id.
 */
export function bareRepository(
  root: string,
  name: string,
  files: Files,
): { gitDir: string; sha: string } {
  const work = mkdtempSync(path.join(root, 'work-'));
  const gitDir = path.join(root, `${name}.git`);
  git(work, 'init', '-q', '-b', 'main');
  writeFiles(work, files);
  git(work, 'add', '-A');
  git(work, 'commit', '-q', '--allow-empty', '-m', 'First\n\nMore text');
  mkdirSync(path.dirname(gitDir), { recursive: true });
  git(root, 'clone', '-q', '--bare', work, gitDir);
  rmSync(work, { recursive: true });
  return { gitDir, sha: git(gitDir, 'rev-parse', 'main') };
}

/** Adds a commit to a branch of a bare repository. */
export function commitTo(gitDir: string, branch: string, files: Files): string {
  const work = mkdtempSync(path.join(tmpdir(), 'autodev-commit-'));
  git(work, 'clone', '-q', gitDir, '.');
  git(work, 'checkout', '-q', '-B', branch);
  writeFiles(work, files);
  git(work, 'add', '-A');
  git(work, 'commit', '-q', '--allow-empty', '-m', 'Next');
  git(work, 'push', '-q', 'origin', branch);
  const sha = git(work, 'rev-parse', 'HEAD');
  rmSync(work, { recursive: true });
  return sha;
}

export const SAM = { id: 7, username: 'sam', name: 'Sam' };
export const BOT = { id: 42, username: 'autodev', name: 'AutoDev' };

export interface CiSandbox {
  root: string;
  gitDir: string;
  sha: string;
  engine: CiEngine;
  /** Every change the host was told of: `pipeline:status` and `job:status`. */
  changes: string[];
  /** Variables of the project, for a test to fill. */
  projectVariables: Record<string, string>;
  spec(change?: Partial<PipelineSpec>): PipelineSpec;
  /** Creates a pipeline that must be accepted. */
  create(change?: Partial<PipelineSpec>): Promise<PipelineRecord>;
  /** Creates a pipeline and waits until nothing in it can move any more. */
  run(change?: Partial<PipelineSpec>): Promise<PipelineRecord>;
  /** Resolves when the condition holds after some change the host is told of. */
  until(condition: () => boolean): Promise<void>;
  log(job: JobRecord): string;
  close(): Promise<void>;
}

export function job(pipeline: PipelineRecord, name: string): JobRecord {
  const found = pipeline.jobs.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`no job ${name} in ${pipeline.jobs.map((j) => j.name)}`);
  return found;
}

export function statuses(pipeline: PipelineRecord): Record<string, string> {
  return Object.fromEntries(pipeline.jobs.map(({ name, status }) => [name, status]));
}

/** The project `group/sample` with these files on main, and an engine for it. */
export function ciSandbox(
  files: Files,
  options: Partial<CiEngineOptions> & { serverUrl?: string } = {},
): CiSandbox {
  const root = mkdtempSync(path.join(tmpdir(), 'autodev-ci-'));
  const { gitDir, sha } = bareRepository(root, 'group/sample', files);
  const changes: string[] = [];
  const waiting = new Set<() => void>();
  const projectVariables: Record<string, string> = {};
  let pipelineId = 100;
  let jobId = 1000;
  const host: CiHost = {
    serverUrl: options.serverUrl ?? 'http://127.0.0.1:9',
    nextPipelineId: () => (pipelineId += 1),
    nextJobId: () => (jobId += 1),
    idToken: (pipeline, record, aud) => Promise.resolve(`id:${pipeline.id}:${record.id}:${aud}`),
    jobToken: (_pipeline, record) => `glcbt-${record.id}`,
    projectVariables: () => projectVariables,
    changed: (pipeline, record) => {
      changes.push(record ? `${record.name}:${record.status}` : `pipeline:${pipeline.status}`);
      for (const check of waiting) check();
    },
  };
  const engine = createCiEngine(host, {
    workDir: path.join(root, 'ci'),
    imagePath: [],
    runners: [{ tags: ['autodev'], runUntagged: true }],
    concurrency: 4,
    ...options,
  });
  const until = (condition: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      const check = (): void => {
        if (!condition()) return;
        waiting.delete(check);
        resolve();
      };
      waiting.add(check);
      check();
    });
  const spec = (change: Partial<PipelineSpec> = {}): PipelineSpec => ({
    project: { id: 5, path: 'group/sample', defaultBranch: 'main', gitDir },
    ref: 'main',
    sha,
    source: 'push',
    user: SAM,
    variables: {},
    inputs: {},
    ...change,
  });
  const create = async (change: Partial<PipelineSpec> = {}): Promise<PipelineRecord> => {
    const result = await engine.create(spec(change));
    if (!result.ok) throw new Error(result.errors.join('\n'));
    return result.pipeline;
  };
  return {
    root,
    gitDir,
    sha,
    engine,
    changes,
    projectVariables,
    spec,
    create,
    run: async (change) => {
      const pipeline = await create(change);
      await until(() => pipeline.finishedAt !== null || pipeline.status === 'manual');
      return pipeline;
    },
    until,
    log: ({ tracePath }) => (existsSync(tracePath) ? readFileSync(tracePath, 'utf8') : ''),
    close: async () => {
      await engine.close();
      rmSync(root, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
    },
  };
}
