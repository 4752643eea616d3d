/** Remembers the agent's folder as it is, so that what was done since can be shown to whoever goes on. */
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { git } from './git.ts';

/** Longest diff that is shown; the folder itself holds the rest. */
const DIFF_CHARS = 20_000;

export interface RememberedFolder {
  /** What changed since, as a diff; '' when nothing did or when it cannot be told. */
  diff(): Promise<string>;
  forget(): Promise<void>;
}

/** `path` is the PATH to look git up in; git's own files go below `tmp`, never into the folder. */
export async function rememberFolder(
  path: string,
  folder: string,
  tmp: string,
): Promise<RememberedFolder> {
  const store = await mkdtemp(join(tmp, 'begun-'));
  const env = { GIT_DIR: store, GIT_WORK_TREE: folder };
  const run = (...args: string[]): Promise<Buffer> =>
    git(path, folder, ['-c', 'core.compression=0', ...args], '', env);
  const begun = await run('init', '--quiet')
    .then(() => run('add', '--all', '--force', '.'))
    .then(() => run('write-tree'))
    .then((tree) => tree.toString('utf8').trim())
    // Without it whoever goes on looks for itself.
    .catch(() => null);
  return {
    async diff() {
      if (begun === null) return '';
      try {
        await run('add', '--all', '--force', '.');
        const plain = ['--no-ext-diff', '--no-textconv', '--no-color'];
        const text = (await run('diff', '--cached', ...plain, begun)).toString('utf8');
        if (text.length <= DIFF_CHARS) return text;
        return `${text.slice(0, DIFF_CHARS)}\n(cut: ${text.length - DIFF_CHARS} more characters)`;
      } catch {
        return '';
      }
    },
    forget: () => rm(store, { recursive: true, force: true }),
  };
}
