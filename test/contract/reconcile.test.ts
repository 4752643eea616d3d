/**
 * The poll beside the webhooks: whatever of the two tells first, late, twice or across a restart, a wish
 * is acted on once; and what it costs the forge.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Issue, Project } from '../../sandbox/gitlab/state/types.ts';
import { sweep } from '../../bot/worker/sweep.ts';
import { recordOwnEvent } from '../../bot/store/own-events.ts';
import { claimPoll, finishPoll, renewPoll } from '../../bot/store/reconcile.ts';
import type { RepoRow } from '../../bot/store/repos.ts';
import {
  startReconcileWorld,
  type ReconcileWorld,
  type SentHook,
  type Who,
} from '../support/reconcile-world.ts';
import { until } from '../support/until.ts';

/** So short that the grace for webhooks is no wait for a test. */
const EVERY = 0.01;

let world: ReconcileWorld;
beforeAll(async () => {
  world = await startReconcileWorld({ everySeconds: EVERY });
});
afterAll(() => world.close());

interface Scene {
  project: Project;
  repo: RepoRow;
  issue: Issue;
  say(who: Who, body: string): Promise<number>;
  label(who: Who, change: { add?: string; remove?: string }): Promise<void>;
  /** The webhooks for events whose body has this. */
  hooksWith(part: string): Promise<SentHook[]>;
  heal(): Promise<void>;
  runs(): Promise<(string | null)[]>;
}

async function scene(name: string): Promise<Scene> {
  const { project, repo } = await world.project(name);
  const on = `/projects/${project.id}/issues`;
  const { iid } = (await world.rest('lee', 'POST', on, { title: name })) as { iid: number };
  return {
    ...{ project, repo, issue: world.gitlab.api.issue(project.path, iid) },
    say: async (who, body) =>
      ((await world.rest(who, 'POST', `${on}/${iid}/notes`, { body })) as { id: number }).id,
    label: async (who, { add, remove }) => {
      await world.rest(who, 'PUT', `${on}/${iid}`, {
        ...(add === undefined ? {} : { add_labels: add }),
        ...(remove === undefined ? {} : { remove_labels: remove }),
      });
    },
    hooksWith: async (part) =>
      (await world.hooks(project)).filter(({ body }) => body.includes(part)),
    heal: async () => {
      // The grace of an interval of 10 ms.
      await new Promise((resolve) => setTimeout(resolve, 10));
      // A project whose row somebody holds at this moment is left for the next time.
      await until(async () => (await world.poll(repo)) === 'polled', 30_000, 'the poll');
      await world.work();
    },
    runs: () => world.runs(repo, iid),
  };
}

/** Everything that happened to the issue's labels and wishes is so much longer ago. */
async function age(at: Scene, ms: number): Promise<void> {
  for (const event of at.issue.labelEvents) {
    event.createdAt = new Date(Date.parse(event.createdAt) - ms).toISOString();
  }
  await world.store.query(
    'update wishes set made_at = made_at - make_interval(secs => $2) where repo_id = $1',
    [at.repo.id, ms / 1000],
  );
}

async function endRuns(at: Scene): Promise<void> {
  await world.store.query(
    `update runs set state = 'completed', finished_at = now(),
       verdict = '{"kind":"done","cause":"","next":""}' where repo_id = $1`,
    [at.repo.id],
  );
}

const ORDERS = ['poll first', 'webhook first', 'both at once'] as const;

test.each(ORDERS)('a command, %s, then everything again', async (order) => {
  const at = await scene(`command-${order.replaceAll(' ', '-')}`);
  await at.say('sam', '/autodev implement');
  const [hook] = await at.hooksWith('/autodev implement');
  if (!hook) throw new Error('GitLab sent no webhook');
  if (order === 'poll first') await at.heal();
  if (order === 'webhook first') expect(await world.receive(hook)).toBe('done');
  if (order === 'both at once') await Promise.all([at.heal(), world.receive(hook)]);
  expect(await at.runs()).toEqual([null]);
  await endRuns(at);
  for (const key of ['again', 'once more']) {
    expect(await world.receive({ ...hook, key })).toBe('ignored');
  }
  await at.heal();
  await at.heal();
  expect(await at.runs()).toEqual(['done']);
});

test.each(ORDERS)('a label, %s, then everything again', async (order) => {
  const at = await scene(`label-${order.replaceAll(' ', '-')}`);
  await at.label('sam', { add: 'autodev' });
  const [hook] = await at.hooksWith('"action":"update"');
  if (!hook) throw new Error('GitLab sent no webhook');
  if (order === 'poll first') await at.heal();
  if (order === 'webhook first') expect(await world.receive(hook)).toBe('done');
  if (order === 'both at once') await Promise.all([at.heal(), world.receive(hook)]);
  expect(await at.runs()).toEqual([null]);
  await endRuns(at);
  for (const key of ['again', 'once more']) {
    expect(await world.receive({ ...hook, key })).toBe('ignored');
  }
  await at.heal();
  await at.heal();
  expect(await at.runs()).toEqual(['done']);
});

test('a label that was taken away and put on again is a new wish; its late webhook is none', async () => {
  const at = await scene('label-again');
  await at.label('sam', { add: 'autodev' });
  await at.heal();
  await endRuns(at);
  await age(at, 60_000);
  await at.label('sam', { remove: 'autodev' });
  await at.label('sam', { add: 'autodev' });
  await at.heal();
  expect(await at.runs()).toEqual(['done', null]);
  await endRuns(at);
  // The webhook of the second time comes when all is over; that of the first carries its older time.
  const [, , second] = await at.hooksWith('"action":"update"');
  expect(await world.receive(second as SentHook)).toBe('ignored');
  expect(await at.runs()).toEqual(['done', 'done']);
});

test('a label that was refused is a wish of its own when somebody else puts it on', async () => {
  const at = await scene('label-rita');
  await at.label('rita', { add: 'autodev' });
  await at.heal();
  expect(await at.runs()).toEqual([]);
  await at.label('sam', { remove: 'autodev' });
  await at.label('sam', { add: 'autodev' });
  await at.heal();
  expect(await at.runs()).toEqual([null]);
});

test('a label heard of while a run was active does not start another one after it', async () => {
  const at = await scene('label-late');
  await at.say('sam', '/autodev implement');
  await at.heal();
  await at.label('dana', { add: 'autodev' });
  const [hook] = await at.hooksWith('"action":"update"');
  expect(await world.receive(hook as SentHook)).toBe('done');
  await endRuns(at);
  await at.heal();
  expect(await at.runs()).toEqual(['done']);
});

test('a process that dies before it commits has acted on nothing', async () => {
  const at = await scene('crash');
  await at.say('sam', '/autodev implement');
  const [hook] = await at.hooksWith('/autodev implement');
  const { failpoint } = world.deps;
  world.deps.failpoint = (name) =>
    name === 'decision.before_commit' ? Promise.reject(new Error('killed')) : Promise.resolve();
  await world.receive(hook as SentHook);
  world.deps.failpoint = failpoint;
  expect(await at.runs()).toEqual([]);
  await at.heal();
  expect(await at.runs()).toEqual([null]);
  await world.store.query(`update deliveries set not_before = now() where dedupe_key = $1`, [
    hook?.key,
  ]);
  await world.work();
  expect(await at.runs()).toEqual([null]);
});

test('a command edited into a note is answered once and never obeyed', async () => {
  const at = await scene('edited');
  const id = await at.say('dana', 'Nice weather');
  await at.heal();
  const note = at.issue.notes.find((one) => one.id === id);
  if (!note) throw new Error('no note');
  note.createdAt = new Date(Date.parse(note.createdAt) - 3_000).toISOString();
  const path = `/projects/${at.project.id}/issues/${at.issue.iid}/notes/${id}`;
  await world.rest('dana', 'PUT', path, { body: '/autodev implement' });
  await at.heal();
  const [hook] = await at.hooksWith('"action":"update"');
  expect(await world.receive(hook as SentHook)).toBe('ignored');
  expect(await at.runs()).toEqual([]);
  const replies = await world.store.query(
    `select 1 from effects where repo_id = $1 and kind = 'reply'`,
    [at.repo.id],
  );
  expect(replies).toHaveLength(1);
});

test('a closed issue ends its run; a webhook of it that comes after it was opened again does not', async () => {
  const at = await scene('closed');
  const on = `/projects/${at.project.id}/issues/${at.issue.iid}`;
  await at.say('sam', '/autodev implement');
  await at.heal();
  await world.rest('lee', 'PUT', on, { state_event: 'close' });
  await at.heal();
  expect(await at.runs()).toEqual(['cancelled']);
  await world.rest('lee', 'PUT', on, { state_event: 'reopen' });
  await at.say('sam', '/autodev retry');
  await at.heal();
  expect(await at.runs()).toEqual(['cancelled', null]);
  const [closed] = await at.hooksWith('"action":"close"');
  expect(await world.receive(closed as SentHook)).toBe('ignored');
  expect(await at.runs()).toEqual(['cancelled', null]);
});

test('an agent whose project is taken away is looked at, though no webhook tells of that', async () => {
  const at = await scene('archived');
  await at.say('sam', '/autodev implement');
  await at.heal();
  expect(await at.runs()).toEqual([null]);
  await at.heal();
  expect(await at.runs()).toEqual([null]);
  at.project.archived = true;
  await at.heal();
  expect(await at.runs()).toEqual(['cancelled']);
});

/** Looks at the one run of a project that are still to come. */
async function looksToCome(repo: RepoRow): Promise<number> {
  const [row] = await world.store.query<{ count: number }>(
    `select count(*)::int as count from deliveries
     where state = 'new' and event_name = 'wake' and body::jsonb ->> 'runId' =
       (select id::text from runs where repo_id = $1)`,
    [repo.id],
  );
  return row?.count ?? -1;
}

test('a run that waits is not woken again while a look at it is still to come', async () => {
  const at = await scene('slow inbox');
  await at.say('sam', '/autodev implement');
  await at.heal();
  await world.store.query(
    `update runs set waits_for = 'checks', updated_at = now() - interval '1 minute' where repo_id = $1`,
    [at.repo.id],
  );
  const now = Date.now();
  for (let times = 0; times < 3; times += 1) {
    await sweep({ ...world.deps, now: () => new Date(now + times * 3_600_000) });
    expect(await looksToCome(at.repo)).toBe(1);
  }
  await world.work();
  expect(await looksToCome(at.repo)).toBe(0);
});

test('a run that could not be looked at is not looked at twice when the forge answers again', async () => {
  const at = await scene('away for long');
  const looks = (): Promise<number> => looksToCome(at.repo);
  await at.say('sam', '/autodev implement');
  await at.heal();
  const { weather } = world.gitlab;
  const path = new RegExp(`^/projects/${at.project.id}/repository/`);
  weather.calls({ path }, { kind: 'status', status: 401 }, { times: Infinity });
  for (let times = 0; times < 3; times += 1) {
    world.deps.now = () => new Date(Date.now() + times * 3_600_000);
    await world.poll(at.repo);
    await world.work();
    expect(await looks()).toBe(1);
  }
  world.deps.now = () => new Date();
  weather.clear();
  await world.store.query(`update deliveries set not_before = now() where state = 'new'`);
  await world.work();
  expect(await looks()).toBe(0);
  expect(await at.runs()).toEqual([null]);
});

test('a comment that does not move its issue is found all the same', async () => {
  const at = await scene('throttled');
  await at.say('sam', '/autodev help');
  const { updatedAt } = at.issue;
  await at.heal();
  await at.say('sam', '/autodev implement');
  expect(at.issue.updatedAt).toBe(updatedAt);
  await at.heal();
  expect(await at.runs()).toEqual([null]);
});

test('a quiet project costs two requests, one more every five minutes', async () => {
  const at = await scene('quiet');
  at.issue.updatedAt = new Date(Date.now() - 3_600_000).toISOString();
  const count = async (): Promise<string[]> => {
    const before = world.calls.length;
    expect(await world.poll(at.repo)).toBe('polled');
    return world.calls.slice(before).map(({ method, route }) => `${method} ${route}`);
  };
  const lists = ['GET projects/:id/issues', 'GET projects/:id/merge_requests'];
  await world.store.query(`update repos set created_at = now() - interval '5 minutes'`);
  expect((await count()).toSorted()).toEqual(['GET projects/:id/hooks', ...lists]);
  const costs = new Set<number>();
  for (let times = 0; times < 10; times += 1) costs.add((await count()).length);
  expect(Math.max(...costs)).toBeLessThanOrEqual(3);
  expect(Math.min(...costs)).toBe(2);
});

test('comments that were missed together cost one request for their threads', async () => {
  const at = await scene('missed together');
  for (let times = 0; times < 5; times += 1) await at.say('sam', '/autodev help');
  const before = world.calls.length;
  await at.heal();
  const polled = world.calls.slice(before).filter(({ method }) => method === 'GET');
  const threads = polled.filter(({ route }) => route.endsWith('/discussions'));
  expect(threads).toHaveLength(1);
});

test('a project is polled by one process at a time, and soon by another when that one dies', async () => {
  const { repo } = await world.project('lease');
  const { store } = world;
  await store.query(`update repos set next_poll_at = now() + interval '1 day'`);
  await store.query('update repos set next_poll_at = now() where id = $1', [repo.id]);
  const claims = await Promise.all(
    Array.from({ length: 5 }, (_, n) => claimPoll(store, `p${n}`, 5)),
  );
  expect(claims.filter((claim) => claim !== null)).toHaveLength(1);
  const owner = `p${claims.findIndex((claim) => claim !== null)}`;
  expect(await renewPoll(store, repo.id, owner, 0)).toBe(true);
  // Its lease ran out: another one takes over, and the first cannot spoil that.
  expect(await claimPoll(store, 'other', 5)).toMatchObject({ repoId: repo.id });
  expect(await renewPoll(store, repo.id, owner, 60)).toBe(false);
  await finishPoll(store, repo.id, owner, { until: new Date(), againSeconds: 0 });
  expect(await claimPoll(store, 'third', 5)).toBeNull();
  const until = new Date('2026-11-21T12:00:00Z');
  await finishPoll(store, repo.id, 'other', { until, againSeconds: 0 });
  expect(await claimPoll(store, 'third', 5)).toMatchObject({ reconciledUntil: until });
  await finishPoll(store, repo.id, 'third', { until: new Date(0), againSeconds: 0 });
  expect(await claimPoll(store, 'fourth', 5)).toMatchObject({ reconciledUntil: until });
});

test('a webhook that GitLab has disabled is told once, with what to do', async () => {
  const at = await scene('alert');
  const alerts = () => world.log.filter((line) => line.includes('does not send the webhook'));
  const [hook] = at.project.hooks;
  if (!hook) throw new Error('no hook');
  const poll = async (): Promise<void> => {
    await world.store.query(
      `update repos set reconciled_until = reconciled_until - interval '10 minutes' where id = $1`,
      [at.repo.id],
    );
    await at.heal();
  };
  await poll();
  expect(alerts()).toEqual([]);
  hook.recentFailures = 40;
  await poll();
  await poll();
  expect(alerts()).toHaveLength(1);
  expect(alerts()[0]).toContain(`/-/hooks/${hook.id}/edit`);
  expect(alerts()[0]).toContain('press Test');
  const alert = async (): Promise<unknown> =>
    (await world.store.query('select hook_alert from repos where id = $1', [at.repo.id]))[0];
  expect(await alert()).toEqual({ hook_alert: 'disabled' });
  await at.say('sam', '/autodev implement');
  await at.heal();
  expect(await at.runs()).toEqual([null]);
  hook.recentFailures = 0;
  await poll();
  expect(await alert()).toEqual({ hook_alert: 'executable' });
});

test('a project the bot may not see any more is asked after seldom, and told once', async () => {
  const at = await scene('gone');
  await at.heal();
  at.project.members.delete(world.people.autodev.id);
  const failed = () => world.log.filter((line) => line.includes(at.project.path));
  const before = failed().length;
  for (let times = 0; times < 3; times += 1) expect(await world.poll(at.repo)).toBe('polled');
  expect(failed().length - before).toBe(1);
  const [row] = await world.store.query<{ wait: number }>(
    'select extract(epoch from next_poll_at - now())::float8 as wait from repos where id = $1',
    [at.repo.id],
  );
  expect(row?.wait).toBeGreaterThan(800);
});

test('while the forge is away nothing is lost', async () => {
  const at = await scene('away');
  await at.heal();
  const path = new RegExp(`^/projects/${at.project.id}/`);
  await at.say('sam', '/autodev implement');
  world.gitlab.weather.calls({ path }, { kind: 'status', status: 403 }, { times: 2 });
  await world.poll(at.repo);
  await world.work();
  expect(await at.runs()).toEqual([]);
  await at.heal();
  expect(await at.runs()).toEqual([null]);
});

test('an event that was polled before a restart is worked on after it', async () => {
  const at = await scene('restart');
  await at.say('sam', '/autodev implement');
  await new Promise((resolve) => setTimeout(resolve, 10));
  await world.poll(at.repo);
  expect(await at.runs()).toEqual([]);
  await world.work();
  expect(await at.runs()).toEqual([null]);
  const again = await recordOwnEvent(
    world.store,
    { kind: 'wake', runId: 0 },
    `poll:${at.project.id}:note:${at.issue.notes[0]?.id}`,
  );
  expect(again.inserted).toBe(false);
});

// The last one: the host is held back for all that would follow.
test('a forge that says to wait is waited for', async () => {
  const at = await scene('away');
  const { weather } = world.gitlab;
  const path = new RegExp(`^/projects/${at.project.id}/issues\\?`);
  await at.heal();
  await at.say('sam', '/autodev implement');
  weather.calls({ path }, { kind: 'status', status: 429, retryAfter: 600 }, { times: 1 });
  expect(await world.poll(at.repo)).toBe('failed');
  const [row] = await world.store.query<{ wait: number }>(
    'select extract(epoch from next_poll_at - now())::float8 as wait from repos where id = $1',
    [at.repo.id],
  );
  expect(row?.wait).toBeGreaterThan(500);
});
