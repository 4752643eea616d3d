/** Folders a try works in: the checkout the agent's job starts from, and the copy its result is judged in. */
import { chmod, cp, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { runInGroup } from '../jobs/process-group.ts';
import type { FileChange } from '../schema/wire/result.ts';
import type { EvalEnv } from './env.ts';

const GIT_MS = 20_000;
/** The same commit from the same files, whoever runs it and when. */
const AUTHOR = {
  GIT_AUTHOR_NAME: 'Eval',
  GIT_AUTHOR_EMAIL: 'eval@example.com',
  GIT_AUTHOR_DATE: '2026-01-01T00:00:00Z',
  GIT_COMMITTER_NAME: 'Eval',
  GIT_COMMITTER_EMAIL: 'eval@example.com',
  GIT_COMMITTER_DATE: '2026-01-01T00:00:00Z',
};

/**
 * Copies `repo` to `into` as a repository of one commit on `main`; returns the commit.
 * @throws Error with git's own words when it fails.
 */
export async function makeCheckout(env: EvalEnv, repo: string, into: string): Promise<string> {
  await cp(repo, into, { recursive: true });
  const git = async (...args: string[]): Promise<string> => {
    const { exitCode, output, startError } = await runInGroup({
      file: 'git',
      args,
      cwd: into,
      env: {
        ...AUTHOR,
        PATH: env.path,
        HOME: into,
        GIT_CONFIG_NOSYSTEM: '1',
        GIT_CONFIG_GLOBAL: '/dev/null',
      },
      timeoutMs: GIT_MS,
      capBytes: 4_000,
    });
    if (exitCode === 0) return output.trim();
    throw new Error(`git ${args[0]} in ${into}: ${startError ?? output}`);
  };
  await git('init', '--quiet', '--initial-branch=main');
  await git('add', '--all', '--force');
  await git('commit', '--quiet', '--message=The project as it is');
  return git('rev-parse', 'HEAD');
}

/** Writes changes into a folder. Their paths must have passed the publisher's path policy. */
export async function applyChanges(dir: string, changes: readonly FileChange[]): Promise<void> {
  for (const { path, content, mode } of changes) {
    const file = join(dir, path);
    if (content === undefined) {
      await rm(file, { force: true });
      continue;
    }
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, Buffer.from(content, 'base64'));
    await chmod(file, mode === '100755' ? 0o755 : 0o644);
  }
}

/**
 * The files of `overlay` as the changes they make to `repo`, as an agent's job would bring them;
 * names in `except` are left out.
 */
export async function changesOf(
  repo: string,
  overlay: string,
  except: readonly string[] = [],
): Promise<FileChange[]> {
  const entries = await readdir(overlay, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(overlay, join(entry.parentPath, entry.name)))
    .filter((path) => !except.includes(path));
  return Promise.all(
    paths.toSorted().map(async (path): Promise<FileChange> => {
      const file = join(overlay, path);
      const { mode } = await stat(file);
      const known = await stat(join(repo, path)).catch(() => null);
      return {
        path,
        action: known === null ? 'create' : 'update',
        mode: (mode & 0o100) === 0 ? '100644' : '100755',
        content: (await readFile(file)).toString('base64'),
      };
    }),
  );
}
