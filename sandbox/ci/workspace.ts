/** The folder a job runs in: a fresh clone such as a GitLab runner makes it. */
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { systemEnvironment } from '../env.ts';
import { git } from './exec.ts';

export interface Workspace {
  buildsDir: string;
  /** CI_PROJECT_DIR. */
  projectDir: string;
  /** An empty home of the job's own. */
  home: string;
  remove(): Promise<void>;
}

/**
 * Makes the folders of one job. With a repository the commit is checked out with a detached HEAD;
 * `origin` names the server with the job's read-only token, as a runner leaves it.
 */
export async function makeWorkspace(options: {
  root: string;
  jobId: number;
  projectPath: string;
  /** Null for GIT_STRATEGY none and empty. */
  repository: { gitDir: string; sha: string; ref: string; originUrl: string } | null;
}): Promise<Workspace> {
  const buildsDir = path.join(options.root, String(options.jobId));
  const projectDir = path.join(buildsDir, options.projectPath);
  const home = path.join(buildsDir, '.home');
  await mkdir(projectDir, { recursive: true });
  await mkdir(home, { recursive: true });
  if (options.repository !== null) await checkOut(projectDir, options.repository);
  return {
    buildsDir,
    projectDir,
    home,
    remove: () => rm(buildsDir, { recursive: true, force: true, maxRetries: 3 }),
  };
}

async function checkOut(
  projectDir: string,
  repository: { gitDir: string; sha: string; ref: string; originUrl: string },
): Promise<void> {
  const { gitDir, sha, ref, originUrl } = repository;
  const env = systemEnvironment();
  await git(projectDir, ['-c', 'init.defaultBranch=main', 'init', '-q'], env);
  await git(projectDir, ['fetch', '-q', '--no-tags', gitDir, sha], env);
  await git(projectDir, ['update-ref', `refs/remotes/origin/${ref}`, sha], env);
  await git(projectDir, ['remote', 'add', 'origin', originUrl], env);
  await git(projectDir, ['checkout', '-q', '--detach', sha], env);
  await rm(path.join(projectDir, '.git', 'FETCH_HEAD'), { force: true });
}
