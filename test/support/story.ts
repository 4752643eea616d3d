/**
 * Whole-bot conversations: a sandbox GitLab with people, CI and a scripted model, the bot beside it, and
 * stories that play on one issue each. A story fails when the bot wrote something nobody asserted.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import pino from 'pino';
import { parse, stringify } from 'yaml';
import { readEnv, type Config } from '../../bot/config/env.ts';
import { projectHookToken } from '../../bot/forge/gitlab/webhooks.ts';
import { startBot, type Bot, type Role } from '../../bot/main.ts';
import type { Settings } from '../../schema/wire/settings.ts';
import type { SandboxOptions } from '../../sandbox/gitlab/instance.ts';
import { ACCESS } from '../../sandbox/gitlab/state/access-levels.ts';
import type { Project } from '../../sandbox/gitlab/state/types.ts';
import type { CiEngineOptions } from '../../sandbox/ci/contract.ts';
import { loadScripts } from '../../sandbox/model/scripts.ts';
import type { Script } from '../../sandbox/model/types.ts';
import { freePort, startWorld, type World } from '../../sandbox/world.ts';
import { keep, keptConfigDir } from './kept.ts';
import { prepareDatabase } from './prepared-data.ts';
import { createStory, type Story, type StoryOptions } from './one-story.ts';
import type { SettledOf, StageBase } from './stage.ts';
import { expectTakenByGitLab } from './taken-by-gitlab.ts';
import { until } from './until.ts';

export const ROOT = path.resolve(import.meta.dirname, '../..');
/** The webhook secret of a stage’s bot. */
export const SECRET = 'stories-webhook-secret-of-32-chars';
const SETTLE_MS = 60_000;
/** The sample's second include, whose job deploys it. */
const DEPLOY_INCLUDE = /^ {2}- remote: \S+\/jobs\/deploy\.yml\n(?: {4}.*\n)+/m;

export interface StageOptions {
  /**
   * Where the bot keeps its rows: the URL of a PostgreSQL, or the embedded database. Default: a PostgreSQL of
   * the stage's own where the machine has one, which takes half the time; embedded elsewhere.
   */
  database?: string;
  /** Redis for the queue, as URL or socket; default: the queue lives in the database. */
  redisUrl?: string;
  /** Changes to config/settings.yaml. */
  settings?: (settings: Settings) => void;
  /** Folder of the agents; default: those that are shipped. */
  agentsDir?: string;
  /** Folders with more programs of the job image. */
  imagePath?: string[];
  gitlab?: Partial<SandboxOptions>;
  ci?: Partial<CiEngineOptions>;
  /** Bot processes in this one: default one with role `all`. The first one gets the hooks. */
  roles?: Role[];
}

export interface Stage extends StageBase {
  /** Plays a story and fails when a note of the bot was not asserted. */
  tell(title: string, options: StoryOptions, play: (story: Story) => Promise<void>): Promise<void>;
  /** Stops the bots; `start` brings them back on the same data and the same ports. */
  stop(): Promise<void>;
  start(): Promise<void>;
  close(): Promise<void>;
}

const JOB_SOURCES = ['jobs', 'schema/wire', 'package-lock.json'];

/** The job program, bundled into a folder that must not exist. */
export async function buildJob(dir: string): Promise<string> {
  const built = await keep('job', JOB_SOURCES, async (own) => {
    await promisify(execFile)(process.execPath, [path.join(ROOT, 'jobs/build.mjs'), own]);
  });
  await cp(built, dir, { recursive: true });
  return dir;
}

/** What a stage hands to the bot's environment, and the world it talks to. */
export interface Scene {
  dir: string;
  world: World;
  port: number;
  /** Scripts asked before the shipped ones; tests add theirs. */
  scripts: Script[];
  env: Record<string, string>;
  /** Ends the world and the database, and removes what they wrote. The bot is to be stopped before. */
  close(): Promise<void>;
}

/** A world with its job program and the environment of a bot that listens on a free port. */
export async function startScene(options: StageOptions): Promise<Scene> {
  const dir = mkdtempSync(path.join(tmpdir(), 'autodev-story-'));
  const database = await prepareDatabase(path.join(dir, 'data'), options.database);
  const port = await freePort();
  const scripts: Script[] = await loadScripts(path.join(ROOT, 'sandbox/model/scripts'));
  const world = await startWorld({
    dir,
    jobDir: await buildJob(path.join(dir, 'job')),
    template: readFileSync(path.join(ROOT, 'ci-templates/autodev.yml'), 'utf8'),
    botUrl: `http://127.0.0.1:${port}`,
    scripts,
    imagePath: options.imagePath ?? [],
    gitlab: { autoDisableHooks: false, ...options.gitlab },
    ci: {
      concurrency: 8,
      configDir: await keptConfigDir(),
      ...options.ci,
    },
  });
  const env: Record<string, string> = {
    ...world.botEnv,
    AUTODEV_WEBHOOK_SECRET: SECRET,
    AUTODEV_HOST: '127.0.0.1',
    AUTODEV_DATA_DIR: path.join(dir, 'data'),
    PORT: String(port),
    ...(database.url === null ? {} : { DATABASE_URL: database.url }),
    ...(options.agentsDir === undefined ? {} : { AUTODEV_AGENTS_DIR: options.agentsDir }),
  };
  env['AUTODEV_SETTINGS'] = settingsFile(dir, (settings) => {
    // A story asks for what the comment says now.
    settings.limits.statusSeconds = 0;
    // A red pipeline counts at once: nobody in a story retries by chance.
    settings.limits.settleMinutes = 0;
    options.settings?.(settings);
  });
  await createHook(world, world.project, `http://127.0.0.1:${port}`);
  const close = async (): Promise<void> => {
    await world.close();
    await database.stop();
    rmSync(dir, { recursive: true, force: true, maxRetries: 3 });
  };
  return { dir, world, port, scripts, env, close };
}

/** Starts a world and a bot in this process, hooks in place. */
export async function startStage(options: StageOptions = {}): Promise<Stage> {
  const scene = await startScene(options);
  const { world, env, scripts } = scene;
  const log: string[] = [];
  const bots: Bot[] = [];
  const { redisUrl } = options;
  const config = { ...configOf(env), ...(redisUrl === undefined ? {} : { redisUrl }) };
  const roles = options.roles ?? ['all' as const];
  const ports = [scene.port];
  while (ports.length < roles.length) ports.push(await freePort());
  const start = async (): Promise<void> => {
    for (const [index, role] of roles.entries()) {
      const own = { ...config, port: ports[index] ?? 0 };
      bots.push(await startBot(own, role, pino({ level: 'debug' }, { write: (l) => log.push(l) })));
    }
  };
  const stop = async (): Promise<void> => {
    for (const bot of bots.splice(0).toReversed()) await bot.close();
  };
  await start();
  const rest = restOf(world);
  const db = (): Bot['store'] => (bots[0] as Bot).store;
  const stage: Stage = {
    world,
    light: await createProject(world, scene.port, 'stories/light', {}),
    bots,
    botUrls: ports.map((port) => `http://127.0.0.1:${port}`),
    config,
    log,
    rest,
    rows: (text, params) => db().query(text, params),
    project: (name, files = {}, options) =>
      createProject(world, scene.port, name, files, options?.deploys),
    script: (about, script) => addScript(scripts, about, script),
    settled: async (of) => {
      await until(
        async () => (await world.gitlab.hooksIdle(), (await openWork(db(), of)) === 0),
        SETTLE_MS,
        'the bot to have nothing to do',
      );
    },
    tell: async (title, storyOptions, play) => {
      const story = await createStory(stage, title, storyOptions);
      try {
        await play(story);
        await story.over();
      } catch (error) {
        throw new Error(`${String(error)}\n${await story.transcript()}`, { cause: error });
      }
    },
    stop,
    start,
    close: async () => {
      await stop();
      await scene.close();
      expectTakenByGitLab(world);
    },
  };
  return stage;
}

/** Puts a script first that answers conversations in which a message from our side holds `about`. */
export function addScript(
  scripts: Script[],
  about: string,
  script: Omit<Script, 'name' | 'matches'>,
): void {
  const matches: Script['matches'] = ({ messages }) =>
    messages.some(({ role, text }) => role === 'user' && text.includes(about));
  scripts.unshift({ name: about, matches, ...script });
}

/** Rows that wait to be worked on: all of them, or those about one issue or project. */
async function openWork(db: Bot['store'], of: SettledOf | undefined): Promise<number> {
  const [row] = await db.query<{ open: number }>(
    `with mine as (
       select runs.id from runs join repos on repos.id = repo_id
       where $1::bigint is null or project_id = $1 and ($2::bigint is null or target_iid = $2)
     )
     select (select count(*) from effects
             where state = 'pending' and ($1::bigint is null or run_id in (select id from mine)))
       + (select count(*) from deliveries
          where state = 'new' and case
            when $1::bigint is null then true
            when source = 'autodev' then (body::jsonb ->> 'runId')::bigint in (select id from mine)
            else body::jsonb -> 'project' ->> 'id' = $1::text end) as open`,
    [of?.projectId ?? null, of?.iid ?? null],
  );
  return row?.open ?? 0;
}

export function configOf(env: Record<string, string>): Config {
  const result = readEnv(env);
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.config;
}

/** Writes the shipped settings with changes into `dir`; returns the file. */
export function settingsFile(dir: string, change: (settings: Settings) => void): string {
  const settings = parse(readFileSync(path.join(ROOT, 'config/settings.yaml'), 'utf8')) as Settings;
  change(settings);
  const file = path.join(dir, 'settings.yaml');
  writeFileSync(file, stringify(settings));
  return file;
}

/** Calls the sandbox's REST API as a person; throws for every answer that is no success. */
export function restOf(world: World): Stage['rest'] {
  return async (person, method, where, body) => {
    const response = await fetch(`${world.gitlab.url}/api/v4${where}`, {
      method,
      headers: {
        'PRIVATE-TOKEN': world.people[person].token,
        'Content-Type': 'application/json',
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${where} answered ${response.status}: ${text}`);
    return text === '' ? null : (JSON.parse(text) as unknown);
  };
}

async function createHook(world: World, project: Project, botUrl: string): Promise<void> {
  await restOf(world)('autodev', 'POST', `/projects/${project.id}/hooks`, {
    url: `${botUrl}/webhooks/gitlab`,
    token: projectHookToken(SECRET, project.id),
    push_events: false,
    issues_events: true,
    confidential_issues_events: true,
    note_events: true,
    confidential_note_events: true,
    merge_requests_events: true,
    pipeline_events: true,
  });
}

/** A project like the sample, with a test job that takes no time, its members and its hook. */
export async function createProject(
  world: World,
  port: number,
  name: string,
  files: Record<string, string | null> = {},
  deploys = false,
): Promise<Project> {
  const { people, gitlab } = world;
  const folder = await filesOf(world.project);
  const ci = folder['.gitlab-ci.yml'] ?? '';
  const quick = ci.replace(/^ {4}- npm test .*$/m, '    - test -f package.json');
  folder['.gitlab-ci.yml'] = deploys ? quick : quick.replace(DEPLOY_INCLUDE, '');
  const merged = Object.entries({ ...folder, ...files });
  const project = await gitlab.api.createProject({
    path: name,
    visibility: 'public',
    owner: people.dana.user,
    files: Object.fromEntries(
      merged.flatMap(([file, text]) => (text === null ? [] : [[file, text]])),
    ),
  });
  gitlab.api.addMember(project, people.sam.user, ACCESS.developer);
  gitlab.api.addMember(project, people.lee.user, ACCESS.developer);
  gitlab.api.addMember(project, people.rita.user, ACCESS.reporter);
  gitlab.api.addMember(project, people.gus.user, ACCESS.guest);
  gitlab.api.addMember(project, people.autodev.user, ACCESS.maintainer);
  await createHook(world, project, `http://127.0.0.1:${port}`);
  return project;
}

/** The files of a project's default branch. */
async function filesOf(project: Project): Promise<Record<string, string>> {
  const git = async (...args: string[]): Promise<string> =>
    (await promisify(execFile)('git', ['--git-dir', project.gitDir, ...args])).stdout;
  const names = (await git('ls-tree', '-r', '--name-only', project.defaultBranch))
    .trim()
    .split('\n');
  const entries = names.map(async (file) => [
    file,
    await git('show', `${project.defaultBranch}:${file}`),
  ]);
  return Object.fromEntries(await Promise.all(entries)) as Record<string, string>;
}
