/**
 * The ground is taken from under the bot while it works: the project is archived, hidden or moved, the bot loses its
 * rights there, or the branch of its change is deleted. Each run comes to an end that says why, and GitLab is asked
 * no more than before (R30).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Project } from '../../sandbox/gitlab/state/types.ts';
import { ACCESS } from '../../sandbox/gitlab/state/access-levels.ts';
import { until } from '../../test/support/until.ts';
import type { History } from './history.ts';
import type { Place } from './place.ts';
import { callsAbout, endedAlone, wrote } from './watch.ts';
import type { Cycles, FaultRow, RowStage } from './row.ts';
import { ask } from './work.ts';

const BEGUN_MS = 60_000;
/** It is taken within so long after the first write. */
const AFTER_MS = 400;
/** Calls are counted for so long afterwards. */
const COUNTED_MS = { ci: 3_000, full: 10_000 };
/** Two workers that poll every two seconds: more calls in a second than these are a storm. */
const STORM = 20;

/** A way to lose the ground, and what the end of a run then says; null: it goes on as if nothing had happened. */
interface Loss {
  name: string;
  /** Takes it; true when the run cannot have ended well before. */
  take(place: Place, project: Project): Promise<boolean | void> | void;
  cause: RegExp | null;
}

const BRANCH_DELETED = /^The branch `autodev\/.*` was deleted\.$/;
const branchesOf = (projectId: number): string => `/projects/${projectId}/repository/branches`;

async function deleteBranch(place: Place, projectId: number, branch = ''): Promise<void> {
  await place.as('dana', 'DELETE', `${branchesOf(projectId)}/${encodeURIComponent(branch)}`);
}

const LOSSES: readonly Loss[] = [
  {
    name: 'archived',
    take: async (place, { id }) => {
      await place.as('dana', 'POST', `/projects/${id}/archive`);
    },
    cause: /^The project was archived\.$/,
  },
  {
    // What is deleted answers like what is hidden: 404.
    name: 'hidden',
    take: ({ world }, project) => {
      project.visibility = 'private';
      project.members.delete(world.people.autodev.user.id);
    },
    cause: /^The project was deleted, or the bot may not see it any more\.$/,
  },
  {
    name: 'rights lost',
    take: ({ world }, project) => {
      world.gitlab.api.addMember(project, world.people.autodev.user, ACCESS.guest);
    },
    cause: /^The bot has no rights in the project any more\.$/,
  },
  {
    name: 'branch deleted',
    take: async (place, { id }) => {
      let own: string | undefined;
      const appeared = async (): Promise<boolean> => {
        const all = (await place.as('dana', 'GET', branchesOf(id))) as { name: string }[];
        own = all.find(({ name }) => name.startsWith('autodev/'))?.name;
        return own !== undefined;
      };
      await until(appeared, BEGUN_MS, 'a branch by the bot');
      await deleteBranch(place, id, own);
    },
    cause: BRANCH_DELETED,
  },
  {
    name: 'branch of a change deleted',
    take: async (place, project) => {
      const opened = (): boolean => project.mergeRequests.length > 0;
      // Nothing is over while the change's own pipeline runs.
      const early = !opened();
      const { steer } = place.ci;
      const { checks } = steer;
      const { promise, resolve } = Promise.withResolvers<void>();
      steer.checks = () => promise;
      try {
        await until(opened, BEGUN_MS, 'a change by the bot');
        await deleteBranch(place, project.id, project.mergeRequests[0]?.sourceBranch);
      } finally {
        steer.checks = checks;
        resolve();
      }
      return early;
    },
    cause: BRANCH_DELETED,
  },
  {
    name: 'moved',
    take: (_place, project) => {
      project.path = `${project.path}-moved`;
    },
    cause: null,
  },
];

/** What was lost; `early`: before anything can have ended well. */
interface Lost {
  project: Project;
  loss: Loss;
  early: boolean;
}

/** What was on its way already is refused by GitLab, whose words then are the reason. */
const REFUSED = /GitLab .* answered 40[034]: /;

/** The run of the project that ended in another way than it should; null: none. */
function wrongEnd({ runs }: History, { project, loss, early }: Lost): string | null {
  const { name, cause } = loss;
  const own = runs.filter((run) => run.project === project.id);
  if (own.length !== 1) return `${name}: ${own.length} runs`;
  const reasons = cause === null ? [] : [cause, REFUSED];
  // What was over already when the ground was lost has ended well.
  const wrong = own
    .filter(({ state }) => early || state !== 'completed')
    .find((run) => !reasons.some((reason) => reason.test(run.cause ?? '')));
  return wrong === undefined ? null : `${name}: ${wrong.state} because "${wrong.cause ?? ''}"`;
}

function begin({ place, measured, counted, full, project: { path } }: RowStage): Cycles {
  const losses: Lost[] = [];
  return {
    cycle: async (index, random) => {
      const loss = LOSSES[index % LOSSES.length];
      if (loss === undefined) throw new Error('there is no way to lose the ground');
      // Nobody can work in a lost project any more, so each cycle has its own.
      const project = await place.project(`${path}-${index}`);
      const { calls } = place.world.gitlab;
      const asked = calls.all.length;
      await ask(place, project, `Cycle ${index}`, 'label');
      await until(() => wrote(place, project, asked), BEGUN_MS, 'the bot to write');
      await sleep(random.int(AFTER_MS));
      const early = (await loss.take(place, project)) === true;
      losses.push({ project, loss, early });
      counted.set(loss.name, (counted.get(loss.name) ?? 0) + 1);
      const from = calls.all.length;
      const ms = full ? COUNTED_MS.full : COUNTED_MS.ci;
      await sleep(ms);
      measured.push((callsAbout(place, project, from).length * 1_000) / ms);
      return endedAlone(place);
    },
    look: (history) => {
      const wrong = losses.map((lost) => wrongEnd(history, lost));
      return wrong.find((line) => line !== null) ?? null;
    },
  };
}

export const lostGround: FaultRow = {
  id: 'R30',
  name: 'project archived, hidden or moved, rights lost, branch deleted: an end that says why, no storm of calls',
  // What GitLab refuses is told apart above the database; the backend does not matter.
  on: ['postgres'],
  twoProcesses: true,
  runs: { ci: LOSSES.length, full: 20 * LOSSES.length },
  batch: 2 * LOSSES.length,
  begin,
  // What was on its way cannot be written any more.
  but: ['effect failed'],
  figure: ({ measured }) => {
    if (measured.length === 0) return null;
    const most = Math.max(...measured);
    return { value: most, unit: 'calls a second at most', holds: most <= STORM };
  },
  told: ({ counted }) => [...counted].map(([name, times]) => `${name} ${times}`).join(', '),
  mutants: [
    {
      name: 'a deleted branch ends its run',
      file: 'bot/decide/gone.ts',
      from: "if (change?.state !== 'opened' || !change.branchGone || ref === null) return null;",
      to: 'if (change !== undefined || role === null || ref === null) return null;',
    },
  ],
};
