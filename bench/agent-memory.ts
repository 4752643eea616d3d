/** The largest resident memory of the agent's process over a long task. */
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import {
  headOf,
  idToken,
  makeRepository,
  makeSpec,
  removeTree,
  startProgram,
  startStandin,
  type Reply,
} from '../test/contract/jobs-standin.ts';

const TURNS = 30;
const KB_PER_MB = 1024;
const LOOK_MS = 50;

/** One turn each: reads, searches, long outputs of commands, edits. */
function turn(n: number): Reply {
  const args = [
    { name: 'read_file', args: { path: 'large.txt', start_line: n * 10 + 1 } },
    { name: 'run_command', args: { command: `seq ${n * 1000} ${n * 1000 + 20_000}` } },
    { name: 'search', args: { pattern: `line ${n}` } },
    { name: 'edit_file', args: { path: `made-${n}.txt`, new_text: 'made\n'.repeat(500) } },
  ];
  return { text: `Turn ${n}.`, calls: [args[n % args.length] ?? { name: 'list', args: {} }] };
}

/** Runs a task of 30 turns; megabytes that the agent's process held at most, as the kernel counted. */
export async function agentPeakMb(entry?: string): Promise<{ mb: number; turns: number }> {
  const large = Array.from({ length: 20_000 }, (_, n) => `line ${n} of a large file`).join('\n');
  const repo = makeRepository({ 'large.txt': large }, 'token-of-the-job');
  const spec = makeSpec('openai', { turns: TURNS + 5, commandSeconds: 30 });
  const standin = await startStandin({ ...spec, baseSha: headOf(repo) }, (n) =>
    n < TURNS - 1
      ? turn(n)
      : { calls: [{ name: 'finish', args: { outcome: 'done', summary: 'ok' } }] },
  );
  const over = new AbortController();
  const looking = watchPeak(standin.url, over.signal);
  try {
    const env = {
      AUTODEV_ID_TOKEN: idToken(standin.url),
      AUTODEV_ATTEMPT: '7',
      AUTODEV_SERVER: standin.url,
      CI_PROJECT_DIR: repo,
    };
    const { code, err } = await startProgram(['run'], env, entry).done;
    if (code !== 0) throw new Error(`the job ended with ${code}: ${err}`);
    over.abort();
    return { mb: (await looking) / KB_PER_MB, turns: standin.requests.length };
  } finally {
    over.abort();
    await looking;
    await standin.close();
    removeTree(repo);
  }
}

/** Looks at the agents until it is over; kilobytes of the largest. The kernel keeps the peak of each. */
async function watchPeak(server: string, over: AbortSignal): Promise<number> {
  let peak = 0;
  while (!over.aborted) {
    peak = Math.max(peak, await peakOf(server));
    await setTimeout(LOOK_MS);
  }
  return peak;
}

/** The agents that work now: their supervisor carries this stand-in's address in its environment. */
async function peakOf(server: string): Promise<number> {
  const processes = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const agents = await Promise.all(processes.map((pid) => peakOfAgent(pid, server)));
  return Math.max(0, ...agents);
}

async function peakOfAgent(pid: string, server: string): Promise<number> {
  const [program, ...rest] = (await text(pid, 'cmdline')).split('\0').filter((arg) => arg !== '');
  if (program?.endsWith('node') !== true || rest.at(-1) !== 'agent') return 0;
  const status = await text(pid, 'status');
  for (let parent = status; ;) {
    const above = /^PPid:\s*(\d+)$/m.exec(parent)?.[1] ?? '0';
    if (above === '0') return 0;
    if ((await text(above, 'environ')).includes(`AUTODEV_SERVER=${server}`)) break;
    parent = await text(above, 'status');
  }
  return Number(/^VmHWM:\s*(\d+) kB$/m.exec(status)?.[1] ?? 0);
}

function text(pid: string, part: string): Promise<string> {
  return readFile(`/proc/${pid}/${part}`, 'utf8').catch(() => '');
}
