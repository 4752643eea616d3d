/** All checks in order. What builds on a broken part is not looked at: one cause, one line. */
import { checkBot, checkPublicUrl, checkStorage } from './service-checks.ts';
import { ok, skipped, type Check, type DoctorDeps } from './check.ts';
import { checkAccount, checkGitLab, checkIdTokenKeys, checkToken } from './gitlab-checks.ts';
import { checkModelKeys, checkSettings } from './model-checks.ts';
import { checkProject } from './project-checks.ts';

/**
 * Looks at the installation and at the given projects (all that the bot knows when none is given).
 * Every result goes to `report` as soon as it is there. Never throws for what a check finds.
 */
export async function examine(
  deps: DoctorDeps,
  projects: readonly string[],
  report: (check: Check) => void,
): Promise<Check[]> {
  const all: Check[] = [];
  const add = (...checks: Check[]): void => {
    for (const check of checks) {
      all.push(check);
      report(check);
    }
  };
  add(ok('configuration', 'every variable that is needed is set'));
  const { checks, settings, agents } = await checkSettings(deps);
  add(...checks);
  add(...(await checkModelKeys(deps)));
  const storage = await checkStorage(deps);
  add(...storage.checks, checkPublicUrl(deps), await checkBot(deps));

  const gitlab = await checkGitLab(deps);
  add(gitlab.check);
  if (!gitlab.reachable) {
    add(skipped('token', 'GitLab does not answer'), skipped('projects', 'GitLab does not answer'));
    return all;
  }
  add(await checkIdTokenKeys(deps));
  const token = await checkToken(deps);
  add(...token);
  if (token.some((one) => one.status === 'error')) {
    add(skipped('projects', 'the token is not good'));
    return all;
  }
  const { check, bot } = await checkAccount(deps);
  add(check);
  if (bot === null) {
    add(skipped('projects', 'the account cannot be used'));
    return all;
  }
  const repos = storage.repos ?? [];
  const paths = projects.length > 0 ? projects : repos.map((repo) => repo.path);
  if (paths.length === 0) {
    add(
      storage.repos === null
        ? skipped(
            'projects',
            'the list is in the database; name them: autodev doctor group/project',
          )
        : skipped('projects', 'none is known yet; add one with autodev connect group/project'),
    );
  }
  const facts = { version: gitlab.version, bot, settings, agents };
  for (const path of paths) add(...(await checkProject(deps, facts, path, repos)));
  return all;
}
