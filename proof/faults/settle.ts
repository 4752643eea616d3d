/** Waiting until the bot has nothing left to do. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Project } from '../../sandbox/gitlab/state/types.ts';
import { TooLate } from '../../test/support/until.ts';
import type { Place, Sql } from './place.ts';

const LIMIT_MS = 180_000;
const LOOK_MS = 100;
/** Without a write for so long, the embedded database is looked into. */
const QUIET_MS = 1_500;

interface Open {
  deliveries: number;
  effects: number;
  attempts: number;
  runs: number;
}

/** What is left to do by the database. */
export async function openWork(sql: Sql): Promise<Open> {
  const [row] = await sql<Open>(
    `select (select count(*)::int from deliveries where state in ('new', 'held')) as deliveries,
       (select count(*)::int from effects where state = 'pending') as effects,
       (select count(*)::int from attempts where state in ('requested', 'waiting', 'running')) as attempts,
       (select count(*)::int from runs where state in ('queued', 'running', 'paused')
          and waits_for is distinct from 'person') as runs`,
  );
  if (row === undefined) throw new Error('a count came without a row');
  return row;
}

/**
 * Resolves when everything that was asked for is over, and nothing is left; on the embedded database the bot is
 * stopped then. Rejects with what is left after `limitMs`, with TooLate. A run that waits for a person counts as over.
 */
export async function settle(place: Place, limitMs = LIMIT_MS): Promise<void> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    await place.world.gitlab.hooksIdle();
    if (!place.readsBeside) await quiet(place, deadline);
    const open = await place.read(openWork);
    if (Object.values(open).every((count: number) => count === 0)) return;
    if (performance.now() > deadline) {
      const left = Object.entries(open).map(([what, count]) => `${count} ${what}`);
      throw new TooLate(`not over after ${limitMs / 1000} s: ${left.join(', ')}`);
    }
    if (!place.readsBeside) await place.startAll();
    await sleep(place.readsBeside ? LOOK_MS : QUIET_MS);
  }
}

/** Every issue with a run shows its verdict, and the bot has written nothing for a while. */
async function quiet(place: Place, deadline: number): Promise<void> {
  const { calls } = place.world.gitlab;
  const writes = (): number =>
    calls.all.filter(({ user, method }) => user === 'autodev' && method !== 'GET').length;
  let seen = -1;
  let since = performance.now();
  while (performance.now() < deadline) {
    const now = writes();
    if (now !== seen || !place.projects.every(shown)) {
      seen = now;
      since = performance.now();
    }
    if (performance.now() - since > QUIET_MS) return;
    await sleep(LOOK_MS);
  }
}

const VERDICT =
  /^### AutoDev · .* · (done|needs-human|refused|budget|outage|no-runner|cancelled|paused)$/m;

/** No status comment of the project says that something is under way. */
function shown(project: Project): boolean {
  return project.issues.every((issue) =>
    issue.notes
      .filter(({ body }) => body.includes('<!-- autodev:status -->'))
      .every(({ body }) => VERDICT.test(body)),
  );
}
