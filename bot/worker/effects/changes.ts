/** Effects that publish an agent's work: the commit on the run's branch, and the change itself. */
import type { Receipt } from '../../domain/effects.ts';
import type { BlockedFile } from '../../domain/outcomes.ts';
import { code } from '../../decide/text.ts';
import { lastBuild } from '../../decide/builds.ts';
import { meetingNote } from '../../decide/locks.ts';
import { tallyOf, weightsOf } from '../../decide/tally.ts';
import {
  latestAttempt,
  taskOfAttempt,
  type Attempt,
  type ChangeRole,
  type Run,
} from '../../domain/runs.ts';
import type { FileChange, JobResult } from '../../../schema/wire/result.ts';
import { ForgeError } from '../../forge/errors.ts';
import type { EffectContext } from './context.ts';
import { claimsAround } from '../claimed-files.ts';
import type { WorkerDeps } from '../deps.ts';
import { loadRun } from '../load-run.ts';
import {
  attemptTrailer,
  branchName,
  changeDescription,
  changeTitle,
  commitMessage,
  specDescription,
  specPath,
} from '../publish/change-text.ts';
import { standingAllowances } from '../publish/allowances.ts';
import { blockedFiles } from '../publish/blocked-files.ts';
import { neutralise } from '../publish/neutralise.ts';
import { pageOf } from '../publish/page.ts';
import { checkResult } from '../publish/check-result.ts';
import { findSame } from './same-changes.ts';

/** On every change the bot opens, beside the one that says where it stands. */
const LABEL = 'autodev';
/** Set together with the write that is made anyway, so that a label costs no call. */
const PHASE = {
  spec: 'autodev-phase::spec',
  verify: 'autodev-phase::verify',
  approval: 'autodev-phase::approval',
} as const;

/** Checks the result and commits it, once, to the branch of the run's change (DESIGN §4.6). */
export async function commitChanges(context: EffectContext<'commit_changes'>): Promise<Receipt> {
  const { effect, repo, deps } = context;
  const { run, attempt } = await load(context, effect.run, effect.attempt);
  const { result } = attempt;
  if (!result) throw new Error(`attempt ${attempt.id} has no result to publish`);
  const refused = (cause: string, next: string, blocked?: BlockedFile[]): Receipt => ({
    kind: 'commit_changes',
    outcome: 'refused',
    cause,
    next,
    ...(blocked === undefined ? {} : { blocked }),
  });
  const branch = run.changes[effect.change]?.branch ?? branchName(run, effect.change);
  const { read } = deps.forge;
  const head = await read.branch(repo.projectId, branch);
  const changes = changesOf(run, effect.change, result, {
    exists: head !== null,
    allowedHost: deps.forgeHost,
  });
  const { protectedPaths } = run.context;
  const allowed = await standingAllowances(run, (id) => read.accessLevel(repo.projectId, id));
  const rules = { protectedPaths, ownSecrets: deps.ownSecrets, allowed };
  const verdict = await checkResult({ ...result, changes }, rules);
  if (!verdict.ok) {
    const { cause, next, blocked } = verdict;
    if (blocked === undefined) return refused(cause, next);
    const from = head?.sha ?? attempt.sha;
    const files = await blockedFiles(blocked, (path) => read.file(repo.projectId, path, from));
    return refused(cause, next, files);
  }
  // A requester who lost his rights meanwhile cannot publish any more (threat A12).
  const level = await deps.forge.read.accessLevel(repo.projectId, run.requester.id);
  if (level < DEVELOPER) {
    return refused(
      `@${run.requester.username}, who asked for this, may not write to the project any more.`,
      'Someone with Developer can ask again: `/autodev implement`.',
    );
  }
  if (head?.message.includes(attemptTrailer(attempt))) {
    return { kind: 'commit_changes', outcome: 'committed', branch, sha: head.sha };
  }
  const known = run.changes[effect.change]?.headSha ?? null;
  if (head === null && known !== null) {
    return refused(
      `The branch ${code(branch)} was deleted meanwhile. Nothing was pushed.`,
      'Restore it to go on by hand, or `/autodev retry` to start anew.',
    );
  }
  if (head && head.sha !== known) {
    return refused(
      known === null
        ? `The branch \`${branch}\` exists already with other work on it. Nothing was pushed.`
        : `Somebody pushed to \`${branch}\` meanwhile. Nothing was overwritten.`,
      'Go on by hand on that branch, or delete it and `/autodev retry`.',
    );
  }
  if (effect.change === 'code' && known === null) {
    const from = { db: deps.db, read, projectId: repo.projectId };
    const as = await findSame(run, attempt, changes, from);
    if (as !== null) return { kind: 'commit_changes', outcome: 'same', as };
  }
  await context.begin();
  const { sha } = await deps.forge.write.commit(repo.projectId, {
    branch,
    startSha: head?.sha ?? attempt.sha,
    message: commitMessage(run, attempt),
    changes,
  });
  return { kind: 'commit_changes', outcome: 'committed', branch, sha };
}

const DEVELOPER = 30;
/** More than the schemas of a specification and of an epic's plan let through. */
const PAGE_CHARS = 200_000;

/** The architect's specification is text; the bot, not the agent, says in which file it stands. */
function changesOf(
  run: Run,
  role: ChangeRole,
  result: JobResult,
  branch: { exists: boolean; allowedHost: string },
): FileChange[] {
  if (role === 'code') return result.changes;
  const { report } = result;
  const text = report?.kind === 'spec' || report?.kind === 'epic' ? pageOf(report) : result.summary;
  // People read the page as GitLab renders it, images and links included.
  const page = neutralise(text, { allowedHost: branch.allowedHost, maxChars: PAGE_CHARS });
  return [
    {
      path: specPath(run),
      action: branch.exists ? 'update' : 'create',
      mode: '100644',
      content: Buffer.from(`${page.trimEnd()}\n`).toString('base64'),
    },
  ];
}

/** Opens the change of the branch, or finds it. */
export async function openChange(context: EffectContext<'open_change'>): Promise<Receipt> {
  const { effect, repo, deps } = context;
  const { run, attempt } = await load(context, effect.run, effect.attempt);
  const branch = run.changes[effect.change]?.branch;
  if (branch === undefined) throw new Error(`run ${run.id} has no branch to open a change from`);
  const { write } = deps.forge;
  if (context.again) {
    const found = await write.findChange(repo.projectId, branch);
    if (found) return { kind: 'open_change', iid: found.iid, url: found.url };
  }
  await context.begin();
  try {
    const opened = await write.openChange(repo.projectId, {
      sourceBranch: branch,
      targetBranch: run.context.defaultBranch,
      title: changeTitle(run, effect.change),
      description:
        effect.change === 'spec'
          ? specDescription(run, attempt, deps.forgeHost)
          : await withMeeting(run, changeDescription(run, attempt, deps.forgeHost, null), deps),
      labels: [LABEL, ...phaseOf(run, effect.change)],
      draft: effect.draft,
      removeSourceBranch: true,
    });
    return { kind: 'open_change', ...opened };
  } catch (error) {
    if (!(error instanceof ForgeError) || error.kind !== 'conflict') throw error;
    const found = await write.findChange(repo.projectId, branch);
    if (!found) throw error;
    return { kind: 'open_change', iid: found.iid, url: found.url };
  }
}

/** Brings the code change's description and labels up to date with votes and cost. */
export async function updateChange(context: EffectContext<'update_change'>): Promise<Receipt> {
  const { effect, repo, deps } = context;
  const loaded = await loadRun(deps.db, effect.run);
  const iid = loaded?.run.changes.code?.iid;
  const built = loaded ? lastBuild(loaded.run) : null;
  const attempt = built ? latestAttempt(built) : null;
  if (!loaded || iid == null || !attempt) throw new ForgeError('invalid', 'the change is gone');
  const { run } = loaded;
  const tally = tallyOf(run, weightsOf(deps));
  const security = tally.votes.find((vote) => vote.role === 'security');
  const wanted: Record<string, boolean> = {
    'consensus-approved': tally.consensus.kind === 'approve',
    'consensus-conditional': tally.consensus.kind === 'conditional',
    'security-review': security !== undefined && security.score < SECURITY_REVIEW_BELOW,
    [PHASE.approval]: true,
    [PHASE.verify]: false,
  };
  const labels = (on: boolean): string[] =>
    Object.keys(wanted).filter((name) => wanted[name] === on);
  const title = effect.ready === true ? await readyTitle(context, iid) : null;
  await context.begin();
  await deps.forge.write.updateChange(repo.projectId, iid, {
    ...(title === null ? {} : { title }),
    description: await withMeeting(
      run,
      changeDescription(run, attempt, deps.forgeHost, tally),
      deps,
    ),
    addLabels: labels(true),
    removeLabels: labels(false),
  });
  return { kind: 'update_change' };
}

/** The description, with a word on other runs that have claimed the same files. */
async function withMeeting(run: Run, description: string, deps: WorkerDeps): Promise<string> {
  const note = meetingNote((await claimsAround(run, deps.db)).met);
  return note === '' ? description : `${description}\n\n${note}`;
}

/** Where a change stands, for runs that lead it to a gate. */
function phaseOf(run: Run, role: ChangeRole): string[] {
  if (role === 'spec') return [PHASE.spec];
  const gated = run.context.workflow.stages.some((stage) => stage.kind === 'gate');
  return gated ? [PHASE.verify] : [];
}

/** The title without its draft mark, in whatever words people put it meanwhile; null when it has none. */
async function readyTitle(
  { repo, deps }: EffectContext<'update_change'>,
  iid: number,
): Promise<string | null> {
  const { title, draft } = await deps.forge.read.change(repo.projectId, iid);
  return draft ? title.replace(DRAFT_MARK, '') : null;
}

/** GitLab's marks of a draft (docs/user/project/merge_requests/drafts.md). */
const DRAFT_MARK = /^\s?(?:\[draft\]|draft:|\(draft\))\s?/i;
/** Security scores below this ask for a person's look (DESIGN §5). */
const SECURITY_REVIEW_BELOW = 80;

async function load(
  context: EffectContext<'commit_changes'> | EffectContext<'open_change'>,
  runId: number,
  attemptId: number,
): Promise<{ run: Run; attempt: Attempt }> {
  const loaded = await loadRun(context.deps.db, runId);
  const task = loaded ? taskOfAttempt(loaded.run, attemptId) : null;
  const attempt = task ? latestAttempt(task) : null;
  if (!loaded || !attempt || attempt.id !== attemptId) {
    throw new ForgeError('invalid', 'a newer attempt has taken over');
  }
  return { run: loaded.run, attempt };
}
