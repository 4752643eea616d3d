/** Writing a bare repository: new projects, atomic commits of whole files, merges and refs. */
import { randomUUID } from 'node:crypto';
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { branchHead, isAncestor, readFileAt, safeRevision } from './read.ts';
import { git, gitMaybe, identityEnv, type GitPerson } from './run.ts';
import { ZERO_SHA } from '../state/access-levels.ts';

/** Declines a push with the reason the server puts into the environment. */
const PRE_RECEIVE = `#!/bin/sh
[ -z "$SANDBOX_REFUSE" ] && exit 0
echo "GitLab: $SANDBOX_REFUSE" >&2
exit 1
`;

/** Makes an empty bare repository whose HEAD is `defaultBranch`. */
export async function createBare(gitDir: string, defaultBranch: string): Promise<void> {
  await mkdir(gitDir, { recursive: true });
  await git(gitDir, ['init', '-q', '--bare', gitDir]);
  await git(gitDir, ['symbolic-ref', 'HEAD', `refs/heads/${defaultBranch}`]);
  // Job clones may ask for a commit by id; GitLab's Gitaly allows it too.
  await git(gitDir, ['config', 'uploadpack.allowAnySHA1InWant', 'true']);
  const hook = join(gitDir, 'hooks', 'pre-receive');
  await mkdir(join(gitDir, 'hooks'), { recursive: true });
  await writeFile(hook, PRE_RECEIVE);
  await chmod(hook, 0o755);
}

export interface CommitStamp {
  message: string;
  committer: GitPerson;
  author?: GitPerson;
  when: Date;
}

/** Commits a whole folder as the first commit of `branch`; `.git` in it is left out. */
export async function commitFolder(
  gitDir: string,
  folder: string,
  branch: string,
  stamp: CommitStamp,
): Promise<string> {
  return withIndex(gitDir, async (env) => {
    await git(gitDir, ['add', '-A', '.'], { env: { ...env, GIT_WORK_TREE: folder }, cwd: folder });
    const sha = await commitIndex(gitDir, env, [], stamp);
    await updateRef(gitDir, `refs/heads/${branch}`, sha, ZERO_SHA);
    return sha;
  });
}

export interface FileAction {
  action: 'create' | 'delete' | 'move' | 'update' | 'chmod';
  path: string;
  previousPath?: string;
  /** Absent on a move that keeps the content. */
  content?: Buffer;
  executable?: boolean;
}

/** A refused action; the message is GitLab's. */
export class ActionRefused extends Error {}

/** Commits the actions on top of `parent` (null: an empty repository) and returns the new id. */
export async function commitActions(
  gitDir: string,
  parent: string | null,
  actions: readonly FileAction[],
  stamp: CommitStamp,
): Promise<string> {
  return withIndex(gitDir, async (env) => {
    if (parent) await git(gitDir, ['read-tree', parent], { env });
    for (const action of actions) await applyAction(gitDir, env, action);
    return commitIndex(gitDir, env, parent ? [parent] : [], stamp);
  });
}

async function applyAction(
  gitDir: string,
  env: Record<string, string>,
  action: FileAction,
): Promise<void> {
  checkPath(action.path);
  const staged = await stagedFile(gitDir, env, action.path);
  if (action.action === 'create' && staged) {
    throw new ActionRefused('A file with this name already exists');
  }
  if ((action.action === 'update' || action.action === 'chmod') && !staged) {
    throw new ActionRefused("A file with this name doesn't exist");
  }
  if (action.action === 'delete') {
    if (!staged) throw new ActionRefused("A file with this name doesn't exist");
    await stage(gitDir, env, '0', ZERO_SHA, action.path);
    return;
  }
  let source = staged;
  if (action.action === 'move') {
    if (staged) throw new ActionRefused('A file with this name already exists');
    const previous = action.previousPath ?? '';
    checkPath(previous);
    source = await stagedFile(gitDir, env, previous);
    if (!source) throw new ActionRefused("A file with this name doesn't exist");
    await stage(gitDir, env, '0', ZERO_SHA, previous);
  }
  const blob =
    action.content === undefined || action.action === 'chmod'
      ? (source?.id ?? '')
      : await git(gitDir, ['hash-object', '-w', '--stdin'], { input: action.content });
  if (blob === '') throw new ActionRefused('You must provide content');
  const mode =
    action.executable === undefined
      ? (source?.mode ?? '100644')
      : action.executable
        ? '100755'
        : '100644';
  await stage(gitDir, env, mode, blob, action.path);
}

/** Sets one entry of the index; mode `0` removes it. Needs no work tree. */
async function stage(
  gitDir: string,
  env: Record<string, string>,
  mode: string,
  id: string,
  path: string,
): Promise<void> {
  const input = `${mode} ${id}\t${path}\0`;
  await git(gitDir, ['update-index', '-z', '--index-info'], { env, input });
}

function checkPath(path: string): void {
  const parts = path.split('/');
  const bad = parts.some((part) => ['', '.', '..'].includes(part) || part.toLowerCase() === '.git');
  if (bad || !safeRevision(path))
    throw new ActionRefused('Path cannot include directory traversal');
}

async function stagedFile(
  gitDir: string,
  env: Record<string, string>,
  path: string,
): Promise<{ id: string; mode: string } | null> {
  const text = await git(gitDir, ['ls-files', '-s', '-z', '--', `:(literal)${path}`], { env });
  const match = /^(\d{6}) ([0-9a-f]+) 0\t([^\0]*)/.exec(text);
  return match && match[3] === path ? { mode: match[1] ?? '', id: match[2] ?? '' } : null;
}

/** Last commit on `sha` that touched the file; null when the file is not there. */
export async function lastCommitOf(
  gitDir: string,
  sha: string,
  path: string,
): Promise<string | null> {
  if (!(await readFileAt(gitDir, sha, path))) return null;
  return gitMaybe(gitDir, ['log', '-1', '--format=%H', sha, '--', path]);
}

/** Moves a ref from `before` to `after` (zeros: create or delete); false when it was elsewhere. */
export async function updateRef(
  gitDir: string,
  ref: string,
  after: string,
  before: string,
): Promise<boolean> {
  const args =
    after === ZERO_SHA ? ['update-ref', '-d', ref, before] : ['update-ref', ref, after, before];
  return (await gitMaybe(gitDir, args)) !== null;
}

/** The rules of `git check-ref-format --branch`. */
export function validBranchName(name: string): boolean {
  if (!safeRevision(name) || name === '@' || name === 'HEAD') return false;
  // eslint-disable-next-line no-control-regex
  if (/[\u0000-\u0020\u007F~^:?*[\\]|\.\.|@\{|\/\/|^\/|[/.]$/.test(name)) return false;
  return !name.split('/').some((part) => part.startsWith('.') || part.endsWith('.lock'));
}

export type MergeOutcome =
  { ok: true; sha: string; before: string } | { ok: false; reason: string };

/** Whether `source` merges into `target` without conflict. */
export async function mergesCleanly(
  gitDir: string,
  target: string,
  source: string,
): Promise<boolean> {
  if (await isAncestor(gitDir, target, source)) return true;
  return (await mergedTree(gitDir, target, source)) !== null;
}

/** Merge commit of `source` into the branch `target`; nothing is written on a conflict. */
export async function mergeBranch(
  gitDir: string,
  target: string,
  source: string,
  stamp: CommitStamp,
  squash: boolean,
): Promise<MergeOutcome> {
  const before = await branchHead(gitDir, target);
  if (!before) return { ok: false, reason: 'target branch does not exist' };
  const tree = (await isAncestor(gitDir, before, source))
    ? await git(gitDir, ['rev-parse', `${source}^{tree}`])
    : await mergedTree(gitDir, before, source);
  if (!tree) return { ok: false, reason: 'conflict' };
  const parents = squash ? [before] : [before, source];
  const sha = await commitTree(gitDir, tree, parents, stamp);
  if (!(await updateRef(gitDir, `refs/heads/${target}`, sha, before))) {
    return { ok: false, reason: 'target branch moved' };
  }
  return { ok: true, sha, before };
}

/** Tree of a true merge, made in a scratch work tree; null on a conflict. Works on every git. */
async function mergedTree(gitDir: string, target: string, source: string): Promise<string | null> {
  const folder = join(tmpdir(), `autodev-merge-${randomUUID()}`);
  const env = {
    GIT_WORK_TREE: folder,
    GIT_INDEX_FILE: join(folder, '.index'),
    ...identityEnv({ name: 'merge', email: 'merge@localhost' }, new Date(0)),
  };
  await mkdir(folder, { recursive: true });
  try {
    const base = await gitMaybe(gitDir, ['merge-base', target, source]);
    if (!base) return null;
    const options = { env, cwd: folder };
    await git(gitDir, ['read-tree', '-i', '-m', '--aggressive', base, target, source], options);
    // The three-way merge of files both sides touched; a conflict leaves the index unmerged.
    await gitMaybe(gitDir, ['merge-index', '-o', '-q', 'git-merge-one-file', '-a'], options);
    return await gitMaybe(gitDir, ['write-tree'], options);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function commitTree(
  gitDir: string,
  tree: string,
  parents: readonly string[],
  stamp: CommitStamp,
): Promise<string> {
  const args = ['commit-tree', tree, ...parents.flatMap((parent) => ['-p', parent]), '-F', '-'];
  return git(gitDir, args, {
    input: stamp.message.endsWith('\n') ? stamp.message : `${stamp.message}\n`,
    env: identityEnv(stamp.committer, stamp.when, stamp.author),
  });
}

async function commitIndex(
  gitDir: string,
  env: Record<string, string>,
  parents: readonly string[],
  stamp: CommitStamp,
): Promise<string> {
  return commitTree(gitDir, await git(gitDir, ['write-tree'], { env }), parents, stamp);
}

async function withIndex<T>(
  gitDir: string,
  work: (env: Record<string, string>) => Promise<T>,
): Promise<T> {
  const index = join(gitDir, `index-${randomUUID()}`);
  try {
    return await work({ GIT_INDEX_FILE: index });
  } finally {
    await rm(index, { force: true });
  }
}
