/**
 * What keeps the agent away from everything but its own folders: namespaces made by bubblewrap, where the
 * runner allows them (DESIGN §4.4). Nothing else of the program depends on it.
 */
import { runInGroup } from '../process-group.ts';
import { bubblewrapArgs, type ViewInput } from './isolated-view.ts';

export type SandboxMode = 'required' | 'auto' | 'off';

export interface Isolation {
  kind: 'bubblewrap' | 'none';
  /** What is in force, in one line for the job log. */
  says: string;
  /** Command line that has to stand before the agent's own; empty without isolation. */
  wrap: string[];
}

export interface IsolationInput extends ViewInput {
  mode: SandboxMode;
}

const PROBE_MS = 10_000;
/** First without a way to make more namespaces inside; older bubblewraps and setuid ones cannot. */
const FLAVOURS = [['--unshare-user', '--disable-userns'], []];

/** Finds out what the runner allows. `required` without it is the caller's to refuse. */
export async function chooseIsolation(input: IsolationInput): Promise<Isolation> {
  if (input.mode === 'off') return none('turned off by `sandbox: off`');
  if (process.platform !== 'linux') return none('namespaces need Linux');
  let why = '';
  for (const flavour of FLAVOURS) {
    const wrap = ['bwrap', ...flavour, ...bubblewrapArgs(input), '--'];
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
    if (probe.exitCode === 0) return { kind: 'bubblewrap', says: says(input), wrap };
    why = probe.output.trim().split('\n').at(-1)?.slice(0, 200) ?? '';
  }
  return none(`the runner does not allow namespaces (${why})`);
}

function says({ network }: IsolationInput): string {
  const reach = network === 'open' ? 'the network is open' : 'no network but the gateway';
  return `bubblewrap: own processes, read-only system, ${reach}`;
}

function none(why: string): Isolation {
  return {
    kind: 'none',
    says: `none, because ${why}: the agent can read what this user can and reach the network`,
    wrap: [],
  };
}
