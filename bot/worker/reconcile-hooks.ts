/**
 * Whether the forge still sends the project's webhook: GitLab disables one after failed deliveries and
 * tells nobody (gitlab-facts §1.4). The poll heals what is missed meanwhile; somebody has to know.
 */
import { ForgeError } from '../forge/errors.ts';
import { noteHookAlert, type DuePoll } from '../store/reconcile.ts';
import type { RepoRow } from '../store/repos.ts';
import type { WorkerDeps } from './deps.ts';

/** How often the hook is asked after; the poll itself is more frequent. */
const EVERY_SECONDS = 300;
const DAY_MS = 86_400_000;

/** When it was last said that a project's hook cannot be read, by repository. */
export type HookSilence = Map<number, number>;

/** True for one poll in every five minutes, however often a project is polled. */
export function hookCheckDue(due: DuePoll, now: Date): boolean {
  const turn = (time: Date): number => Math.floor(time.getTime() / 1000 / EVERY_SECONDS);
  return due.reconciledUntil === null || turn(due.reconciledUntil) !== turn(now);
}

/** Reads the state of the bot's own hook, remembers it, and warns when it changed for the worse. */
export async function checkHook(repo: RepoRow, said: HookSilence, deps: WorkerDeps): Promise<void> {
  const hooks = await hooksOf(repo, said, deps);
  if (hooks === null) return;
  const hook = hooks.find(({ url }) => url === deps.hookUrl);
  const alert = hook?.alertStatus ?? null;
  const before = await noteHookAlert(deps.db, repo.id, alert);
  if (alert === before) return;
  if (!hook || alert === 'executable') {
    deps.log.info({ repo: repo.path, alert }, 'GitLab says how the webhook stands');
    return;
  }
  deps.log.warn(
    { repo: repo.path, alert, hook: hook.id },
    hookAdvice(repo, hook.id, hook.alertStatus),
  );
}

/** What is wrong, what it means and what to do, in one line. */
function hookAdvice(repo: RepoRow, hookId: number, alert: string): string {
  const page = `${repo.webUrl}/-/hooks/${hookId}/edit`;
  const again =
    alert === 'disabled'
      ? 'GitLab will not try again by itself'
      : 'GitLab tries again after a pause that doubles each time';
  return (
    `GitLab does not send the webhook of ${repo.path} after failed deliveries (${alert}); ${again}. ` +
    `Until then events are found by polling. Mend what the log on ${page} shows, then press Test there.`
  );
}

/** Null where the bot may not read them; said once a day. */
async function hooksOf(repo: RepoRow, said: HookSilence, deps: WorkerDeps) {
  try {
    return await deps.forge.setup.hooks(repo.projectId);
  } catch (error) {
    if (!(error instanceof ForgeError) || error.kind !== 'denied') throw error;
    const now = deps.now().getTime();
    if (now - (said.get(repo.id) ?? Number.NEGATIVE_INFINITY) >= DAY_MS) {
      said.set(repo.id, now);
      deps.log.info(
        { repo: repo.path },
        'the webhook’s state is not looked at: that needs the Maintainer role',
      );
    }
    return null;
  }
}
