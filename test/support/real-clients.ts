/**
 * Clients of GitLab that others made, and a GitLab of the sandbox for them: two people, a project with a
 * pipeline, a real runner. `.ci/real-clients.sh <folder>` makes the folder that AUTODEV_TEST_CLIENTS_DIR names.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { createCiEngine } from '../../sandbox/ci/engine.ts';
import { startSandboxGitLab, type SandboxGitLab } from '../../sandbox/gitlab/server.ts';
import { ACCESS } from '../../sandbox/gitlab/state/access-levels.ts';

export type RealClient = 'python-gitlab' | 'client-go' | 'glab';

const round = (file: string): string => path.join(import.meta.dirname, 'real-clients', file);

/** What is needed of each client below AUTODEV_TEST_CLIENTS_DIR, and how its round is started with that. */
const PROGRAMS: Readonly<Record<RealClient, [needs: string, (file: string) => string[]]>> = {
  'python-gitlab': ['python/bin/python', (python) => [python, round('round.py')]],
  'client-go': ['round-go', (own) => [own]],
  glab: ['glab', (glab) => [process.execPath, round('glab-round.ts'), glab]],
};

export const ROUND_PROJECT = 'acme/app';
/** The one job of the project's pipeline. */
const PIPELINE = "words: {script: ['echo counting', 'cat words.txt || true']}\n";
const RUNNERS = [{ tags: ['autodev'], runUntagged: true }];
const ROUND_LIMIT_MS = 60_000;

/** Program and first arguments of a client; null where it is not installed. */
export function realClient(kind: RealClient): string[] | null {
  const folder = process.env.AUTODEV_TEST_CLIENTS_DIR;
  if (folder === undefined) return null;
  const [needs, start] = PROGRAMS[kind];
  const file = path.join(folder, needs);
  return existsSync(file) ? start(file) : null;
}

export interface Round {
  gitlab: SandboxGitLab;
  /** Runs a client's program to its end: what it printed, or its complaint as an error. */
  run(command: readonly string[]): Promise<unknown>;
  /** Waits for what is under way, and throws when the sandbox itself failed. */
  close(): Promise<void>;
}

/** Starts the GitLab of a round: Sam is a Developer, Dana a Maintainer of `acme/app`. */
export async function startRound(edition: 'ce' | 'ee'): Promise<Round> {
  const dir = await mkdtemp(path.join(tmpdir(), 'autodev-round-'));
  const gitlab = await startSandboxGitLab({
    dataDir: path.join(dir, 'gitlab'),
    edition,
    runners: RUNNERS,
    ci: (host) =>
      createCiEngine(host, {
        workDir: path.join(dir, 'ci'),
        imagePath: [],
        runners: RUNNERS,
        concurrency: 2,
      }),
  });
  const { api } = gitlab;
  const files = { 'README.md': '# app\n', '.gitlab-ci.yml': PIPELINE };
  const project = await api.createProject({ path: ROUND_PROJECT, files });
  const token = (username: string, level: number): string => {
    const user = api.createUser({ username });
    api.addMember(project, user, level);
    return api.createToken(user, { scopes: ['api'] }).value;
  };
  const env = {
    PATH: process.env.PATH ?? '',
    HOME: dir,
    ROUND_URL: gitlab.url,
    ROUND_PROJECT,
    ROUND_SAM: token('sam', ACCESS.developer),
    ROUND_DANA: token('dana', ACCESS.maintainer),
  };
  return {
    gitlab,
    run: async ([program = '', ...args]) => {
      const { stdout } = await promisify(execFile)(program, args, {
        env,
        cwd: dir,
        timeout: ROUND_LIMIT_MS,
      });
      return JSON.parse(stdout);
    },
    close: async () => {
      await gitlab.hooksIdle();
      await gitlab.close();
      await rm(dir, { recursive: true, force: true });
      const [first] = gitlab.problems;
      if (first) throw new Error(`The sandbox failed at ${first.name}.`, { cause: first.error });
    },
  };
}
