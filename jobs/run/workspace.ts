import { chmod, mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JobEnv } from '../env.ts';
import { type BaseTree, readBaseTree } from '../workspace/base-tree.ts';
import { type CollectedChanges, collectChanges } from '../workspace/changes.ts';
import { fetchCommit } from '../workspace/fetch-commit.ts';
import { exportWorkspace } from '../workspace/export.ts';
import { type Guides, readGuides } from '../workspace/guides.ts';
import { stripCredentials } from '../workspace/strip-credentials.ts';

export interface PreparedWorkspace {
  /** Its files, from the root of the repository. */
  paths: readonly string[];
  /** How much of the history the agent has, for the log. */
  history: string;
  /** What the default branch says to those who work on it. */
  guides: Guides;
  /** The agent's copy of the repository. */
  dir: string;
  /** The agent's home folder, new and empty. */
  home: string;
  tmp: string;
  /** For what runs before the agent; the agent is not shown it. */
  scans: string;
  /** Git files of the checkout that held credentials. */
  stripped: string[];
  /** What changed; only to be called when the agent is dead. */
  collect(): Promise<CollectedChanges>;
  remove(): Promise<void>;
}

/**
 * Makes everything the agent may touch from commit `baseSha`, below one new temporary folder, and takes the credentials
 * out of the runner's checkout. `defaultSha` is the default branch's commit, from which instructions are read.
 */
export async function prepareWorkspace(
  job: JobEnv,
  baseSha: string,
  defaultSha: string,
): Promise<PreparedWorkspace> {
  await fetchCommit(job.path, job.projectDir, baseSha, job.network);
  const tree = await readBaseTree(job.path, job.projectDir, baseSha);
  const made = await mkdtemp(join(tmpdir(), 'autodev-'));
  const top = await realpath(made);
  const remove = (): Promise<void> => rm(top, { recursive: true, force: true });
  try {
    const [dir, home, tmp] = [join(top, 'work'), join(top, 'home'), join(top, 'tmp')];
    const scans = join(top, 'scans');
    for (const folder of [dir, home, tmp, scans]) await mkdir(folder);
    const target = defaultSha === baseSha ? null : defaultSha;
    const history = await exportWorkspace(job.path, job.projectDir, tree, dir, {
      base: baseSha,
      target,
    });
    const guides = await readGuides(job.path, job.projectDir, defaultSha, baseSha);
    const secrets = [job.jobToken, job.idToken].filter((value) => value !== undefined);
    const stripped = await stripCredentials(job.path, job.projectDir, secrets);
    const collect = (): Promise<CollectedChanges> => collectFrom(job.path, dir, tree);
    const paths = [...tree.keys()];
    const folders = { dir, home, tmp, scans };
    return { paths, history, guides, ...folders, stripped, collect, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** The scratch folder is made only now, so that the agent could not prepare it. */
async function collectFrom(path: string, dir: string, tree: BaseTree): Promise<CollectedChanges> {
  // The agent may have taken away the rights on its folder, or the folder.
  await chmod(dir, 0o755).catch(() => undefined);
  const scratch = await realpath(await mkdtemp(join(tmpdir(), 'autodev-collect-')));
  try {
    return await collectChanges(path, dir, tree, scratch);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
