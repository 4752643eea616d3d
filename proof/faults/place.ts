/**
 * A place for faults: the bot's own processes beside a sandbox GitLab, a scripted model and a played CI, with
 * PostgreSQL and Redis as processes too, and a proxy that can break on every line between them.
 */
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { Client } from 'pg';
import type { Settings } from '../../schema/wire/settings.ts';
import type { Project } from '../../sandbox/gitlab/state/types.ts';
import { startWorld, type World } from '../../sandbox/world.ts';
import {
  available,
  startPostgres,
  startRedis,
  type PostgresServer,
  type RedisServer,
} from '../../test/support/backends.ts';
import { prepareData } from '../../test/support/prepared-data.ts';
import type { PersonName } from '../../test/support/stage.ts';
import { createProject, restOf, ROOT, SECRET, settingsFile } from '../../test/support/story.ts';
import type { Backend } from '../proof.ts';
import { temporary } from '../temporary.ts';
import { mountDisk, type Disk } from './disk.ts';
import { newLife, openLog, type Life } from './lives.ts';
import { createPlayedCi, type PlayedCi } from './played-ci.ts';
import { ownPort } from './ports.ts';
import { startProxy, type Proxy } from './proxy.ts';

/** Runs a statement against the bot's database, past every proxy. */
export type Sql = <Row>(text: string, params?: readonly unknown[]) => Promise<Row[]>;

export interface PlaceOptions {
  backend: Backend;
  /** Processes of each role; the embedded database allows one process, which is both. Default 2 and 2. */
  webs?: number;
  workers?: number;
  /** Flags of Node for every process of the bot, e.g. a mutant's. */
  flags?: readonly string[];
  /** Flags of Node for the process of this number, besides. */
  flagsOf?: (index: number) => readonly string[];
  /** Where the database lies gets a disk of its own, of so many megabytes. */
  diskMb?: number;
  settings?: (settings: Settings) => void;
  env?: Record<string, string>;
}

export interface Place {
  backend: Backend;
  world: World;
  ci: PlayedCi;
  /** The bot's processes: first those that listen. */
  lives: readonly Life[];
  /** Lines to the bot, to GitLab, and to the servers below the bot; null where there is none. */
  lines: { bot: Proxy; gitlab: Proxy; postgres: Proxy | null; redis: Proxy | null };
  servers: { postgres: PostgresServer | null; redis: RedisServer | null };
  /** The database's own disk; null when it has none. */
  disk: Disk | null;
  /** Calls GitLab's API as a person; throws for every answer that is no success. */
  as(person: PersonName, method: string, path: string, body?: unknown): Promise<unknown>;
  /** Every project that was made here. */
  projects: readonly Project[];
  /** A project that the bot serves, with its hook. */
  project(path: string, files?: Record<string, string | null>): Promise<Project>;
  /** Asks the database. The embedded one is open to one process only: the bot is stopped first, and stays so. */
  read<T>(work: (sql: Sql) => Promise<T>): Promise<T>;
  /** True when `read` leaves the bot running. */
  readsBeside: boolean;
  /** Starts every process that is not there and waits until all are ready. */
  startAll(): Promise<void>;
  /** Stops all as an operator would. @throws Error when one did not end well */
  stopAll(): Promise<void>;
  /** The last lines that the bot's processes logged. */
  log(lines: number): string;
  close(): Promise<void>;
}

/** Why this backend cannot be had on this machine; null: it can. */
export function missingBackend(backend: Backend): string | null {
  if (backend === 'pglite') return null;
  if (!available('postgres')) return 'there is no PostgreSQL here';
  return backend === 'redis' && !available('redis') ? 'there is no Redis here' : null;
}

/** Settings of a server on a disk of its own, so that its log of writes leaves room. */
const SMALL_DISK = ['fsync=off', 'min_wal_size=32MB', 'max_wal_size=64MB'];

/** Opens a place on free ports; nothing of it outlives `close` but what the operating system keeps. */
export async function openPlace(options: PlaceOptions): Promise<Place> {
  const { backend } = options;
  const dir = temporary();
  const closers: (() => Promise<unknown>)[] = [];
  const line = async (targets: number[]): Promise<Proxy> => {
    const proxy = await startProxy(targets);
    closers.unshift(() => proxy.close());
    return proxy;
  };
  const [gitlabPort, postgresPort, redisPort] = [await ownPort(), await ownPort(), await ownPort()];
  let disk: Disk | null = null;
  const mount = (at: string): (() => void) => {
    if (options.diskMb === undefined) return () => undefined;
    const mounted = mountDisk(at, options.diskMb);
    disk = mounted;
    return mounted.unmount;
  };
  const settings = options.diskMb === undefined ? undefined : SMALL_DISK;
  const postgres = backend === 'pglite' ? null : await startPostgres(settings, postgresPort, mount);
  const redis = backend === 'redis' ? await startRedis(redisPort) : null;
  closers.push(async () => redis?.stop());
  closers.push(async () => postgres?.stop());
  const lines = {
    bot: await line([]),
    gitlab: await line([gitlabPort]),
    postgres: postgres === null ? null : await line([postgresPort]),
    redis: redis === null ? null : await line([redisPort]),
  };
  const database = postgres === null ? null : await postgres.newDatabase();
  const botUrl = `http://127.0.0.1:${lines.bot.port}`;
  const { world, ci } = await openWorld(dir, botUrl, lines.gitlab.port, gitlabPort);
  closers.unshift(() => world.close());
  if (database === null) {
    mkdirSync(path.join(dir, 'disk'));
    const unmount = mount(path.join(dir, 'disk'));
    closers.push(async () => unmount());
    await prepareData(path.join(dir, 'disk/data'));
  }
  const env: Record<string, string> = {
    ...world.botEnv,
    AUTODEV_WEBHOOK_SECRET: SECRET,
    AUTODEV_HOST: '127.0.0.1',
    AUTODEV_DATA_DIR: path.join(dir, 'disk/data'),
    AUTODEV_SETTINGS: settingsFile(dir, (settings) => {
      const { limits } = settings;
      Object.assign(limits, { statusSeconds: 0, settleMinutes: 0, runsPerUserHour: 10_000 });
      Object.assign(limits, { repoDayUsd: 10_000, installationDayUsd: 10_000 });
      options.settings?.(settings);
    }),
    ...(database === null || lines.postgres === null
      ? {}
      : { DATABASE_URL: through(database, lines.postgres) }),
    ...(lines.redis === null ? {} : { REDIS_URL: `redis://127.0.0.1:${lines.redis.port}` }),
    ...options.env,
  };
  const logFile = path.join(dir, 'bot.log');
  const lives = await allLives(options, env, logFile);
  lines.bot.targets.push(...lives.filter(({ role }) => role !== 'worker').map(({ port }) => port));
  const stopAll = (): Promise<void> => stopLives(lives);
  const startAll = async (): Promise<void> => {
    for (const life of lives) life.start();
    await Promise.all(lives.map((life) => life.ready()));
    const dead = lives.find((life) => !life.alive());
    if (dead) throw new Error(`${dead.name} ended at once:\n${tail(logFile, 10)}`);
  };
  const projects: Project[] = [];
  return {
    ...{
      backend,
      world,
      ci,
      lives,
      projects,
      lines,
      servers: { postgres, redis },
      disk,
      startAll,
      stopAll,
    },
    as: restOf(world),
    project: async (name, files = {}) => {
      const made = await createProject(world, lines.bot.port, name, files);
      projects.push(made);
      return made;
    },
    readsBeside: database !== null,
    read: async (work) => {
      if (database !== null) return readPostgres(database, work);
      await stopAll();
      return readPglite(path.join(dir, 'disk/data/pglite'), work);
    },
    log: (count) => tail(logFile, count),
    close: async () => {
      await Promise.all(lives.map((life) => life.kill()));
      for (const close of closers) await close();
      rmSync(dir, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

async function openWorld(
  dir: string,
  botUrl: string,
  publicPort: number,
  port: number,
): Promise<{ world: World; ci: PlayedCi }> {
  let ci: PlayedCi | null = null;
  const world = await startWorld({
    ...{ dir, botUrl, jobDir: path.join(dir, 'no-job') },
    template: readFileSync(path.join(ROOT, 'ci-templates/autodev.yml'), 'utf8'),
    scripts: [
      {
        ...{ name: 'played', matches: () => true },
        answer: () => {
          const fault = ci?.steer.modelFault() ?? null;
          return { text: 'Done.', ...(fault === null ? {} : { fault }) };
        },
      },
    ],
    gitlab: { autoDisableHooks: false, port, publicUrl: `http://127.0.0.1:${publicPort}` },
    engine: (host) => (ci = createPlayedCi(host, { server: () => botUrl, folder: dir })),
  });
  if (ci === null) throw new Error('the sandbox made no engine');
  return { world, ci };
}

async function allLives(
  options: PlaceOptions,
  env: Record<string, string>,
  logFile: string,
): Promise<Life[]> {
  const { webs = 2, workers = 2, flags: all = [], backend } = options;
  const log = openLog(logFile);
  const roles =
    backend === 'pglite'
      ? (['all'] as const)
      : [...Array<'web'>(webs).fill('web'), ...Array<'worker'>(workers).fill('worker')];
  const lives: Life[] = [];
  for (const [index, role] of roles.entries()) {
    const name = `${role} ${index + 1}`;
    const flags = [...all, ...(options.flagsOf?.(index) ?? [])];
    lives.push(newLife({ name, role, port: await ownPort(), env, flags, log }));
  }
  return lives;
}

async function stopLives(lives: readonly Life[]): Promise<void> {
  const ends = await Promise.all(lives.map((life) => life.stop()));
  const bad = ends.filter((end) => end !== null);
  if (bad.length > 0) throw new Error(`told to stop: ${bad.join(', ')}`);
}

/** The same database behind a proxy. */
function through(database: string, proxy: Proxy): string {
  const url = new URL(database);
  url.port = String(proxy.port);
  return url.href;
}

async function readPostgres<T>(database: string, work: (sql: Sql) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: database });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(async (text, params = []) => (await client.query(text, [...params])).rows);
  } finally {
    await client.end();
  }
}

async function readPglite<T>(folder: string, work: (sql: Sql) => Promise<T>): Promise<T> {
  const db = await PGlite.create(folder);
  try {
    return await work(async <Row>(text: string, params: readonly unknown[] = []) => {
      return (await db.query<Row>(text, [...params])).rows;
    });
  } finally {
    await db.close();
  }
}

function tail(file: string, lines: number): string {
  return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
}
