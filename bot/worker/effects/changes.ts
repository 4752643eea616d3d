/** Effects that publish an agent's work: the commit on the run's branch, and the change itself. */
import type { Receipt } from '../../domain/effects.ts';
import { latestAttempt, type Attempt, type Run } from '../../domain/runs.ts';
import { ForgeError } from '../../forge/errors.ts';
import type { EffectContext } from './context.ts';
import { loadRun } from '../load-run.ts';
import {
  attemptTrailer,
  branchName,
  changeDescription,
  changeTitle,
  commitMessage,
} from '../publish/change-text.ts';
import { checkResult } from '../publish/check-result.ts';

/** The one label of every change the bot opens. */
const LABEL = 'autodev';

/** Checks the result and commits it, once, to the run's own branch (DESIGN §4.6). */
export async function commitChanges(context: EffectContext<'commit_changes'>): Promise<Receipt> {
  const { effect, repo, deps } = context;
  const { run, attempt } = await load(context, effect.run, effect.attempt);
  const { result } = attempt;
  if (!result) throw new Error(`attempt ${attempt.id} has no result to publish`);
  const verdict = await checkResult(result, {
    protectedPaths: run.context.protectedPaths,
    ownSecrets: deps.ownSecrets,
  });
  if (!verdict.ok) {
    const { cause, next } = verdict;
    return { kind: 'commit_changes', outcome: 'refused', cause, next };
  }
  // A requester who lost his rights meanwhile cannot publish any more (threat A12).
  const level = await deps.forge.read.accessLevel(repo.projectId, run.requester.id);
  if (level < DEVELOPER) {
    return {
      kind: 'commit_changes',
      outcome: 'refused',
      cause: `@${run.requester.username}, who asked for this, may not write to the project any more.`,
      next: 'Someone with Developer can ask again: `/autodev implement`.',
    };
  }
  const branch = run.branch ?? branchName(run);
  const head = await deps.forge.read.branch(repo.projectId, branch);
  if (head?.message.includes(attemptTrailer(attempt))) {
    return { kind: 'commit_changes', outcome: 'committed', branch, sha: head.sha };
  }
  if (head) {
    return {
      kind: 'commit_changes',
      outcome: 'refused',
      cause: `The branch \`${branch}\` exists already with other work on it. Nothing was pushed.`,
      next: 'Delete or rename that branch, then `/autodev retry`.',
    };
  }
  await context.begin();
  const { sha } = await deps.forge.write.commit(repo.projectId, {
    branch,
    startSha: attempt.sha,
    message: commitMessage(run, attempt),
    changes: result.changes,
  });
  return { kind: 'commit_changes', outcome: 'committed', branch, sha };
}

const DEVELOPER = 30;

/** Opens the change of the run's branch, or finds it. */
export async function openChange(context: EffectContext<'open_change'>): Promise<Receipt> {
  const { effect, repo, deps } = context;
  const { run, attempt } = await load(context, effect.run, effect.attempt);
  if (run.branch === null) throw new Error(`run ${run.id} has no branch to open a change from`);
  const { read: _read, write } = deps.forge;
  if (context.again) {
    const found = await write.findChange(repo.projectId, run.branch);
    if (found) return { kind: 'open_change', iid: found.iid, url: found.url };
  }
  await context.begin();
  try {
    const opened = await write.openChange(repo.projectId, {
      sourceBranch: run.branch,
      targetBranch: run.context.defaultBranch,
      title: changeTitle(run),
      description: changeDescription(run, attempt, deps.forgeHost),
      labels: [LABEL],
      draft: effect.draft,
      removeSourceBranch: true,
    });
    return { kind: 'open_change', ...opened };
  } catch (error) {
    if (!(error instanceof ForgeError) || error.kind !== 'conflict') throw error;
    const found = await write.findChange(repo.projectId, run.branch);
    if (!found) throw error;
    return { kind: 'open_change', iid: found.iid, url: found.url };
  }
}

async function load(
  context: EffectContext<'commit_changes'> | EffectContext<'open_change'>,
  runId: number,
  attemptId: number,
): Promise<{ run: Run; attempt: Attempt }> {
  const loaded = await loadRun(context.deps.db, runId);
  const attempt = loaded ? latestAttempt(loaded.run) : null;
  if (!loaded || !attempt || attempt.id !== attemptId) {
    throw new ForgeError('invalid', 'a newer attempt has taken over');
  }
  return { run: loaded.run, attempt };
}
