/** Runs a script in a process group of its own, so that all of it can be ended. */
import { spawn } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

/** Time between the polite and the final signal. */
const GRACE_MS = 2_000;
const POLL_MS = 20;

export interface Group {
  /** Exit code of the script; null when a signal ended it. Resolves when nothing of it is left. */
  exit: Promise<number | null>;
  /** SIGTERM to the group, SIGKILL after the grace period to it and to whatever it started. */
  kill(): Promise<void>;
}

/**
 * Starts `bash script` in `cwd` with exactly `env`, both outputs going to the open file `log`.
 * The script leads a new session; the promise `exit` never rejects.
 */
export function startScript(
  script: string,
  at: { cwd: string; env: Record<string, string>; log: number },
): Group {
  const child = spawn('bash', ['--noprofile', '--norc', script], {
    cwd: at.cwd,
    env: at.env,
    detached: true,
    stdio: ['ignore', at.log, at.log],
  });
  const ended = new Promise<number | null>((resolve) => {
    child.once('exit', (code) => resolve(code));
    child.once('error', () => resolve(127));
  });
  const { pid } = child;
  // Like a runner, leave nothing behind: what a script put into the background ends with it.
  const exit = ended.then((code) => {
    if (pid !== undefined) signal(-pid, 'SIGKILL');
    return code;
  });
  return { exit, kill: () => (pid === undefined ? Promise.resolve() : killTree(pid, ended)) };
}

async function killTree(pid: number, ended: Promise<unknown>): Promise<void> {
  const family = await descendants(pid);
  signal(-pid, 'SIGTERM');
  await Promise.race([Promise.all([ended, gone(family, GRACE_MS)]), delay(GRACE_MS)]);
  signal(-pid, 'SIGKILL');
  for (const [member, start] of family) {
    if ((await statFields(member))[19] === start) signal(member, 'SIGKILL');
  }
  await Promise.all([ended, gone(family, GRACE_MS)]);
}

/** Waits until none of these processes is left, at most for some milliseconds. */
async function gone(family: Map<number, string>, atMost: number): Promise<void> {
  const deadline = Date.now() + atMost;
  while (Date.now() < deadline && (await someAlive(family))) {
    await delay(POLL_MS);
  }
}

function signal(pid: number, name: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/**
 * `pid` and the processes it started, also those that went into a session of their own, with their
 * start times (a number is reused, a pair is not). Empty where there is no /proc.
 */
async function descendants(pid: number): Promise<Map<number, string>> {
  const entries = await readdir('/proc').catch(() => []);
  const parents = new Map<number, { parent: number; start: string }>();
  for (const entry of entries.filter((name) => /^\d+$/.test(name))) {
    const fields = await statFields(Number(entry));
    const [, parent = '0'] = fields;
    parents.set(Number(entry), { parent: Number(parent), start: fields[19] ?? '' });
  }
  const leader = parents.get(pid);
  const found = new Map<number, string>(leader ? [[pid, leader.start]] : []);
  const queue = [pid];
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    for (const [member, { parent, start }] of parents) {
      if (parent !== next || found.has(member)) continue;
      found.set(member, start);
      queue.push(member);
    }
  }
  return found;
}

/** Fields of /proc/<pid>/stat after the program's name: state, parent, …, [19] start time. */
async function statFields(pid: number): Promise<string[]> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}

async function someAlive(family: Map<number, string>): Promise<boolean> {
  for (const [pid, start] of family) {
    const fields = await statFields(pid);
    if (fields[19] === start && fields[0] !== 'Z') return true;
  }
  return false;
}
