/**
 * Real history for the agent's copy of the repository: the newest commits of the checkout as plain objects,
 * in a git folder of our own. Nothing else of the checkout comes along: no remote, no credentials, no
 * configuration, no hooks (threats B9, D2).
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { git } from './git.ts';

/** Commits of each line of history that an agent can look back. */
export const HISTORY_COMMITS = 50;

/** Where the task's work begins. */
export const BASE_REF = 'refs/autodev/base';
/** The default branch, where a change is to be merged. */
export const TARGET_REF = 'refs/autodev/target';

/** Whatever the repository says about its files, here they are bytes: no filters, no line ends, no encodings. */
const ATTRIBUTES = '* -text -ident !eol !filter !working-tree-encoding !diff !merge\n';

export interface HistoryOf {
  /** PATH to look git up in. */
  path: string;
  checkout: string;
  /** The agent's folder, in which `git init` was run. */
  workspace: string;
  base: string;
  /** The default branch's commit; null when the work begins there. */
  target: string | null;
}

/**
 * Gives the repository in `workspace` the history up to `base`, with that commit checked out as far as git
 * knows; the files are there already. Returns the number of commits.
 * @throws JobError when the checkout lacks objects, e.g. a partial clone
 */
export async function copyHistory(of: HistoryOf): Promise<number> {
  const { path, checkout, workspace, base, target } = of;
  const from = (args: string[], input = ''): Promise<Buffer> => git(path, checkout, args, input);
  const parents = new Map<string, string[]>();
  for (const tip of target === null ? [base] : [base, target]) {
    const count = `--max-count=${HISTORY_COMMITS}`;
    const listed = await from(['rev-list', '--topo-order', '--parents', count, tip, '--']);
    for (const line of lines(listed)) {
      const [sha = '', ...above] = line.split(' ');
      parents.set(sha, above);
    }
  }
  const commits = [...parents.keys()];
  const cut = await shallowOf(path, checkout);
  const shallow = commits.filter(
    (sha) => cut.has(sha) || parents.get(sha)?.some((above) => !parents.has(above)),
  );
  const walk = ['rev-list', '--objects', '--no-walk=unsorted', '--stdin'];
  const objects = await from(walk, `${commits.join('\n')}\n`);
  const dotGit = join(workspace, '.git');
  await mkdir(join(dotGit, 'objects/pack'), { recursive: true });
  const ids = lines(objects).map((line) => line.slice(0, line.search(/ |$/)));
  const pack = ['pack-objects', '--quiet', '--window=0', join(dotGit, 'objects/pack/pack')];
  await from(pack, `${ids.join('\n')}\n`);
  await mkdir(join(dotGit, 'info'), { recursive: true });
  await writeFile(join(dotGit, 'info/attributes'), ATTRIBUTES);
  if (shallow.length > 0) await writeFile(join(dotGit, 'shallow'), `${shallow.join('\n')}\n`);
  const here = (...args: string[]): Promise<Buffer> => git(path, workspace, args);
  await here('update-ref', 'refs/heads/autodev', base);
  await here('update-ref', BASE_REF, base);
  if (target !== null) await here('update-ref', TARGET_REF, target);
  await here('read-tree', base);
  // Without what it knows of the files' times, every look would read all of them again.
  await here('update-index', '-q', '--refresh').catch(() => undefined);
  return commits.length;
}

/** Commits at which the checkout's own history ends. */
async function shallowOf(path: string, checkout: string): Promise<Set<string>> {
  const file = (await git(path, checkout, ['rev-parse', '--git-path', 'shallow']))
    .toString()
    .trim();
  const text = await readFile(resolve(checkout, file), 'utf8').catch(() => '');
  return new Set(text.split('\n').filter((line) => line !== ''));
}

function lines(bytes: Buffer): string[] {
  return bytes
    .toString('latin1')
    .split('\n')
    .filter((line) => line !== '');
}
