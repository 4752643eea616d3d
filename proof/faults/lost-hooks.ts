/**
 * Webhooks that never come, come three times, or come in another order: every wish is found by the poll or
 * taken once (R22, R23, R24).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Issue, Project } from '../../sandbox/gitlab/state/types.ts';
import type { Place } from './place.ts';
import { quantile, type Cycles, type FaultRow, type RowStage } from './row.ts';
import { ask, say } from './work.ts';

const P99_MS = 90_000;
/** In the short form, where polls come often, nothing is waited for longer. */
const SHORT_MS = 30_000;
const LOOK_MS = 20;
const COPIES = 3;
/**
 * A copy comes so much later than the one before: what the first one started is over by then, in the full form
 * beside other rows, too.
 */
const COPY_MS = { ci: 9_000, full: 20_000 };
/** Hooks are held for so long, then let go with the newest first. */
const HELD_MS = 700;
/** The bot's own pause between polls. */
const POLL_SECONDS = 30;

/** Resolves with milliseconds until the bot has done anything about the issue, or at `mostMs`. */
async function noticed(place: Place, issue: Issue, mostMs: number): Promise<number> {
  const started = performance.now();
  const bot = place.world.people.autodev.user.id;
  const seen = (): boolean =>
    issue.notes.some(
      (note) => note.authorId === bot || note.awards.some((award) => award.userId === bot),
    );
  while (!seen() && performance.now() - started < mostMs) await sleep(LOOK_MS);
  return performance.now() - started;
}

async function begin(stage: RowStage): Promise<Cycles> {
  const { place, measured, counted } = stage;
  const { weather, api } = place.world.gitlab;
  const named = (kind: string): Promise<Project> => place.project(`${stage.project.path}-${kind}`);
  const projects = {
    lost: stage.project,
    tripled: await named('tripled'),
    reversed: await named('reversed'),
  };
  // The poll looks after projects that the bot knows; `autodev connect` leaves them like this.
  await place.read((sql) =>
    sql(
      `insert into repos (forge, project_id, path, default_branch, web_url, next_poll_at)
       values ('gitlab', $1, $2, 'main', $3, now())`,
      [projects.lost.id, projects.lost.path, `${place.world.gitlab.url}/${projects.lost.path}`],
    ),
  );
  await place.startAll();
  const hookId = (project: Project): number => project.hooks[0]?.id ?? 0;
  weather.hooks({ hookId: hookId(projects.lost) }, { kind: 'drop' }, { times: Infinity });
  const laterMs = stage.full ? COPY_MS.full : COPY_MS.ci;
  const thrice = { kind: 'duplicate', copies: COPIES, laterMs } as const;
  weather.hooks({ hookId: hookId(projects.tripled) }, thrice, { times: Infinity });
  weather.hooks({ hookId: hookId(projects.reversed) }, { kind: 'hold' }, { times: Infinity });
  const timer = setInterval(() => weather.release('newest first'), HELD_MS);
  const watched: Promise<void>[] = [];
  const kinds = Object.keys(projects) as (keyof typeof projects)[];
  return {
    cycle: async (index, random) => {
      const kind = kinds[index % kinds.length] ?? 'lost';
      const project = projects[kind];
      counted.set(kind, (counted.get(kind) ?? 0) + 1);
      const wish = random.chance(0.5) ? 'label' : 'implement';
      const iid = await ask(place, project, `Cycle ${index}`, wish);
      if (random.chance(0.5)) await say(place, project, iid, 'sam', '/autodev help');
      const issue = api.issue(project.path, iid);
      const patience = stage.full ? 2 * P99_MS : SHORT_MS;
      const watch = noticed(place, issue, patience).then(
        (ms) => void (kind === 'lost' && measured.push(ms)),
      );
      watched.push(watch);
      return null;
    },
    rest: async () => {
      await Promise.all(watched);
      clearInterval(timer);
      weather.release('newest first');
    },
    look: ({ runs }) => {
      const asked = Object.values(projects).flatMap((project) => {
        return project.issues
          .filter((issue) => issue.title.startsWith('Cycle'))
          .map(({ iid }) => ({
            ...{ project: project.id, on: `issue/${iid}` },
          }));
      });
      const wrong = asked.filter(
        ({ project, on }) =>
          runs.filter((run) => run.project === project && run.on === on).length !== 1,
      );
      return wrong.length === 0
        ? null
        : `${wrong.length} of ${asked.length} issues have not one run`;
    },
  };
}

export const lostHooks: FaultRow = {
  id: 'R22 R23 R24',
  name: 'Webhooks lost, tripled or reversed: everything is acted on once, missed ones within 90 s',
  ciOn: ['postgres'],
  runs: { ci: 6, full: 120 },
  batch: 30,
  // In the short form the polls come every two seconds, as in the other rows.
  settings: (full) =>
    full
      ? {
          name: 'polls as shipped',
          change: (settings) => {
            settings.limits.reconcileSeconds = POLL_SECONDS;
          },
        }
      : null,
  begin,
  figure: ({ measured }) => {
    if (measured.length === 0) return null;
    const p99 = quantile(measured, 0.99);
    return { value: p99, unit: 'ms p99 until a lost hook is made up for', holds: p99 <= P99_MS };
  },
  told: ({ counted, measured }) =>
    `${[...counted].map(([kind, count]) => `${count} ${kind}`).join(', ')}; p50 ${Math.round(quantile(measured, 0.5))} ms`,
  mutants: [
    {
      name: 'a delivery and a wish are taken once',
      file: 'bot/forge/gitlab/webhooks.ts',
      from: "dedupeKey: claim.by === 'token' ? `body:${await contentKey(raw)}` : `id:${claim.webhookId}`,",
      to: 'dedupeKey: `${await contentKey(raw)}:${Math.random()}`,',
      also: [
        {
          file: 'bot/store/wishes.ts',
          from: '  return rows.length > 0;',
          to: '  return rows.length < 0;',
        },
      ],
    },
    {
      name: 'projects are polled',
      file: 'bot/worker/reconcile.ts',
      from: 'const done = seconds > 0 ?',
      to: 'const done = seconds < 0 ?',
    },
  ],
  mutantRuns: 6,
};
