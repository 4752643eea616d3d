/**
 * PostgreSQL and Redis for tests: servers named in the environment, else children of the test started from
 * binaries on this machine, else none.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chownSync, existsSync, globSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Redis } from 'ioredis';
import { Client } from 'pg';
import { until } from './until.ts';

export type ServerKind = 'postgres' | 'redis';

const START_MS = 50_000;
const STOP_MS = 20_000;

/** A PostgreSQL server of the test. */
export interface PostgresServer {
  /** Makes a database of its own; it is dropped with the server. Returns its URL. */
  newDatabase(name?: string): Promise<string>;
  /**
   * Kills the server with this signal, and starts it again on its data; null for one that is not ours. `over` says
   * that it does not run, e.g. because it ended by itself.
   */
  outage: {
    begin(signal: NodeJS.Signals): Promise<void>;
    over(): boolean;
    end(): Promise<void>;
  } | null;
  stop(): Promise<void>;
}

/** A Redis server of the test. */
export interface RedisServer {
  url: string;
  /** Kills the server with -9, and starts an empty one in its place; null for one that is not ours. */
  outage: { begin(): Promise<void>; end(): Promise<void> } | null;
  stop(): Promise<void>;
}

/** Whether a server can be had here; looked up at once, because tests are declared synchronously. */
export function available(kind: ServerKind): boolean {
  return kind === 'postgres'
    ? process.env.AUTODEV_TEST_DATABASE_URL !== undefined || postgresBin() !== null
    : process.env.AUTODEV_TEST_REDIS_URL !== undefined || redisBin() !== null;
}

/** Whether this machine has what makes a PostgreSQL of one's own, and not only a server that is named. */
export const canMakeCluster = (): boolean => postgresBin() !== null;

function onPath(name: string): string | null {
  for (const dir of (process.env.PATH ?? '').split(path.delimiter)) {
    const file = path.join(dir, name);
    if (dir !== '' && existsSync(file)) return file;
  }
  return null;
}

function redisBin(): string | null {
  return onPath('redis-server');
}

/** The folder with initdb and postgres. */
function postgresBin(): string | null {
  const found = [
    onPath('initdb'),
    ...globSync('/usr/lib/postgresql/*/bin/initdb').toSorted().toReversed(),
  ];
  const initdb = found.find(
    (file) => file !== null && existsSync(path.join(path.dirname(file), 'postgres')),
  );
  return initdb === undefined || initdb === null ? null : path.dirname(initdb);
}

/** postgres refuses to run as root: then it runs as one of these accounts. */
function unprivileged(): { uid: number; gid: number } | null {
  if (process.getuid?.() !== 0) return null;
  for (const name of ['postgres', 'nobody']) {
    try {
      const id = (flag: string): number =>
        Number(execFileSync('id', [flag, name], { stdio: 'pipe' }));
      return { uid: id('-u'), gid: id('-g') };
    } catch {
      // This account does not exist here.
    }
  }
  throw new Error('PostgreSQL does not run as root, and there is no account postgres or nobody.');
}

/** A server whose data nobody needs after a crash. */
const FORGETFUL = ['fsync=off'];

/**
 * Starts (or reaches) PostgreSQL; `extra` are settings of a server of our own. It listens on a socket of its
 * own, or also on a port of 127.0.0.1 when one is given; `prepare` gets the folder of a server of our own while it
 * is empty, and what it returns is called when the server is over.
 */
export async function startPostgres(
  extra: readonly string[] = FORGETFUL,
  port?: number,
  prepare?: (dir: string) => () => void,
): Promise<PostgresServer> {
  const given = process.env.AUTODEV_TEST_DATABASE_URL;
  if (given !== undefined && port === undefined) {
    return databasesOf(given, null, async () => undefined);
  }
  const place = await clusterPlace();
  const cleaned = prepare?.(place.dir);
  initCluster(place);
  return startCluster(place, extra, port, cleaned);
}

/** Makes a cluster with a database `autodev`, filled by `fill`, and leaves it in the folder `kept`. */
export async function makeCluster(
  kept: string,
  fill: (url: string) => Promise<void>,
): Promise<void> {
  const place = await clusterPlace();
  initCluster(place);
  const server = await startCluster(place, FORGETFUL);
  await fill(await server.newDatabase(KEPT_DATABASE));
  await server.outage?.begin('SIGINT');
  execFileSync('cp', ['-a', `${place.data}/.`, kept]);
  await rm(place.dir, { recursive: true, force: true });
}

/** A server on a copy of what `makeCluster` left in `kept`; the URL is that of its database. */
export async function startCopy(kept: string): Promise<{ url: string; stop(): Promise<void> }> {
  const place = await clusterPlace();
  execFileSync('cp', ['-a', kept, place.data]);
  const { stop } = await startCluster(place, FORGETFUL);
  return { url: databaseUrl(socketUrl(place), KEPT_DATABASE), stop };
}

const KEPT_DATABASE = 'autodev';

/** Where a server of our own lives, and as whom it runs. */
interface ClusterPlace {
  bin: string;
  dir: string;
  data: string;
  account: { uid: number; gid: number } | null;
}

async function clusterPlace(): Promise<ClusterPlace> {
  const bin = postgresBin();
  if (bin === null) throw new Error('No PostgreSQL here.');
  const account = unprivileged();
  const dir = await mkdtemp(path.join(tmpdir(), 'autodev-pg-'));
  if (account !== null) chownSync(dir, account.uid, account.gid);
  return { bin, dir, data: path.join(dir, 'data'), account };
}

function initCluster({ bin, dir, data, account }: ClusterPlace): void {
  execFileSync(
    path.join(bin, 'initdb'),
    ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'],
    { ...account, cwd: dir, stdio: 'pipe' },
  );
}

const socketUrl = ({ dir }: ClusterPlace): string =>
  `postgresql://postgres@localhost/postgres?host=${encodeURIComponent(dir)}`;

async function startCluster(
  place: ClusterPlace,
  extra: readonly string[],
  port?: number,
  over?: () => void,
): Promise<PostgresServer> {
  const { bin, dir, data, account } = place;
  const listen = port === undefined ? [] : [`port=${port}`];
  const where = [`listen_addresses=${port === undefined ? '' : '127.0.0.1'}`, ...listen];
  const settings = [...where, 'shared_buffers=32MB', 'max_connections=80', ...extra];
  const args = ['-D', data, '-k', dir, ...settings.flatMap((setting) => ['-c', setting])];
  const url =
    port === undefined ? socketUrl(place) : `postgresql://postgres@127.0.0.1:${port}/postgres`;
  const as = { ...account, cwd: dir };
  const start = async (): Promise<ChildProcess> => {
    const started = spawn(path.join(bin, 'postgres'), args, { ...as, stdio: 'ignore' });
    await until(() => answers(url), START_MS, 'PostgreSQL to answer');
    return started;
  };
  let child = await start();
  const outage = {
    begin: (signal: NodeJS.Signals) => stopChild(child, signal),
    over: () => child.exitCode !== null || child.signalCode !== null,
    end: async () => {
      child = await start();
    },
  };
  return databasesOf(url, outage, async () => {
    await stopChild(child, 'SIGINT');
    over?.();
    await rm(dir, { recursive: true, force: true });
  });
}

function databaseUrl(server: string, name: string): string {
  const own = new URL(server);
  own.pathname = `/${name}`;
  return own.href;
}

function databasesOf(
  url: string,
  outage: PostgresServer['outage'],
  stop: () => Promise<void>,
): PostgresServer {
  const made: string[] = [];
  const admin = async (statement: string): Promise<void> => {
    const client = new Client({ connectionString: url });
    await client.connect();
    await client.query(statement);
    await client.end();
  };
  return {
    outage,
    newDatabase: async (name = `autodev_test_${randomUUID().replaceAll('-', '')}`) => {
      await admin(`create database ${name}`);
      made.push(name);
      return databaseUrl(url, name);
    },
    stop: async () => {
      for (const name of made) await admin(`drop database if exists ${name} with (force)`);
      await stop();
    },
  };
}

async function answers(url: string): Promise<boolean> {
  const client = new Client({ connectionString: url });
  try {
    await client.connect();
    await client.end();
    return true;
  } catch {
    return false;
  }
}

/** Starts (or reaches) Redis; on a socket of its own, or also on a port of 127.0.0.1 when one is given. */
export async function startRedis(port?: number): Promise<RedisServer> {
  const given = process.env.AUTODEV_TEST_REDIS_URL;
  if (given !== undefined) return { url: given, outage: null, stop: async () => undefined };
  const bin = redisBin();
  if (bin === null) throw new Error('No Redis here.');
  const dir = await mkdtemp(path.join(tmpdir(), 'autodev-redis-'));
  const socket = path.join(dir, 'redis.sock');
  const start = async (): Promise<ChildProcess> => {
    const own = ['--port', String(port ?? 0), '--bind', '127.0.0.1', '--unixsocket', socket];
    const args = [...own, '--save', '', '--dir', dir];
    const started = spawn(bin, args, { stdio: 'ignore' });
    await until(() => pings(socket), START_MS, 'Redis to answer');
    return started;
  };
  let child = await start();
  return {
    url: port === undefined ? socket : `redis://127.0.0.1:${port}`,
    outage: {
      begin: () => stopChild(child, 'SIGKILL'),
      end: async () => {
        child = await start();
      },
    },
    stop: async () => {
      await stopChild(child, 'SIGTERM');
      await rm(dir, { recursive: true, force: true });
    },
  };
}

async function pings(socket: string): Promise<boolean> {
  const client = new Redis(socket, {
    lazyConnect: true,
    retryStrategy: () => null,
    disconnectTimeout: 50,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return (await client.ping()) === 'PONG';
  } catch {
    return false;
  } finally {
    client.disconnect();
  }
}

/** Ends a child and waits for it; kills it when it does not go by itself. */
export async function stopChild(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  await gone;
  clearTimeout(timer);
}
