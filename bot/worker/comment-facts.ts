/**
 * What is needed for a comment without a command. Most are none of the bot's business: the store is asked
 * first, and the forge only where an agent is at work.
 */
import type { Interest } from '../decide/interest.ts';
import { agentAtWork } from '../decide/steer.ts';
import { countMessages } from '../store/messages.ts';
import { repoByProject } from '../store/repos.ts';
import { wishKnown } from '../store/wishes.ts';
import type { WorkerDeps } from './deps.ts';
import { runsOf } from './find-run.ts';
import { base, orNull, wishKeys, type Taken } from './snapshot-base.ts';

/** The snapshot for a comment while an agent is at work there, or why it needs none. */
export async function takeForComment(
  interest: Extract<Interest, { kind: 'comment' }>,
  deps: WorkerDeps,
): Promise<Taken> {
  const { project, target, actorId } = interest;
  const repo = await repoByProject(deps.db, 'gitlab', project.id);
  if (!repo) return { ignore: 'no command in the note' };
  const { run } = await runsOf(repo, target, 'main', false, deps);
  if (!run || !agentAtWork(run)) {
    return { ignore: 'no command in the note, and no agent is at work here' };
  }
  const bot = await deps.bot();
  if (actorId === bot.id) return { ignore: 'written by the bot itself' };
  const { read } = deps.forge;
  const wish = wishKeys(interest.wish, deps);
  const [fresh, level, issue, config, handled, messages] = await Promise.all([
    read.project(project.id),
    read.accessLevel(project.id, actorId),
    run.target.type === 'issue' ? orNull(read.issue(project.id, run.target.iid)) : null,
    orNull(read.file(project.id, deps.repoConfigPath, project.defaultBranch)),
    wishKnown(deps.db, repo.id, wish),
    countMessages(deps.db, run.id),
  ]);
  const plain = base(repo, deps);
  return {
    snapshot: {
      ...plain,
      bot,
      project: { ...plain.project, archived: fresh.archived },
      repoConfig: deps.parseRepoConfig(config),
      actorAccess: level,
      issue,
      run,
      handled,
      messages,
    },
    scope: { repo, target: run.target, wish },
  };
}
