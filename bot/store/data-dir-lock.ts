/**
 * One process per embedded database folder. PGlite itself would let two open it and both would lose
 * data. The lock is a file that its holder touches every few seconds, because neither a process id
 * nor a host name survives a container's restart unchanged.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { link, mkdir, readFile, rename, stat, unlink, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { StoreError } from './errors.ts';

const LOCK_FILE = 'autodev.lock';
const TOUCH_EVERY_MS = 2_000;
/** A lock of another host (or container) is dead when it was not touched for this long. */
const STALE_AFTER_MS = 15_000;
const TAKE_TRIES = 5;

interface Holder {
  id: string;
  pid: number;
  host: string;
  /** Start of the process in clock ticks (Linux), so that a reused pid is not taken for it. */
  started: string | null;
}

/** Ids of locks held by this process; its own pid in a file says nothing without them. */
const heldHere = new Set<string>();

/**
 * Takes the lock of a folder (made when absent) and returns the function that lets it go.
 * Throws StoreError `data_dir_locked` when a live process has it.
 */
export async function lockDataDir(dataDir: string): Promise<() => Promise<void>> {
  await mkdir(dataDir, { recursive: true });
  const file = path.join(dataDir, LOCK_FILE);
  const self: Holder = {
    id: randomUUID(),
    pid: process.pid,
    host: hostname(),
    started: processStart(process.pid),
  };
  for (let tries = 0; tries < TAKE_TRIES; tries += 1) {
    if (await create(file, self)) return hold(file, self);
    const text = await readIfThere(file);
    if (text === null) continue;
    const holder = parseHolder(text);
    if (await isAlive(file, holder)) throw lockedError(dataDir, file, holder);
    await removeStale(file, text);
  }
  throw lockedError(dataDir, file, parseHolder((await readIfThere(file)) ?? ''));
}

function hold(file: string, self: Holder): () => Promise<void> {
  heldHere.add(self.id);
  const timer = setInterval(() => {
    const now = new Date();
    // A missed touch only makes the lock look older; the next one mends it.
    utimes(file, now, now).catch(() => undefined);
  }, TOUCH_EVERY_MS);
  timer.unref();
  return async () => {
    clearInterval(timer);
    heldHere.delete(self.id);
    const text = await readIfThere(file);
    if (text !== null && parseHolder(text)?.id === self.id) await unlink(file);
  };
}

/** The file appears with its content in one step, so a reader never sees half of it. */
async function create(file: string, self: Holder): Promise<boolean> {
  const draft = `${file}.${self.id}`;
  await writeFile(draft, JSON.stringify(self), { mode: 0o600 });
  try {
    await link(draft, file);
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  } finally {
    await unlink(draft);
  }
}

async function isAlive(file: string, holder: Holder | null): Promise<boolean> {
  if (holder !== null && holder.host === hostname()) {
    if (holder.pid === process.pid) return heldHere.has(holder.id);
    return processExists(holder.pid) && processStart(holder.pid) === holder.started;
  }
  const touched = await stat(file).catch(() => null);
  return touched !== null && Date.now() - touched.mtimeMs < STALE_AFTER_MS;
}

/** Moves the dead lock away, and back again if another process had just replaced it. */
async function removeStale(file: string, judged: string): Promise<void> {
  const aside = `${file}.${randomUUID()}`;
  try {
    await rename(file, aside);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return;
    throw error;
  }
  if ((await readIfThere(aside)) !== judged) await link(aside, file).catch(() => undefined);
  await unlink(aside);
}

function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) === 'EPERM';
  }
}

/** Field 22 of /proc/<pid>/stat (proc(5)); null where there is no /proc. */
function processStart(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}

async function readIfThere(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null;
    throw error;
  }
}

function parseHolder(text: string): Holder | null {
  try {
    const value = JSON.parse(text) as Partial<Holder>;
    if (typeof value.id !== 'string' || typeof value.pid !== 'number') return null;
    return { id: value.id, pid: value.pid, host: value.host ?? '', started: value.started ?? null };
  } catch {
    return null;
  }
}

function errorCode(error: unknown): string | null {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : null;
}

function lockedError(dataDir: string, file: string, holder: Holder | null): StoreError {
  const who = holder === null ? 'Another process' : `Process ${holder.pid} on ${holder.host}`;
  return new StoreError(
    'data_dir_locked',
    `${who} already uses the embedded database in ${dataDir}. One process at a time can open it. ` +
      `Stop that process, set DATABASE_URL to share a PostgreSQL, or delete ${file} ` +
      'if it is left over.',
  );
}
