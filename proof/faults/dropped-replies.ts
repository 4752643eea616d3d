/**
 * Replies of the forge that are lost after the write was done, for every verb that the bot writes with: what was
 * done is found, and nothing is done twice (R13, R14).
 */
import type { Cycles, FaultRow, RowStage } from './row.ts';
import { decideAll, hireReviewers } from './team.ts';
import { ask, say } from './work.ts';

/** So often the reply of each verb is dropped whenever it is used, and in the full form by chance after that. */
const EACH = 3;
const FURTHER_SHARE = 0.5;
/** The first two use every verb of the third; in the short form each of them comes three times. */
const JOURNEYS = [
  'feature',
  'issues',
  'feature',
  'issues',
  'feature',
  'issues',
  'quick',
  'feature',
] as const;

/** The verb of a call by its path: numbers, commits and names of branches are left out. */
function verbOfPath(method: string, path: string): string {
  const plain = path.split('?')[0] ?? '';
  const short = plain
    .replaceAll(/\/[0-9a-f]{40}(?=\/|$)/g, '/:sha')
    .replaceAll(/\/\d+(?=\/|$)/g, '/:n');
  return `${method} ${short}`;
}

function begin({ place, project, full, counted, measured }: RowStage): Cycles {
  hireReviewers(place);
  const { world } = place;
  let chance = (_share: number): boolean => false;
  world.gitlab.weather.calls(
    {
      token: world.people.autodev.token,
      when: (method, path) => {
        if (method === 'GET' || method === 'HEAD') return false;
        const verb = verbOfPath(method, path);
        const drops = counted.get(verb) ?? 0;
        const further = full ? FURTHER_SHARE : 0;
        const drop = drops < EACH || chance(further);
        counted.set(verb, drops + (drop ? 1 : 0));
        if (drop) measured.push(1);
        return drop;
      },
    },
    { kind: 'drop_reply' },
    { times: Infinity },
  );
  return {
    cycle: async (index, random) => {
      chance = random.chance;
      const kind = JOURNEYS[index % JOURNEYS.length] ?? 'quick';
      const title = `Journey ${index}`;
      if (kind === 'feature') await ask(place, project, title, 'feature');
      else {
        const iid = await ask(place, project, title, kind === 'quick' ? 'implement' : 'none');
        await say(place, project, iid, 'sam', '/autodev help');
        if (kind === 'issues') await say(place, project, iid, 'sam', '/autodev issues');
      }
      return null;
    },
    rest: () => decideAll(place, project),
  };
}

export const droppedReplies: FaultRow = {
  id: 'R13 R14',
  name: 'The reply to any write is lost: one pipeline, branch, change, note, status and label all the same',
  ciOn: ['postgres'],
  runs: { ci: 6, full: 40 },
  // One of each journey: more at once take longer than is waited for.
  batch: JOURNEYS.length,
  begin,
  figure: ({ measured, counted }) => ({
    value: measured.length,
    unit: `replies dropped, ${counted.size} verbs`,
    // What only changes something may be rare; what makes something is never used less than that.
    holds: [...counted].every(([verb, drops]) => drops >= (verb.startsWith('POST ') ? EACH : 1)),
  }),
  told: ({ counted }) =>
    [...counted]
      .toSorted()
      .map(([verb, drops]) => `${verb.replace('/projects/:n/', '')} ${drops}`)
      .join(', '),
  mutants: [
    {
      name: 'a lost pipeline is looked for',
      file: 'bot/worker/effects/pipelines.ts',
      from: 'const lost = context.again ? await takeLost(context, effect.launch) : null;',
      to: 'const lost = null as PipelineInfo | null; void takeLost;',
    },
    {
      name: 'a lost answer is looked for',
      file: 'bot/worker/effects/notes.ts',
      from: '  if (context.again) {\n    const found = await ownNote(context, effect.target, marker);',
      to: '  if (context.deps === null) {\n    const found = await ownNote(context, effect.target, marker);',
    },
  ],
  mutantRuns: 2,
};
