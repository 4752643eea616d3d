/**
 * What runners and people do to jobs: killed in the middle, fallen silent, never taken, cancelled, with results that
 * come twice or too late. Each run ends as it should, and nothing is published twice (R19, R20, R21, F8, promise 16).
 */
import type { Project } from '../../sandbox/gitlab/state/types.ts';
import { until } from '../../test/support/until.ts';
import type { History } from './history.ts';
import type { Place } from './place.ts';
import type { Fate } from './played-job.ts';
import { quantile, type Cycles, type FaultRow, type RowStage } from './row.ts';
import { ask } from './work.ts';

/**
 * Seconds until a silent job counts as lost, and minutes that a pipeline waits for a runner: those of the settings in
 * the full form (but a minute for runners, not ten), compressed in the short one.
 */
const LOST_SECONDS = { ci: 6, full: 60 };
const RUNNER_MINUTES = { ci: 0.2, full: 1 };
/** A lost job is noticed so long after it counts as lost: with 60 seconds that makes 90 (promise 16). */
const NOTICED_MS = 30_000;
/** A result comes so long after its attempt was given up. */
const LATE_MS = 4_000;
const VERDICT_MS = 120_000;
const TIMES = 3;
/** Tries at a task. */
const TRIES = 3;

const KINDS = ['killed', 'silent', 'no_runner', 'cancelled', 'repeats', 'late'] as const;
type Kind = (typeof KINDS)[number];

/** What became of an attempt's job, and when it began by the clock of the machine. */
interface Played {
  kind: Kind | 'ends';
  at: number;
}

function fateOf(kind: Kind | 'ends', lostSeconds: number): Fate {
  switch (kind) {
    case 'ends':
    case 'killed':
    case 'silent':
    case 'no_runner':
      return { kind };
    case 'cancelled':
      // It works until somebody cancels its pipeline.
      return { kind: 'silent' };
    case 'repeats':
      return { kind, times: TIMES };
    case 'late':
      return { kind, ms: lostSeconds * 1000 + LATE_MS };
  }
}

/** Cancels the whole pipeline of an attempt as a person does, when its job has begun. */
async function cancel(place: Place, project: Project, attempt: number): Promise<void> {
  const facts = () => place.ci.facts.find((one) => one.attempt === attempt);
  await until(() => facts()?.claimed === 200, VERDICT_MS, `attempt ${attempt} to be claimed`);
  const child = place.ci.get(facts()?.pipelineId ?? 0);
  const parent = child?.spec.parent?.pipelineId ?? 0;
  await place.as('sam', 'POST', `/projects/${project.id}/pipelines/${parent}/cancel`);
}

/** How a run has to end whose attempts had these fates; attempts that end well end it. */
function dueState(kinds: readonly (Kind | 'ends')[]): string {
  if (kinds.includes('no_runner')) return 'failed';
  if (kinds.includes('cancelled')) return 'stopped_user';
  const lost = kinds.filter((kind) => ['killed', 'silent', 'late'].includes(kind));
  return lost.length >= TRIES ? 'failed' : 'completed';
}

function wrongEnds(history: History, project: Project, fates: Map<number, Played>): string | null {
  const { runs, tasks, attempts } = history;
  const own = runs.filter((run) => run.project === project.id);
  const wrong = own.flatMap(({ id, on, state }) => {
    const mine = new Set(tasks.filter(({ run }) => run === id).map((task) => task.id));
    const kinds = attempts
      .filter(({ task }) => mine.has(task))
      .map((attempt) => fates.get(attempt.id)?.kind ?? 'ends');
    const due = dueState(kinds);
    return state === due ? [] : [`${on} with ${kinds.join(', ')} is ${state}, not ${due}`];
  });
  return wrong[0] ?? null;
}

function begin({ place, project, measured, counted, full }: RowStage): Cycles {
  const lostSeconds = full ? LOST_SECONDS.full : LOST_SECONDS.ci;
  const planned: Kind[] = [];
  const fates = new Map<number, Played>();
  const cancels: Promise<void>[] = [];
  place.ci.steer.fate = (attempt) => {
    const kind = planned.shift() ?? 'ends';
    fates.set(attempt, { kind, at: Date.now() });
    if (kind === 'cancelled') cancels.push(cancel(place, project, attempt));
    return fateOf(kind, lostSeconds);
  };
  return {
    cycle: async (index) => {
      const kind = KINDS[index % KINDS.length] ?? 'killed';
      planned.push(kind);
      counted.set(kind, (counted.get(kind) ?? 0) + 1);
      await ask(place, project, `Cycle ${index}`, 'label');
      return null;
    },
    rest: async () => {
      await Promise.all(cancels);
    },
    look: (history) => {
      place.ci.steer.fate = () => ({ kind: 'ends' });
      for (const { id, endedAt } of history.attempts) {
        const played = fates.get(id);
        if (played === undefined || endedAt === null) continue;
        if (played.kind === 'silent') measured.push(endedAt - played.at);
      }
      return wrongEnds(history, project, fates);
    },
  };
}

export const runners: FaultRow = {
  id: 'R19 R20 R21 F8',
  name: 'runner killed, silent or missing, pipeline cancelled, result late or twice: the right end, nothing twice',
  // Jobs talk to the bot over HTTP; the backend does not matter.
  on: ['postgres'],
  twoProcesses: true,
  runs: { ci: 6, full: 120 },
  batch: 24,
  settings: (full) => ({
    name: full ? 'a minute for runners' : 'short waits',
    change: ({ limits }) => {
      limits.heartbeatLostSeconds = full ? LOST_SECONDS.full : LOST_SECONDS.ci;
      limits.runnerWaitMinutes = full ? RUNNER_MINUTES.full : RUNNER_MINUTES.ci;
    },
  }),
  begin,
  figure: ({ measured }) => {
    if (measured.length === 0) return null;
    const longest = quantile(measured, 1);
    const allowed = LOST_SECONDS.full * 1000 + NOTICED_MS;
    return {
      value: longest,
      unit: 'ms at most until a silent job is lost',
      holds: longest <= allowed,
    };
  },
  told: ({ counted }) => [...counted].map(([kind, times]) => `${kind} ${times}`).join(', '),
  mutants: [
    {
      name: 'a pipeline that was cancelled is not started again',
      file: 'bot/decide/losses.ts',
      from: "    case 'pipeline_cancelled':\n      return stop({\n        kind: 'cancelled',",
      to: `    case 'pipeline_cancelled':
      if (tasks.length > 0) return retryOrStop(run, tasks, snapshot, 'again', { kind: 'cancelled', cause: '', next: '' });
      return stop({
        kind: 'cancelled',`,
    },
  ],
  mutantRuns: 4,
};
