/**
 * What keeps the agent away from everything but its own folders: namespaces made by bubblewrap, where the
 * runner allows them (DESIGN §4.4). Nothing else of the program depends on it.
 */
import { realpathSync } from 'node:fs';
import { delimiter, dirname } from 'node:path';
import { runInGroup } from '../process-group.ts';

export type SandboxMode = 'required' | 'auto' | 'off';

export interface Isolation {
  kind: 'bubblewrap' | 'none';
  /** What is in force, in one line for the job log. */
  says: string;
  /** Command line that has to stand before the agent's own; empty without isolation. */
  wrap: string[];
}

export interface IsolationInput {
  mode: SandboxMode;
  /** `gateway`: the agent reaches nothing but the model gateway. */
  network: 'gateway' | 'open';
  path: string;
  /** Folders the agent may write to. */
  writable: readonly string[];
  /** Folders and files it needs to read, wherever they are. */
  readable: readonly string[];
  /** Folders it must not see, besides those of every user. */
  hidden: readonly string[];
  cwd: string;
}

const PROBE_MS = 10_000;
/** Homes, what others left in /tmp, and sockets of daemons: none of the agent's business. */
const HIDDEN = ['home', 'root', 'tmp', 'run', 'var/run', 'var/tmp', 'mnt', 'media'].map(
  (folder) => `/${folder}`,
);

/** Finds out what the runner allows. `required` without it is the caller's to refuse. */
export async function chooseIsolation(input: IsolationInput): Promise<Isolation> {
  if (input.mode === 'off') return none('turned off by `sandbox: off`');
  if (process.platform !== 'linux') return none('namespaces need Linux');
  const wrap = ['bwrap', ...bubblewrapArgs(input), '--'];
  const probe = await runInGroup({
    file: 'bwrap',
    args: [...wrap.slice(1), 'true'],
    cwd: '/',
    env: { PATH: input.path },
    timeoutMs: PROBE_MS,
    capBytes: 2_000,
  });
  if (probe.startError !== null)
    return none('bubblewrap (`bwrap`) is not installed in the job image');
  if (probe.exitCode !== 0) {
    const why = probe.output.trim().split('\n').at(-1) ?? '';
    return none(`the runner does not allow namespaces (${why.slice(0, 200)})`);
  }
  const network = input.network === 'open' ? 'the network is open' : 'no network but the gateway';
  return {
    kind: 'bubblewrap',
    says: `bubblewrap: own processes, read-only system, ${network}`,
    wrap,
  };
}

function none(why: string): Isolation {
  return {
    kind: 'none',
    says: `none, because ${why}: the agent can read what this user can and reach the network`,
    wrap: [],
  };
}

/** Everything read-only, then what is hidden, then what is needed of it, then what may be written. */
function bubblewrapArgs(input: IsolationInput): string[] {
  const hidden = [...new Set([...HIDDEN, ...input.hidden])].filter(exists).map(realOf);
  const under = (file: string): boolean =>
    hidden.some((folder) => file === folder || file.startsWith(`${folder}/`));
  const needed = [...input.path.split(delimiter).map(programsOf), ...input.readable]
    .filter(exists)
    .map(realOf)
    .filter((file) => under(file) && !hidden.includes(file));
  return [
    '--unshare-all',
    ...(input.network === 'open' ? ['--share-net'] : []),
    ...['--die-with-parent', '--new-session', '--cap-drop', 'ALL'],
    ...['--ro-bind', '/', '/', '--dev', '/dev', '--proc', '/proc'],
    ...hidden.flatMap((folder) => ['--tmpfs', folder]),
    ...[...new Set(needed)].toSorted().flatMap((file) => ['--ro-bind', file, file]),
    ...input.writable.flatMap((folder) => ['--bind', folder, folder]),
    ...['--chdir', input.cwd],
  ];
}

/** Programs often come with a folder of libraries beside their `bin`. */
function programsOf(folder: string): string {
  const above = dirname(folder);
  const nested = above.split('/').length > 3;
  return folder.endsWith('/bin') && nested ? above : folder;
}

function exists(file: string): boolean {
  try {
    return file !== '' && realpathSync(file) !== '';
  } catch {
    return false;
  }
}

function realOf(file: string): string {
  return realpathSync(file);
}
