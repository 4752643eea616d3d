/** The questions of the poll (ForgePoll) against the sandbox GitLab. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { POLL_LIMITS } from '../../bot/forge/gitlab/poll.ts';
import type { ForgePoll } from '../../bot/forge/poll.ts';
import type { Issue, Project } from '../../sandbox/gitlab/state/types.ts';
import { startReconcileWorld, type ReconcileWorld, type Who } from '../support/reconcile-world.ts';

const EPOCH = new Date(0);

let world: ReconcileWorld;
let poll: ForgePoll;
beforeAll(async () => {
  world = await startReconcileWorld({ everySeconds: 30 });
  poll = world.deps.forge.poll;
});
afterAll(() => world.close());

async function newIssue(project: Project, who: Who = 'sam', more: object = {}): Promise<Issue> {
  const issue = (await world.rest(who, 'POST', `/projects/${project.id}/issues`, {
    title: 'An issue',
    ...more,
  })) as { iid: number };
  return world.gitlab.api.issue(project.path, issue.iid);
}

test('issues since a moment, oldest move first, with who closed them', async () => {
  const { project } = await world.project('issues');
  const first = await newIssue(project, 'sam', { labels: 'autodev,bug', confidential: true });
  const second = await newIssue(project);
  const on = `/projects/${project.id}/issues`;
  await world.rest('lee', 'PUT', `${on}/${first.iid}`, { state_event: 'close' });
  second.updatedAt = new Date(Date.now() - 60_000).toISOString();

  const all = await poll.issues(project.id, EPOCH);
  expect(all.items.map(({ item }) => item.iid)).toEqual([second.iid, first.iid]);
  expect(all.items[1]).toMatchObject({
    item: { state: 'closed', labels: ['autodev', 'bug'], confidential: true },
    updatedAt: new Date(first.updatedAt),
    endedBy: { id: world.people.lee.id, username: 'lee' },
  });
  expect(all.items[0]).toMatchObject({ hasNotes: false, endedBy: null });
  expect(all.completeUntil).toBeNull();
  expect(Math.abs((all.at?.getTime() ?? 0) - Date.now())).toBeLessThan(5_000);

  const since = new Date(first.updatedAt);
  expect((await poll.issues(project.id, since)).items.map(({ item }) => item.iid)).toEqual([
    first.iid,
  ]);
  const later = new Date(since.getTime() + 1);
  expect((await poll.issues(project.id, later)).items).toEqual([]);
});

test('changes since a moment, with their heads', async () => {
  const { project } = await world.project('changes');
  await world.rest('sam', 'POST', `/projects/${project.id}/repository/commits`, {
    branch: 'side',
    start_branch: 'main',
    commit_message: 'A file',
    actions: [{ action: 'create', file_path: 'a.txt', content: 'a' }],
  });
  const { iid } = (await world.rest('sam', 'POST', `/projects/${project.id}/merge_requests`, {
    source_branch: 'side',
    target_branch: 'main',
    title: 'Side',
  })) as { iid: number };
  const change = world.gitlab.api.mergeRequest(project.path, iid);
  await world.rest('dana', 'PUT', `/projects/${project.id}/merge_requests/${iid}`, {
    state_event: 'close',
  });
  const { items } = await poll.changes(project.id, EPOCH);
  expect(items).toMatchObject([
    {
      item: { iid, state: 'closed', headSha: change.versions.at(-1)?.headSha },
      endedBy: { username: 'dana' },
    },
  ]);
});

test('long lists come whole or say how far they go, also when many have one time', async () => {
  const { project } = await world.project('many');
  const issue = await newIssue(project);
  const rows = POLL_LIMITS.pages * POLL_LIMITS.pageSize + 20;
  const start = Date.now() - rows * 1000;
  const fill = (timeOf: (index: number) => number): void => {
    project.issues = Array.from({ length: rows }, (_, index) => ({
      ...issue,
      id: 100_000 + index,
      iid: index + 1,
      updatedAt: new Date(timeOf(index)).toISOString(),
    }));
  };
  fill((index) => start + index * 1000);
  const before = world.calls.length;
  const part = await poll.issues(project.id, EPOCH);
  expect(world.calls.length - before).toBe(POLL_LIMITS.pages);
  const iids = part.items.map(({ item }) => item.iid);
  const last = iids.at(-1) ?? 0;
  expect(iids).toEqual(Array.from({ length: last }, (_, index) => index + 1));
  expect(part.completeUntil).toEqual(part.items.at(-1)?.updatedAt);
  const rest = await poll.issues(project.id, part.completeUntil ?? EPOCH);
  expect(rest.items.map(({ item }) => item.iid)).toEqual(
    Array.from({ length: rows - last + 1 }, (_, index) => last + index),
  );
  expect(rest.completeUntil).toBeNull();

  // A bulk edit gives two pages and a half one and the same time.
  fill((index) => (index < 250 ? start : start + index * 1000));
  const bulk = await poll.issues(project.id, EPOCH);
  expect(bulk.items.slice(0, 250).map(({ item }) => item.iid)).toEqual(
    Array.from({ length: 250 }, (_, index) => index + 1),
  );
});

test('notes of people since a moment, with their authors and threads', async () => {
  const { project } = await world.project('notes');
  const issue = await newIssue(project);
  const on = { type: 'issue', iid: issue.iid } as const;
  const path = `/projects/${project.id}/issues/${issue.iid}/notes`;
  const say = async (who: Who, body: string, more: object = {}): Promise<number> =>
    ((await world.rest(who, 'POST', path, { body, ...more })) as { id: number }).id;
  const old = await say('sam', 'long ago');
  const note = issue.notes.find(({ id }) => id === old);
  if (note) note.createdAt = new Date(Date.now() - 600_000).toISOString();
  const asked = await say('sam', '/autodev help');
  const inside = await say('dana', '/autodev status', { internal: true });
  await world.rest('lee', 'PUT', `/projects/${project.id}/issues/${issue.iid}`, {
    state_event: 'close',
  });
  const found = await poll.notes(project.id, on, new Date(Date.now() - 60_000));
  expect(found.map(({ id, author, internal }) => [id, author.username, internal])).toEqual([
    [asked, 'sam', false],
    [inside, 'dana', true],
  ]);
  expect(found[0]?.updatedAt).toEqual(found[0]?.createdAt);
  const thread = issue.notes.find(({ id }) => id === asked)?.discussionId;
  const threads = await poll.threads(project.id, on);
  expect(threads.get(asked)).toBe(thread);
  expect(threads.has(1)).toBe(false);
});

test('who put which label on an issue, and who took it away', async () => {
  const { project } = await world.project('labels');
  const issue = await newIssue(project, 'sam', { labels: 'autodev' });
  const on = `/projects/${project.id}/issues/${issue.iid}`;
  await world.rest('lee', 'PUT', on, { remove_labels: 'autodev' });
  await world.rest('dana', 'PUT', on, { add_labels: 'autodev::fix' });
  const events = await poll.labelEvents(project.id, issue.iid);
  expect(events.map(({ label, action, by }) => [label, action, by.username])).toEqual([
    ['autodev', 'add', 'sam'],
    ['autodev', 'remove', 'lee'],
    ['autodev::fix', 'add', 'dana'],
  ]);
});

test('a project that is hidden from the bot is not found', async () => {
  await expect(poll.issues(999_999, EPOCH)).rejects.toMatchObject({ kind: 'not_found' });
});
