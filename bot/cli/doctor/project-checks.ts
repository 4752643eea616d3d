/** What one project needs so that the bot can work in it. */
import { allowedOverrides } from '../../decide/agent-overrides.ts';
import type { RepoConfig } from '../../../schema/wire/repo-config.ts';
import { parseRepoConfig, REPO_CONFIG_PATH } from '../../config/repo-config.ts';
import { ACCESS_LEVELS, accessName } from '../../domain/access.ts';
import { ForgeError } from '../../forge/errors.ts';
import type { RepoRow } from '../../store/repos.ts';
import {
  bad,
  guarded,
  ok,
  skipped,
  warning,
  type Check,
  type DoctorDeps,
  type InstallationFacts,
  type ProjectFacts,
} from './check.ts';
import { checkHook } from './hook-checks.ts';
import { checkTemplate } from './template-checks.ts';

const MAX_CONFIG_PROBLEMS = 5;

/** Every check of a project, in the order in which they build on each other. */
export async function checkProject(
  deps: DoctorDeps,
  facts: InstallationFacts,
  path: string,
  repos: readonly RepoRow[],
): Promise<Check[]> {
  const found = await findProject(deps, facts, path, repos);
  const checks = [found.check];
  if (found.project !== null) {
    const { project, level } = found;
    const branch = await checkDefaultBranch(deps, project);
    checks.push(
      branch,
      ...(level >= ACCESS_LEVELS.maintainer
        ? await severally('hook', () => checkHook(deps, project))
        : [skipped('hook', 'seeing hooks needs Maintainer')]),
    );
    if (branch.status === 'ok') {
      let planTags: string[] | null = null;
      checks.push(
        ...(await severally('template', async () => {
          const look = await checkTemplate(deps, project);
          planTags = look.planTags;
          return look.checks;
        })),
      );
      checks.push(...(await checkConfigAndRunner(deps, project, planTags)));
    }
  }
  return checks.map((check) => ({ ...check, project: found.project?.path ?? path }));
}

async function severally(name: string, look: () => Promise<Check[]>): Promise<Check[]> {
  let checks: Check[] = [];
  const failed = await guarded(name, async () => {
    checks = await look();
    return ok(name, '');
  });
  return failed.status === 'ok' ? checks : [failed];
}

type Found =
  { check: Check; project: null } | { check: Check; project: ProjectFacts; level: number };

/** Access as GitLab sees it: Developer to work, Maintainer to see hooks and runners. */
async function findProject(
  deps: DoctorDeps,
  facts: InstallationFacts,
  path: string,
  repos: readonly RepoRow[],
): Promise<Found> {
  const { read } = deps.forge;
  const who = `@${facts.bot.username}`;
  let project: ProjectFacts | null = null;
  let level = 0;
  const check = await guarded('access', async () => {
    const invite = `invite ${who} to ${path} as Maintainer (Manage > Members)`;
    const answer = await read.project(path).catch((error: unknown) => {
      if (error instanceof ForgeError && error.kind === 'not_found') return null;
      throw error;
    });
    if (answer === null) {
      return bad(
        'access',
        `GitLab shows ${who} no project ${path}`,
        `${invite}, or correct the path`,
      );
    }
    if (answer.archived) {
      return bad('access', `${answer.path} is archived`, 'unarchive it (Settings > General)');
    }
    level = await read.accessLevel(answer.id, facts.bot.id);
    const name = accessName(level);
    if (level < ACCESS_LEVELS.developer) {
      return bad('access', `${who} is ${name}; it needs Developer at least`, invite);
    }
    const row = repos.find((repo) => repo.projectId === answer.id) ?? null;
    project = {
      ...facts,
      id: answer.id,
      path: answer.path,
      defaultBranch: answer.defaultBranch,
      row,
    };
    if (level >= ACCESS_LEVELS.maintainer) return ok('access', `${who} is ${name}`);
    return warning(
      'access',
      `${who} is ${name}: hooks and runners cannot be looked at, and pipelines of a protected ` +
        'default branch start only where Developers may merge into it',
      invite,
    );
  });
  return project === null ? { check, project } : { check, project, level };
}

function checkDefaultBranch(deps: DoctorDeps, project: ProjectFacts): Promise<Check> {
  const name = 'default branch';
  return guarded(name, async () => {
    if (project.defaultBranch === '') {
      return bad(name, 'the repository is empty', 'push a first commit');
    }
    const branch = await deps.forge.read.branch(project.id, project.defaultBranch);
    if (branch !== null) return ok(name, `${project.defaultBranch} at ${branch.sha.slice(0, 8)}`);
    return bad(
      name,
      `${project.defaultBranch} does not exist`,
      'push it, or choose another one in Settings > Repository > Branch defaults',
    );
  });
}

/** `.autodev.yml` comes first, because it may name other runner tags. */
async function checkConfigAndRunner(
  deps: DoctorDeps,
  project: ProjectFacts,
  planTags: string[] | null,
): Promise<Check[]> {
  let tags = project.settings?.ci.tags ?? null;
  const config = await guarded('.autodev.yml', async () => {
    const { defaultBranch } = project;
    const text = await deps.forge.read.file(project.id, REPO_CONFIG_PATH, defaultBranch);
    const view = parseRepoConfig(text);
    tags = view.config.runner.tags ?? tags;
    if (view.problems.length > 0) {
      const problems = view.problems.slice(0, MAX_CONFIG_PROBLEMS).join('; ');
      const fix = `mend these lines of ${REPO_CONFIG_PATH} on ${defaultBranch}; until then defaults hold`;
      return bad('.autodev.yml', problems, fix);
    }
    const beyond = beyondSettings(view.config, project);
    if (beyond.length > 0) {
      const fix = `take these fields out of ${REPO_CONFIG_PATH} on ${defaultBranch}, or allow them`;
      return warning('.autodev.yml', beyond.slice(0, MAX_CONFIG_PROBLEMS).join('; '), fix);
    }
    if (!view.config.enabled) {
      const fix = `remove enabled: false from ${REPO_CONFIG_PATH} on ${defaultBranch}`;
      return warning('.autodev.yml', 'the bot is turned off in this project', fix);
    }
    return ok('.autodev.yml', text === null ? 'none, so defaults hold' : 'valid');
  });
  if (tags === null) return [config, skipped('runner', 'the settings do not say which tags')];
  const wanted = planTags === null ? [tags] : [planTags, tags];
  return [config, await guarded('runner', () => checkRunners(deps, project, wanted))];
}

/** What the file changes of agents beyond what the settings allow. */
function beyondSettings(config: RepoConfig, { settings, agents }: ProjectFacts): string[] {
  if (settings === null || agents === null) return [];
  return allowedOverrides(config, settings, agents).problems;
}

type Runner = Awaited<ReturnType<DoctorDeps['forge']['setup']['runners']>>[number];

/** A runner takes a job when it has all of its tags (gitlab-facts §4.8). */
function takes(runner: Runner, tags: readonly string[]): boolean {
  return tags.length === 0 ? runner.runUntagged : tags.every((tag) => runner.tags.includes(tag));
}

/** For each set of tags (the plan job's, the agent job's) one runner must be online. */
async function checkRunners(
  deps: DoctorDeps,
  project: ProjectFacts,
  wanted: readonly (readonly string[])[],
): Promise<Check> {
  const name = 'runner';
  let runners: Runner[];
  try {
    runners = await deps.forge.setup.runners(project.id);
  } catch (error) {
    if (error instanceof ForgeError && error.kind === 'denied') {
      return skipped(name, 'seeing runners needs Maintainer');
    }
    throw error;
  }
  const online = runners.filter((runner) => runner.online);
  const unserved = wanted.find((tags) => !online.some((runner) => takes(runner, tags)));
  if (unserved === undefined) return ok(name, `one is online for ${tagged(wanted.at(-1) ?? [])}`);
  const what = tagged(unserved);
  const add = `add a runner ${what} (Settings > CI/CD > Runners)`;
  const offline = runners.find((runner) => !runner.online && takes(runner, unserved));
  if (offline !== undefined) {
    return bad(name, `runner ${offline.id} ${what} is not online`, 'start it, or resume it');
  }
  // GitLab has no runner that takes neither tagged nor untagged jobs: its tags are hidden.
  const hidden = online.filter((runner) => runner.tags.length === 0 && !runner.runUntagged);
  if (hidden.length > 0) {
    const detail = `GitLab hides the tags of ${hidden.length} runners that are online`;
    return warning(name, detail, `look in Settings > CI/CD > Runners for one ${what}`);
  }
  return bad(name, `none is online ${what}`, `${add}, or change ci.tags in the settings`);
}

function tagged(tags: readonly string[]): string {
  if (tags.length === 0) return 'for jobs without tags';
  return `with ${tags.length === 1 ? 'tag' : 'tags'} ${tags.join(', ')}`;
}
