/** One commit of whole files through GitLab's commits API (gitlab-facts §3.2). */
import { z } from 'zod';
import type { FileChange } from '../../../schema/wire/result.ts';
import { ForgeError } from '../errors.ts';
import type { CommitRequest } from '../forge.ts';
import { orNull, parseAnswer, parseExpanded } from './resources.ts';
import type { Resources } from './resources.ts';

export const COMMIT_LIMITS = {
  /** Changed files whose last commit is looked up as a guard; more would cost too many requests. */
  guardedFiles: 20,
} as const;

const BranchHead = z.object({ commit: z.object({ id: z.string() }) });
const FileHead = z.object({ last_commit_id: z.string().nullish() });
const CommitAnswer = z.object({ id: z.string() });

interface CommitAction {
  action: 'create' | 'update' | 'delete' | 'chmod';
  filePath: string;
  content?: string;
  encoding?: 'base64';
  executeFilemode?: boolean;
  lastCommitId?: string;
}

/**
 * Commits `request.changes` on top of `request.startSha`. GitLab has no compare-and-swap of a branch:
 * `start_sha` is refused when the branch exists, and `force` would drop other people's commits. So a
 * new branch is made with `start_sha`, and an existing one is used only while it stands at `startSha`,
 * with `last_commit_id` on each replaced file to catch a push in between.
 * @throws ForgeError `conflict` when the branch or a file moved; `invalid` for an empty request
 */
export async function commitFiles(
  api: Resources,
  projectId: number,
  request: CommitRequest,
): Promise<{ sha: string }> {
  const { branch, startSha, changes } = request;
  if (changes.length === 0) {
    throw new ForgeError('invalid', `Nothing to commit to ${branch} in project ${projectId}`);
  }
  const found = await orNull<unknown>(api.branches.show(projectId, branch));
  const head =
    found === null
      ? null
      : parseAnswer(BranchHead, found, `GET branch of project ${projectId}`).commit.id;
  if (head !== null && head !== startSha) {
    throw new ForgeError(
      'conflict',
      `Branch ${branch} in project ${projectId} is at ${head}, not at ${startSha}; read it again`,
    );
  }
  const guards =
    head === null ? new Map<string, string>() : await lastCommits(api, projectId, request);
  const actions = changes.flatMap((change) => commitActions(change, guards.get(change.path)));
  const what = `POST commit to project ${projectId}`;
  const answer = await movedAsConflict(
    api.commits.create(
      projectId,
      branch,
      request.message,
      // gitbeaker's type lacks `chmod` with a file mode on some versions; the API takes these.
      actions as Parameters<Resources['commits']['create']>[3] & CommitAction[],
      { ...(head === null ? { startSha } : {}), showExpanded: true },
    ),
  );
  return { sha: parseExpanded(CommitAnswer, answer, what).data.id };
}

/** Newest commit of each replaced or deleted file as of `startSha`. */
async function lastCommits(
  api: Resources,
  projectId: number,
  { changes, startSha }: CommitRequest,
): Promise<Map<string, string>> {
  const replaced = changes.filter((change) => change.action !== 'create');
  const looked = await Promise.all(
    replaced.slice(0, COMMIT_LIMITS.guardedFiles).map(async ({ path }) => {
      const answer = await orNull<unknown>(api.files.show(projectId, path, startSha));
      if (answer === null) return null;
      const what = `GET file of project ${projectId}`;
      const id = parseAnswer(FileHead, answer, what).last_commit_id;
      return id ? ([path, id] as const) : null;
    }),
  );
  return new Map(looked.filter((entry) => entry !== null));
}

/**
 * GitLab's actions for one change. The mode travels as a `chmod` of its own: the API considers
 * `execute_filemode` there only. A `chmod` to the mode a file has already changes nothing.
 */
export function commitActions(change: FileChange, lastCommitId?: string): CommitAction[] {
  const { path: filePath, action, mode, content } = change;
  const guard = lastCommitId === undefined ? {} : { lastCommitId };
  if (action === 'delete') return [{ action, filePath, ...guard }];
  if (content === undefined) {
    throw new ForgeError('invalid', `The ${action} of ${filePath} has no content to commit`);
  }
  const write: CommitAction = { action, filePath, content, encoding: 'base64', ...guard };
  const executeFilemode = mode === '100755';
  if (action === 'create' && !executeFilemode) return [write];
  return [write, { action: 'chmod', filePath, executeFilemode }];
}

/** GitLab answers 400 to what are conflicts: someone made the branch or changed a file meanwhile. */
async function movedAsConflict<T>(sent: Promise<T>): Promise<T> {
  try {
    return await sent;
  } catch (error) {
    const moved =
      error instanceof ForgeError &&
      error.kind === 'invalid' &&
      /A branch called .* already exists|has changed since|Please refresh and try again/i.test(
        error.message,
      );
    if (!moved) throw error;
    throw new ForgeError('conflict', error.message, { status: error.status, cause: error });
  }
}
