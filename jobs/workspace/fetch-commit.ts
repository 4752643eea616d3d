/** Brings a commit into the runner's checkout that its clone did not bring: the head of a change. */
import { JobError } from '../errors.ts';
import { git } from './git.ts';
import { HISTORY_COMMITS } from './history.ts';

/** The one remote a runner leaves, with the job's own read-only credentials. */
const REMOTE = 'origin';
/** Nothing but what a runner itself clones over; `git` allows no protocol otherwise. */
const OVER_HTTP = ['https', 'http'].flatMap((name) => ['-c', `protocol.${name}.allow=always`]);
/** No housekeeping in the background: the checkout is looked through right after. */
const QUIET = ['-c', 'gc.auto=0', '-c', 'maintenance.auto=false'];

/**
 * Makes sure that the checkout in `dir` holds commit `sha`; fetches it with the newest of its history when it does not.
 * `network` is what a way to the server may need: proxies and certificates. Nothing is checked out: the agent's copy is made from the commit's tree. Call it before the
 * credentials are taken out of the checkout.
 * @throws JobError when the commit is gone or the server cannot be asked
 */
export async function fetchCommit(
  path: string,
  dir: string,
  sha: string,
  network: Readonly<Record<string, string>> = {},
): Promise<void> {
  if (await has(path, dir, sha)) return;
  const fetch = [
    'fetch',
    '--quiet',
    '--no-tags',
    '--no-recurse-submodules',
    '--no-write-fetch-head',
  ];
  try {
    await git(
      path,
      dir,
      [...OVER_HTTP, ...QUIET, ...fetch, `--depth=${HISTORY_COMMITS}`, REMOTE, sha],
      '',
      network,
    );
  } catch (error) {
    throw new JobError(
      'The commit to work on could not be fetched',
      `commit ${sha} is not in the checkout, and ${REMOTE} did not give it: ${reason(error)}`,
      'The branch was probably pushed over or deleted meanwhile: ask again for the newest commit',
    );
  }
}

async function has(path: string, dir: string, sha: string): Promise<boolean> {
  try {
    await git(path, dir, ['cat-file', '-e', `${sha}^{commit}`]);
    return true;
  } catch {
    return false;
  }
}

function reason(error: unknown): string {
  return error instanceof JobError ? error.why : String(error);
}
