/**
 * Ten kills on one task: whoever works on it dies at each step of its way, from the webhook to the merge
 * request, and it comes to its end all the same, once (R4).
 */
import { until } from '../../test/support/until.ts';
import { quantile, type Cycles, type FaultRow, type RowStage } from './row.ts';
import { allCompleted } from './watch.ts';
import { ask } from './work.ts';

/** Steps of a task in their order: each is come by after the one before, whatever else happens meanwhile. */
const STEPS = [
  'delivery.claimed',
  'decision.made',
  'decision.before_commit',
  'decision.committed',
  'create_pipeline.claimed',
  'create_pipeline.started',
  'create_pipeline.done',
  'commit_changes.started',
  'commit_changes.done',
  'open_change.done',
] as const;
const STEP_MS = 60_000;

function begin({ place, project, measured }: RowStage): Cycles {
  return {
    cycle: async (index) => {
      const [only, ...others] = place.lives.filter(({ role }) => role !== 'web');
      if (only === undefined) throw new Error('nobody works here');
      // There is one worker, so that it is the one who comes by.
      await Promise.all([only, ...others].map((life) => life.kill()));
      const web = place.lives.find(({ role }) => role === 'web');
      if (web === undefined) {
        only.start(`${STEPS[0]}:kill9@1`);
        await only.ready();
      }
      await ask(place, project, `Task ${index}`, 'implement');
      const began = performance.now();
      for (const step of STEPS) {
        only.start(`${step}:kill9@1`);
        await until(() => !only.alive(), STEP_MS, `the worker to die at ${step}`);
      }
      measured.push(performance.now() - began);
      await place.startAll();
      return null;
    },
    look: (history) => allCompleted(project, history),
  };
}

export const tenKills: FaultRow = {
  id: 'R4',
  name: `${STEPS.length} kills on one task, one at each of its steps: it ends well, once`,
  runs: { ci: 1, full: 5 },
  ciOn: [],
  batch: 5,
  begin,
  figure: ({ measured }) =>
    measured.length === 0
      ? null
      : { value: quantile(measured, 1), unit: 'ms for ten deaths at most', holds: true },
  mutants: [
    {
      name: 'a pipeline that was taken is known again',
      file: 'bot/worker/effects/pipelines.ts',
      from: '  if (own !== null) return receipt(await deps.forge.ci.pipeline(repo.projectId, own), true);',
      to: '  void own;',
      // A second one would be cancelled.
      also: [
        {
          file: 'bot/worker/effects/pipelines.ts',
          from: '  await cancelSurplus(context, launch, cancel);\n',
          to: '  void [cancelSurplus, launch, cancel];\n',
        },
      ],
    },
    {
      name: 'a commit that was made is known again',
      file: 'bot/worker/effects/changes.ts',
      from: 'if (head?.message.includes(attemptTrailer(attempt)))',
      to: 'if (head?.message === attemptTrailer(attempt))',
    },
  ],
};
