/** Runs a task's hidden checks on a proposal: in a copy of its own, without network, bounded in time. */
import { cp, mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runInGroup } from '../jobs/process-group.ts';
import { chooseIsolation } from '../jobs/run/isolation.ts';
import type { IsolationWish } from '../schema/wire/job-api.ts';
import type { JobResult } from '../schema/wire/result.ts';
import type { EvalEnv } from './env.ts';
import { applyChanges } from './files.ts';
import type { EvalTask } from './task.ts';

/** Time all checks of one task get, in milliseconds. */
const CHECKS_MS = 60_000;
/** Bytes of their output that are looked at when no report came. */
const OUTPUT_BYTES = 4_000;
const CHECK_FILE = /[.]check[.]mjs$/;

/** What checks may look at: the files after the changes, and what the agent said. */
export type Proposal = Pick<JobResult, 'outcome' | 'summary' | 'comment' | 'changes'>;

export interface CheckOutcome {
  passed: number;
  /** Names of those that did not pass. */
  failed: string[];
  /** Why there is no verdict of the checks themselves: time, or an end before its time. */
  broken: string | null;
}

/**
 * Applies the proposal to a fresh copy of the task's repository and runs the checks on it. The checks
 * are beside the copy, not in it, and read `REPO` and `RESULT` (a JSON file with the proposal's words).
 */
export async function runChecks(
  env: EvalEnv,
  task: EvalTask,
  proposal: Proposal,
  isolation: IsolationWish,
  limitMs = CHECKS_MS,
): Promise<CheckOutcome> {
  const top = await realpath(await mkdtemp(join(tmpdir(), 'autodev-eval-checks-')));
  try {
    const place = (name: string): string => join(top, name);
    const [repo, hidden, tmp, report] = ['repo', 'hidden', 'tmp', 'tmp/report.tap'].map(place);
    if (!repo || !hidden || !tmp || !report) throw new Error('unreachable');
    await cp(join(task.dir, 'repo'), repo, { recursive: true });
    await applyChanges(repo, proposal.changes);
    await cp(join(task.dir, 'hidden'), hidden, { recursive: true });
    await mkdir(tmp);
    const { outcome, summary, comment = '' } = proposal;
    const paths = proposal.changes.map(({ path }) => path);
    await writeFile(place('result.json'), JSON.stringify({ outcome, summary, comment, paths }));
    const checks = (await readdir(hidden)).filter((name) => CHECK_FILE.test(name)).toSorted();
    const { wrap } = await chooseIsolation({
      mode: isolation.sandbox,
      network: 'gateway',
      path: env.path,
      writable: [repo, tmp],
      readable: [process.execPath, hidden, place('result.json')],
      hidden: [],
      cwd: repo,
    });
    const reporting = ['--test-reporter=tap', `--test-reporter-destination=${report}`];
    const [file = process.execPath, ...args] = [
      ...wrap,
      process.execPath,
      ...['--test', '--test-isolation=none', ...reporting],
      ...checks.map((name) => join(hidden, name)),
    ];
    const ended = await runInGroup({
      file,
      args,
      cwd: repo,
      env: {
        PATH: env.path,
        LANG: env.lang,
        HOME: tmp,
        TMPDIR: tmp,
        REPO: repo,
        RESULT: place('result.json'),
        NODE: process.execPath,
        PYTHONDONTWRITEBYTECODE: '1',
      },
      timeoutMs: limitMs,
      capBytes: OUTPUT_BYTES,
    });
    if (ended.timedOut) {
      return { passed: 0, failed: [], broken: `they took longer than ${limitMs / 1000} s` };
    }
    return readTap(await readFile(report, 'utf8').catch(() => ''), ended.startError);
  } finally {
    await rm(top, { recursive: true, force: true });
  }
}

/** Counts what the report says; one without its last lines is of checks that were cut short. */
function readTap(tap: string, startError: string | null): CheckOutcome {
  if (startError !== null) return { passed: 0, failed: [], broken: startError };
  const total = (name: string): number | null => {
    const match = new RegExp(`^# ${name} (\\d+)$`, 'm').exec(tap)?.[1];
    return match === undefined ? null : Number(match);
  };
  const passed = total('pass');
  const failed = [...tap.matchAll(/^not ok \d+ - (.*)$/gm)].map((match) => match[1] ?? '');
  if (passed === null) {
    return { passed: 0, failed, broken: 'the code under test ended the process before they ended' };
  }
  return { passed, failed, broken: null };
}
