/** One try at one task: the agent's job as a process of its own, then the hidden checks of its result. */
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { killTree } from '../jobs/process-group.ts';
import type { AttemptRow } from '../bot/store/attempts.ts';
import type { EvalEnv } from './env.ts';
import { figuresOf, type TryFigures } from './figures.ts';
import { makeCheckout } from './files.ts';
import type { Host } from './host.ts';
import { judge } from './judge.ts';
import type { PlannedTry } from './plan.ts';
import { TASKS_DIR } from './task.ts';

/** Time the job gets beyond the agent's own limit and its overtime, in milliseconds. */
const JOB_GRACE_MS = 120_000;

export interface TryInput extends PlannedTry {
  env: EvalEnv;
  host: Host;
  /** The bundled job program. */
  program: string;
  protectedPaths: readonly string[];
  /** Where log and result are kept; null: nowhere. */
  logs: string | null;
  /** Hears one line of what happens now. */
  say: (line: string) => void;
  stop: AbortSignal;
}

/** Never throws for what an agent can cause: what did not run says why. */
export async function tryTask(input: TryInput): Promise<TryFigures> {
  const { env, host, task, plan } = input;
  const started = performance.now();
  const top = await mkdtemp(join(tmpdir(), 'autodev-eval-'));
  try {
    const checkout = join(top, 'builds', 'project');
    const sha = await makeCheckout(env, join(task.dir, 'repo'), checkout);
    const opened = await host.open(plan, sha);
    const job = await runJob(input, { checkout, home: top, ...opened });
    const { attempt, usage } = await host.outcome(opened);
    const seconds = (performance.now() - started) / 1000;
    await keepLogs(input, job.log, attempt);
    const done = { usage, attempt, seconds, isolation: isolationIn(job.log) };
    const { result } = attempt;
    if (result === null) return figuresOf(input, done, { broken: job.ended });
    input.say('hidden checks');
    const { protectedPaths } = input;
    const rules = { env, protectedPaths, isolation: plan.spec.isolation };
    return figuresOf(input, done, { judgement: await judge(task, result, rules) });
  } finally {
    await rm(top, { recursive: true, force: true });
  }
}

interface JobPlace {
  checkout: string;
  home: string;
  attemptId: number;
  idToken: string;
}

/** Runs the supervisor to its end, as a runner would; returns its log and how it ended. */
async function runJob(
  { env, host, plan, program, say, stop }: TryInput,
  place: JobPlace,
): Promise<{ log: string[]; ended: string }> {
  const child = spawn(process.execPath, [program, 'run'], {
    cwd: place.checkout,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: env.path,
      LANG: env.lang,
      HOME: place.home,
      CI_PROJECT_DIR: place.checkout,
      // An isolated agent sees no folder of this name: solutions and hidden checks are there.
      CI_BUILDS_DIR: TASKS_DIR,
      AUTODEV_SERVER: host.url,
      AUTODEV_ATTEMPT: String(place.attemptId),
      AUTODEV_ID_TOKEN: place.idToken,
    },
  });
  const log: string[] = [];
  const closed = [child.stdout, child.stderr].map((stream) => {
    const lines = createInterface({ input: stream });
    lines.on('line', (line) => {
      log.push(line);
      say(line.replace(/^\d\d:\d\d:\d\d /, ''));
    });
    return new Promise((resolve) => lines.once('close', resolve));
  });
  const kill = (): void => void killTree(child.pid ?? 0);
  const late = setTimeout(kill, plan.spec.limits.minutes * 60_000 + JOB_GRACE_MS);
  stop.addEventListener('abort', kill, { once: true });
  const ended = await new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(`the job could not be started: ${error.message}`));
    child.once('exit', (code, signal) => resolve(`the job ended with ${signal ?? code}`));
  });
  clearTimeout(late);
  stop.removeEventListener('abort', kill);
  await Promise.all(closed);
  return { log, ended: stop.aborted ? 'stopped' : `${ended}: ${log.at(-1) ?? 'it said nothing'}` };
}

function isolationIn(log: readonly string[]): string {
  const line = log.find((text) => text.includes(' isolation: '));
  return line?.replace(/^.* isolation: /, '') ?? 'unknown';
}

async function keepLogs({ logs, task, run }: TryInput, log: string[], attempt: AttemptRow) {
  if (logs === null) return;
  const dir = join(logs, `${task.name}-${run}`);
  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, 'job.log'), `${log.join('\n')}\n`);
  await writeFile(join(dir, 'result.json'), `${JSON.stringify(attempt.result, null, 2)}\n`);
}
