/** Runs one command in its own process group, bounded in time and output, and leaves nothing behind. */
import { spawn, type ChildProcess } from 'node:child_process';
import { readdir, readFile, readlink } from 'node:fs/promises';

/** Time a group gets between SIGTERM and SIGKILL, in milliseconds. */
export const TERM_GRACE_MS = 2_000;
/** Time after the command's own end in which its last output is still read, in milliseconds. */
const DRAIN_MS = 250;
const POLL_MS = 20;
/** Bytes of standard error that are kept where it is apart. */
const ERROR_BYTES = 4_000;

export interface GroupCommand {
  file: string;
  args: string[];
  cwd: string;
  env: Record<string, string>;
  timeoutMs: number;
  /** Bytes of output kept: the first and the last half of it. */
  capBytes: number;
  signal?: AbortSignal;
  /** Written to its standard input, which is closed (empty) otherwise. */
  stdin?: string;
  /** Keeps standard error out of the output: its last bytes come as `errors`. */
  errorsApart?: boolean;
}

export interface GroupResult {
  exitCode: number | null;
  signal: string | null;
  /** Standard output and error as they arrived, UTF-8, cut in the middle when too long. */
  output: string;
  cutBytes: number;
  /** Standard error where it was kept apart; '' otherwise. */
  errors: string;
  seconds: number;
  timedOut: boolean;
  /** Set when the command could not be started. */
  startError: string | null;
}

/**
 * Runs the command and waits for it. Children that outlive it are killed, so nothing keeps running
 * in the background: SIGTERM, then SIGKILL after TERM_GRACE_MS. Never throws.
 */
export async function runInGroup(command: GroupCommand): Promise<GroupResult> {
  const started = Date.now();
  const output = new HeadTail(command.capBytes);
  const child = spawn(command.file, command.args, {
    cwd: command.cwd,
    env: command.env,
    detached: true,
    stdio: [command.stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(command.stdin);
  const errors = command.errorsApart === true ? new HeadTail(ERROR_BYTES) : output;
  child.stdout?.on('data', (part: Buffer) => output.add(part));
  child.stderr?.on('data', (part: Buffer) => errors.add(part));
  for (const stream of [child.stdout, child.stderr]) stream?.on('error', () => undefined);
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const ended = new Promise<{ startError: string | null }>((resolve) => {
    child.once('error', (error) => resolve({ startError: error.message }));
    child.once('exit', () => resolve({ startError: null }));
  });
  let timedOut = false;
  const stop = new Promise<'stop'>((resolve) => {
    const timer = setTimeout(() => {
      timedOut = true;
      resolve('stop');
    }, command.timeoutMs);
    void ended.then(() => clearTimeout(timer));
    if (command.signal?.aborted) resolve('stop');
    command.signal?.addEventListener('abort', () => resolve('stop'), { once: true });
  });
  if ((await Promise.race([ended, stop])) === 'stop' && child.pid) await killTree(child.pid);
  const { startError } = await ended;
  await Promise.race([closed, delay(DRAIN_MS)]);
  if (child.pid) await killTree(child.pid);
  destroyPipes(child);
  return {
    exitCode: child.exitCode,
    signal: child.signalCode,
    ...output.text(),
    errors: errors === output ? '' : errors.text().output,
    seconds: (Date.now() - started) / 1000,
    timedOut,
    startError,
  };
}

function destroyPipes(child: ChildProcess): void {
  child.stdout?.destroy();
  child.stderr?.destroy();
}

/**
 * Kills the group led by `pid`, and every process descending from it even if it moved to a group or
 * session of its own. Resolves when all are gone or were sent SIGKILL. Without /proc (macOS) only
 * the group is reached.
 */
export async function killTree(pid: number): Promise<void> {
  const victims = new Set((await treeOf(pid)).filter((member) => member !== process.pid));
  if (victims.size === 0 && !send(-pid, 0)) return;
  send(-pid, 'SIGTERM');
  for (const victim of victims) send(victim, 'SIGTERM');
  const until = Date.now() + TERM_GRACE_MS;
  while (Date.now() < until && (await anyRunning(pid, victims))) await delay(POLL_MS);
  for (const late of await treeOf(pid)) victims.add(late);
  send(-pid, 'SIGKILL');
  for (const victim of victims) send(victim, 'SIGKILL');
  while (Date.now() < until + TERM_GRACE_MS && (await anyRunning(pid, victims)))
    await delay(POLL_MS);
}

/**
 * Kills every process that carries `TMPDIR=<tmp>` in its environment or stands in a folder below
 * one of `roots`: what was detached from the agent on purpose (double fork, own session). Linux only.
 * A process that gave up both signs is not found; only a PID namespace would hold it.
 */
export async function killStragglers(tmp: string, roots: readonly string[]): Promise<number> {
  let killed = 0;
  for (const pid of await processIds()) {
    if (pid === process.pid) continue;
    const environ = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '');
    const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => '');
    const ours =
      environ.split('\0').includes(`TMPDIR=${tmp}`) ||
      roots.some((root) => cwd === root || cwd.startsWith(`${root}/`));
    if (ours && send(pid, 'SIGKILL')) killed += 1;
  }
  return killed;
}

async function processIds(): Promise<number[]> {
  const names = await readdir('/proc').catch(() => []);
  return names.filter((name) => /^\d+$/.test(name)).map(Number);
}

interface ProcessInfo {
  pid: number;
  parent: number;
  group: number;
}

/** Every process that runs; zombies, which only wait to be collected, are left out. */
async function processTable(): Promise<ProcessInfo[]> {
  const table: ProcessInfo[] = [];
  for (const pid of await processIds()) {
    const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '');
    // The name in brackets may hold anything; the fields after the last bracket are plain.
    const [state, parent, group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (group && state !== 'Z' && state !== 'X') {
      table.push({ pid, parent: Number(parent), group: Number(group) });
    }
  }
  return table;
}

/** The members of the group `root` and all that descend from it or from them. */
async function treeOf(root: number): Promise<number[]> {
  const table = await processTable();
  const found = new Set([root, ...table.filter((p) => p.group === root).map((p) => p.pid)]);
  for (let before = 0; before !== found.size;) {
    before = found.size;
    for (const { pid, parent } of table) if (found.has(parent)) found.add(pid);
  }
  const running = new Set(table.map(({ pid }) => pid));
  return [...found].filter((pid) => running.has(pid));
}

async function anyRunning(group: number, pids: ReadonlySet<number>): Promise<boolean> {
  const table = await processTable();
  if (table.length === 0) return send(-group, 0);
  return table.some((info) => info.group === group || pids.has(info.pid));
}

function send(pid: number, signal: 'SIGTERM' | 'SIGKILL' | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Keeps the first and the last half of `cap` bytes of what is added. */
export class HeadTail {
  readonly #half: number;
  readonly #head: Buffer[] = [];
  #tail: Buffer[] = [];
  #headBytes = 0;
  #tailBytes = 0;
  #total = 0;

  constructor(cap: number) {
    this.#half = Math.max(1, Math.floor(cap / 2));
  }

  add(part: Buffer): void {
    this.#total += part.length;
    const room = this.#half - this.#headBytes;
    if (room > 0) {
      this.#head.push(part.subarray(0, room));
      this.#headBytes += Math.min(room, part.length);
    }
    const rest = part.subarray(Math.max(0, room));
    if (rest.length === 0) return;
    this.#tail.push(Buffer.from(rest));
    this.#tailBytes += rest.length;
    if (this.#tailBytes > this.#half * 4) this.#shrinkTail();
  }

  text(): { output: string; cutBytes: number } {
    this.#shrinkTail();
    const cutBytes = this.#total - this.#headBytes - this.#tailBytes;
    const head = Buffer.concat(this.#head).toString('utf8');
    const tail = Buffer.concat(this.#tail).toString('utf8');
    if (cutBytes === 0) {
      return { output: Buffer.concat([...this.#head, ...this.#tail]).toString('utf8'), cutBytes };
    }
    return { output: `${head}\n[... ${cutBytes} bytes left out ...]\n${tail}`, cutBytes };
  }

  #shrinkTail(): void {
    const all = Buffer.concat(this.#tail);
    const kept = all.subarray(Math.max(0, all.length - this.#half));
    this.#tail = [Buffer.from(kept)];
    this.#tailBytes = kept.length;
  }
}
