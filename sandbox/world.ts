/**
 * A whole world for trying the bot: a GitLab with people, the sample project and a runner, and a
 * scripted model. The bot itself is not part of it; it gets what an operator would configure.
 */
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createCiEngine } from './ci/engine.ts';
import type { CiEngine, CiEngineOptions, CiHost } from './ci/contract.ts';
import type { SandboxOptions } from './gitlab/instance.ts';
import { startSandboxGitLab, type SandboxGitLab } from './gitlab/server.ts';
import { ACCESS } from './gitlab/state/access-levels.ts';
import type { Project, User } from './gitlab/state/types.ts';
import { startModelServer, type ModelServer } from './model/server.ts';
import { loadScripts } from './model/scripts.ts';
import type { Script } from './model/types.ts';
import { sampleProjectFiles } from './sample-project.ts';

export const SAMPLE_PATH = 'demo/wordfreq';
const TEMPLATES_PATH = 'autodev/ci-templates';
/** Where the sample is deployed to by its pipelines on main. */
export const SAMPLE_ENVIRONMENT = 'staging';
const DEPLOY_TEMPLATE = new URL('../ci-templates/jobs/deploy.yml', import.meta.url);
const RUNNERS = [{ tags: ['autodev'], runUntagged: true }];

export interface WorldOptions {
  /** Folder for everything the world writes. */
  dir: string;
  /** Folder with the built job program (dist/autodev-job). */
  jobDir: string;
  /** Folders with more programs of the job image. */
  imagePath?: string[];
  /** The CI template's text, as shipped. */
  template: string;
  /** Where the bot will listen. */
  botUrl: string;
  /** Default: the scripts shipped with the sandbox. */
  scripts?: Script[];
  gitlab?: Omit<SandboxOptions, 'dataDir' | 'ci'>;
  ci?: Partial<CiEngineOptions>;
  /** Another engine in place of the one that runs jobs as processes. */
  engine?: (host: CiHost) => CiEngine;
  modelPort?: number;
}

export interface Person {
  user: User;
  token: string;
}

export interface World {
  gitlab: SandboxGitLab;
  models: ModelServer;
  project: Project;
  /** dana: Maintainer, sam and lee: Developer, rita: Reporter, gus: Guest, otto: no member. */
  people: Record<'dana' | 'sam' | 'lee' | 'rita' | 'gus' | 'otto' | 'autodev', Person>;
  /** What an operator would set for the bot, besides its own secret, port and data folder. */
  botEnv: Record<string, string>;
  close(): Promise<void>;
}

/** Starts the world; everything listens on free ports of 127.0.0.1 unless options say otherwise. */
export async function startWorld(options: WorldOptions): Promise<World> {
  const gitlab = await startSandboxGitLab({
    runners: RUNNERS,
    ...options.gitlab,
    dataDir: join(options.dir, 'gitlab'),
    ci:
      options.engine ??
      ((host) =>
        createCiEngine(host, {
          workDir: join(options.dir, 'ci'),
          imagePath: [jobImage(options), ...(options.imagePath ?? [])],
          runners: RUNNERS,
          concurrency: 2,
          ...options.ci,
        })),
  });
  const shipped = new URL('./model/scripts', import.meta.url).pathname;
  const models = await startModelServer({
    scripts: options.scripts ?? (await loadScripts(shipped)),
    ...(options.modelPort === undefined ? {} : { port: options.modelPort }),
  });
  const people = createPeople(gitlab);
  const project = await createSample(gitlab, people, options);
  return {
    gitlab,
    models,
    project,
    people,
    botEnv: {
      AUTODEV_GITLAB_URL: gitlab.url,
      AUTODEV_GITLAB_TOKEN: people.autodev.token,
      AUTODEV_PUBLIC_URL: options.botUrl,
      OPENAI_API_KEY: models.keys.openai,
      OPENAI_BASE_URL: `${models.url}/v1`,
      ANTHROPIC_API_KEY: models.keys.anthropic,
      ANTHROPIC_BASE_URL: models.url,
    },
    close: async () => {
      await gitlab.close();
      await models.close();
    },
  };
}

/** A port of 127.0.0.1 that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

/** A folder that stands for the job image: it brings `autodev-job` and the Node it runs on. */
function jobImage(options: WorldOptions): string {
  const bin = join(options.dir, 'image');
  mkdirSync(bin, { recursive: true });
  const program = join(options.jobDir, 'autodev-job.mjs');
  const wrapper = `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`;
  writeFileSync(join(bin, 'autodev-job'), wrapper);
  writeFileSync(join(bin, 'node'), `#!/bin/sh\nexec '${process.execPath}' "$@"\n`);
  for (const name of ['autodev-job', 'node']) chmodSync(join(bin, name), 0o755);
  return bin;
}

function createPeople(gitlab: SandboxGitLab): World['people'] {
  const person = (username: string, name: string, bot = false): Person => {
    const user = gitlab.api.createUser({ username, name, bot });
    return { user, token: gitlab.api.createToken(user).value };
  };
  return {
    dana: person('dana', 'Dana'),
    sam: person('sam', 'Sam'),
    lee: person('lee', 'Lee'),
    rita: person('rita', 'Rita'),
    gus: person('gus', 'Gus'),
    otto: person('otto', 'Otto'),
    autodev: person('autodev', 'AutoDev', true),
  };
}

async function createSample(
  gitlab: SandboxGitLab,
  people: World['people'],
  options: WorldOptions,
): Promise<Project> {
  await gitlab.api.createProject({
    path: TEMPLATES_PATH,
    visibility: 'public',
    files: {
      'autodev.yml': options.template,
      'jobs/deploy.yml': readFileSync(DEPLOY_TEMPLATE, 'utf8'),
    },
  });
  const shipped = `${gitlab.url}/${TEMPLATES_PATH}/-/raw/main`;
  const files = sampleProjectFiles(
    {
      remote: `${shipped}/autodev.yml`,
      inputs: { server: options.botUrl, bot_user_id: String(people.autodev.user.id) },
    },
    {
      remote: `${shipped}/jobs/deploy.yml`,
      inputs: { environment: SAMPLE_ENVIRONMENT, job: '.deploy' },
    },
  );
  const project = await gitlab.api.createProject({
    path: SAMPLE_PATH,
    visibility: 'public',
    owner: people.dana.user,
    files: Object.fromEntries(Object.entries(files).map(([path, file]) => [path, file.content])),
  });
  gitlab.api.addMember(project, people.sam.user, ACCESS.developer);
  gitlab.api.addMember(project, people.lee.user, ACCESS.developer);
  gitlab.api.addMember(project, people.rita.user, ACCESS.reporter);
  gitlab.api.addMember(project, people.gus.user, ACCESS.guest);
  gitlab.api.addMember(project, people.autodev.user, ACCESS.maintainer);
  return project;
}
