/** Runs one job as a GitLab runner's shell executor would, and says how it ended. */
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { systemEnvironment } from '../env.ts';
import { collectArtifacts, restoreArtifacts } from './artifacts.ts';
import type { JobConfig } from './config.ts';
import { durationSeconds } from './config.ts';
import { startScript } from './process-group.ts';
import type { Group } from './process-group.ts';
import type { Variables } from './variables.ts';
import type { Workspace } from './workspace.ts';
import { makeWorkspace } from './workspace.ts';

/** GitLab's defaults: a project's job timeout, and the limit of an after_script. */
const DEFAULT_TIMEOUT_SECONDS = 3600;
const AFTER_SCRIPT_SECONDS = 300;

export interface JobOrder {
  jobId: number;
  config: JobConfig;
  projectPath: string;
  repository: { gitDir: string; sha: string; ref: string; originUrl: string };
  /** The job's variables, given the folders it runs in (id tokens included). */
  environment: (workspace: Workspace) => Promise<Variables>;
  /** GIT_STRATEGY as the job's variables have it. */
  gitStrategy: string | undefined;
  /** Folders with the artifacts of earlier jobs, oldest first. */
  inherited: string[];
  imagePath: string[];
  workDir: string;
  tracePath: string;
}

export interface JobEnd {
  status: 'success' | 'failed';
  exitCode: number | null;
  /** As GitLab names it (`failure_reason` of a job). */
  failureReason: string | null;
  coverage: number | null;
  artifactsDir: string | null;
}

export interface RunningJob {
  /** Never rejects: what goes wrong in the runner itself is `runner_system_failure`. */
  end: Promise<JobEnd>;
  /** Kills everything the job started and waits for it. */
  cancel(): Promise<void>;
}

/** Starts a job; its log is in `order.tracePath` from the first line on. */
export function runJob(order: JobOrder): RunningJob {
  const state: { group: Group | null; cancelled: boolean } = { group: null, cancelled: false };
  mkdirSync(path.dirname(order.tracePath), { recursive: true });
  const log = openSync(order.tracePath, 'a');
  const say = (line: string): void => void writeSync(log, `${line}\n`);
  const end = work(order, state, log, say)
    .catch((error: unknown): JobEnd => {
      say(`ERROR: Job failed (system failure): ${error instanceof Error ? error.message : error}`);
      return ended('failed', null, 'runner_system_failure');
    })
    .finally(() => closeSync(log));
  return {
    end,
    cancel: async () => {
      state.cancelled = true;
      await state.group?.kill();
      await end;
    },
  };
}

function ended(status: JobEnd['status'], exitCode: number | null, reason: string | null): JobEnd {
  return { status, exitCode, failureReason: reason, coverage: null, artifactsDir: null };
}

async function work(
  order: JobOrder,
  state: { group: Group | null; cancelled: boolean },
  log: number,
  say: (line: string) => void,
): Promise<JobEnd> {
  const { config } = order;
  say(`Running with sandbox-runner on job ${order.jobId}`);
  const noClone = order.gitStrategy === 'none' || order.gitStrategy === 'empty';
  const workspace = await makeWorkspace({
    root: path.join(order.workDir, 'builds'),
    jobId: order.jobId,
    projectPath: order.projectPath,
    repository: noClone ? null : order.repository,
  });
  try {
    say(noClone ? 'Skipping Git repository setup' : `Checking out ${order.repository.sha}`);
    for (const folder of order.inherited) await restoreArtifacts(folder, workspace.projectDir);
    const env = await jobEnv(order, workspace);
    const shell = { workspace, env, log, state };
    const main = await runScript('script', [...config.before_script, ...config.script], shell, {
      seconds: durationSeconds(config.timeout ?? '') ?? DEFAULT_TIMEOUT_SECONDS,
    });
    const status = main.code === 0 && !main.timedOut ? 'success' : 'failed';
    if (config.after_script.length > 0 && !state.cancelled) {
      shell.env = { ...env, CI_JOB_STATUS: status };
      const after = await runScript('after_script', config.after_script, shell, {
        seconds: AFTER_SCRIPT_SECONDS,
      });
      if (after.code !== 0) say('WARNING: after_script failed, but job will continue unaffected');
    }
    const artifactsDir = state.cancelled ? null : await keep(order, workspace, status, say);
    say(lastLine(main, status));
    const reason = main.timedOut ? 'job_execution_timeout' : 'script_failure';
    return {
      ...ended(status, main.code, status === 'failed' ? reason : null),
      coverage: await coverage(order),
      artifactsDir,
    };
  } finally {
    await workspace.remove();
  }
}

function lastLine(main: { code: number | null; timedOut: boolean }, status: string): string {
  if (status === 'success') return 'Job succeeded';
  if (main.timedOut) return 'ERROR: Job failed: execution took longer than the job timeout';
  return `ERROR: Job failed: exit code ${main.code ?? 'none (killed)'}`;
}

/** The whole environment of the job: nothing of the sandbox's own but PATH and LANG. */
async function jobEnv(order: JobOrder, workspace: Workspace): Promise<Variables> {
  const system = systemEnvironment();
  return {
    LANG: system.LANG,
    HOME: workspace.home,
    ...(await order.environment(workspace)),
    PATH: [...order.imagePath, system.PATH].join(path.delimiter),
  };
}

interface Shell {
  workspace: Workspace;
  env: Variables;
  log: number;
  state: { group: Group | null; cancelled: boolean };
}

/** One shell for a list of commands, each shown in the log before it runs. */
async function runScript(
  name: string,
  commands: string[],
  shell: Shell,
  limit: { seconds: number },
): Promise<{ code: number | null; timedOut: boolean }> {
  const file = path.join(shell.workspace.buildsDir, `${name}.sh`);
  const lines = commands.flatMap((command) => [`printf '%s\\n' ${quote(`$ ${command}`)}`, command]);
  await writeFile(file, ['set -eo pipefail', ...lines, ''].join('\n'));
  if (shell.state.cancelled) return { code: null, timedOut: false };
  const group = startScript(file, {
    cwd: shell.workspace.projectDir,
    env: shell.env,
    log: shell.log,
  });
  shell.state.group = group;
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    void group.kill();
  }, limit.seconds * 1000);
  const code = await group.exit;
  clearTimeout(timer);
  return { code, timedOut };
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

async function keep(
  order: JobOrder,
  workspace: Workspace,
  status: JobEnd['status'],
  say: (line: string) => void,
): Promise<string | null> {
  const { artifacts } = order.config;
  if (artifacts === null || artifacts === undefined) return null;
  if (artifacts.when !== 'always' && artifacts.when !== `on_${statusWord(status)}`) return null;
  say('Uploading artifacts...');
  const target = path.join(order.workDir, 'artifacts', String(order.jobId));
  return (await collectArtifacts(artifacts, workspace.projectDir, target, say)) ? target : null;
}

function statusWord(status: JobEnd['status']): 'success' | 'failure' {
  return status === 'success' ? 'success' : 'failure';
}

/** The last number that the job's `coverage:` expression finds in the log, in percent. */
async function coverage(order: JobOrder): Promise<number | null> {
  const match = /^\/(.*)\/([a-z]*)$/s.exec(order.config.coverage ?? '');
  if (match === null) return null;
  let pattern: RegExp;
  try {
    pattern = new RegExp(match[1] ?? '', 'gm');
  } catch {
    return null;
  }
  const found = [...(await readFile(order.tracePath, 'utf8')).matchAll(pattern)].at(-1);
  const digits = /\d+(?:\.\d+)?/.exec(found?.[1] ?? found?.[0] ?? '');
  return digits === null ? null : Number(digits[0]);
}
