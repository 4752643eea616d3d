/** Webhooks of the sandbox GitLab: payloads, headers, signatures, no retry, auto-disable, weather. */
import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import {
  ALL_EVENTS,
  client,
  startKit,
  startReceiver,
  type Client,
  type Json,
  type Kit,
} from './sandbox-kit.ts';

const SECRET = 'hook-secret';
const SIGNING = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const P = '/projects/acme%2Fapp';

let kit: Kit;
let receiver: Awaited<ReturnType<typeof startReceiver>>;
let status = 200;
let hookId: number;
let dana: Client;
let sam: Client;
let now = new Date('2026-03-01T12:00:00Z');

beforeAll(async () => {
  kit = await startKit({ version: '19.1.0', clock: () => now, hookTimeoutMs: 400 });
  receiver = await startReceiver(() => status);
  dana = kit.as(kit.people.dana);
  sam = kit.as(kit.people.sam);
  const hook = await dana('POST', `${P}/hooks`, {
    ...ALL_EVENTS,
    url: receiver.url,
    token: SECRET,
    signing_token: SIGNING,
  });
  expect(hook.body).toMatchObject({ signing_token_present: true, token_present: true });
  expect(JSON.stringify(hook.body)).not.toContain(SECRET);
  hookId = hook.body.id;
});
beforeEach(async () => {
  await kit.gitlab.hooksIdle();
  status = 200;
  receiver.clear();
});
afterAll(async () => {
  await kit.close();
  await receiver.close();
});

async function newIssue(more: Json = {}): Promise<number> {
  return (await sam('POST', `${P}/issues`, { title: 'A bug', ...more })).body.iid;
}

test('headers: both kinds of secret, a key per delivery, the instance', async () => {
  await newIssue();
  await kit.gitlab.hooksIdle();
  const { headers, raw } = receiver.received[0] as (typeof receiver.received)[0];
  expect(headers).toMatchObject({
    'content-type': 'application/json',
    'user-agent': 'GitLab/19.1.0',
    'x-gitlab-event': 'Issue Hook',
    'x-gitlab-token': SECRET,
    'x-gitlab-instance': kit.gitlab.url,
    'webhook-timestamp': String(now.getTime() / 1000),
  });
  expect(headers['webhook-id']).toBe(headers['idempotency-key']);
  const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${raw}`;
  const digest = createHmac('sha256', Buffer.alloc(32, 7)).update(signed).digest('base64');
  expect(headers['webhook-signature']).toBe(`v1,${digest}`);
});

test('an issue opened with labels has no changes.labels; a later label has', async () => {
  const iid = await newIssue({ labels: 'autodev' });
  await sam('PUT', `${P}/issues/${iid}`, { add_labels: 'more' });
  await sam('PUT', `${P}/issues/${iid}`, { state_event: 'close' });
  await kit.gitlab.hooksIdle();
  const [open, update, close] = receiver.of('Issue Hook').map((one) => one.body);
  expect(open).toMatchObject({
    object_kind: 'issue',
    event_type: 'issue',
    user: { id: kit.people.sam.id, username: 'sam', email: '[REDACTED]' },
    project: { id: kit.project.id, path_with_namespace: 'acme/app', default_branch: 'main' },
    object_attributes: {
      iid,
      action: 'open',
      state: 'opened',
      type: 'Issue',
      labels: [{ title: 'autodev' }],
    },
  });
  expect(open.changes).not.toHaveProperty('labels');
  expect(update.object_attributes.action).toBe('update');
  const titles = (labels: Json) => labels.map((label: Json) => label.title);
  expect(titles(update.changes.labels.previous)).toEqual(['autodev']);
  expect(titles(update.changes.labels.current)).toEqual(['autodev', 'more']);
  expect(close.changes.state_id).toEqual({ previous: 1, current: 2 });
  expect(open.object_attributes.created_at).toBe('2026-03-01 12:00:00 UTC');
});

test('notes: create and edit; the edit carries the author as user and the editor by id', async () => {
  const iid = await newIssue();
  const note = (await sam('POST', `${P}/issues/${iid}/notes`, { body: '/autodev plan' })).body;
  await dana('PUT', `${P}/issues/${iid}/notes/${note.id}`, { body: '/autodev deploy' });
  await dana('PUT', `${P}/issues/${iid}/notes/${note.id}`, { body: '/autodev deploy' });
  await sam('DELETE', `${P}/issues/${iid}/notes/${note.id}`);
  await sam('POST', `${P}/issues/${iid}/notes`, { body: '/close' });
  await kit.gitlab.hooksIdle();
  const notes = receiver.of('Note Hook').map((one) => one.body);
  expect(notes.map((one) => one.object_attributes.action)).toEqual(['create', 'update']);
  expect(notes[0]).toMatchObject({
    object_kind: 'note',
    event_type: 'note',
    project_id: kit.project.id,
    object_attributes: {
      id: note.id,
      note: '/autodev plan',
      noteable_type: 'Issue',
      system: false,
      internal: false,
    },
    issue: { iid, state: 'opened' },
  });
  expect(notes[1]).toMatchObject({
    user: { username: 'sam' },
    object_attributes: { author_id: kit.people.sam.id, updated_by_id: kit.people.dana.id },
  });
});

test('confidential issues and internal notes go to the confidential scope', async () => {
  const iid = await newIssue({ confidential: true });
  const open = await newIssue();
  await sam('POST', `${P}/issues/${open}/notes`, { body: 'psst', internal: true });
  await kit.gitlab.hooksIdle();
  expect(
    receiver.of('Confidential Issue Hook').map((one) => one.body.object_attributes.iid),
  ).toEqual([iid]);
  expect(receiver.of('Confidential Note Hook')[0]?.body.event_type).toBe('confidential_note');
  expect(receiver.of('Note Hook')).toEqual([]);
});

test('merge requests: open, oldrev on a push, approvals, merge; pushes with commits', async () => {
  const action = { action: 'create', file_path: 'a.txt', content: 'a' };
  const commit = {
    branch: 'feature',
    start_branch: 'main',
    commit_message: 'Add a',
    actions: [action],
  };
  const first = (await sam('POST', `${P}/repository/commits`, commit)).body.id;
  const mr = { source_branch: 'feature', target_branch: 'main', title: 'Add a', labels: 'autodev' };
  const { iid } = (await sam('POST', `${P}/merge_requests`, mr)).body;
  await kit.gitlab.hooksIdle();
  const more = {
    branch: 'feature',
    commit_message: 'More',
    actions: [{ ...action, file_path: 'b.txt' }],
  };
  const second = (await sam('POST', `${P}/repository/commits`, more)).body.id;
  await kit.gitlab.hooksIdle();
  await sam('POST', `${P}/merge_requests/${iid}/approve`);
  await sam('POST', `${P}/merge_requests/${iid}/unapprove`);
  await dana('PUT', `${P}/merge_requests/${iid}/merge`, { sha: second });
  await kit.gitlab.hooksIdle();
  const hooks = receiver.of('Merge Request Hook').map((one) => one.body);
  expect(hooks.map((one) => one.object_attributes.action)).toEqual([
    'open',
    'update',
    'approved',
    'unapproved',
    'merge',
  ]);
  expect(hooks[0].object_attributes).toMatchObject({
    iid,
    last_commit: { id: first },
    draft: false,
    source_branch: 'feature',
    labels: [{ title: 'autodev' }],
  });
  expect(hooks[0].object_attributes).not.toHaveProperty('oldrev');
  expect(hooks[1].object_attributes).toMatchObject({ oldrev: first, last_commit: { id: second } });
  expect(hooks[2].user.username).toBe('sam');
  expect(hooks[4].object_attributes.state).toBe('merged');
  const pushes = receiver.of('Push Hook').map((one) => one.body);
  expect(pushes[0]).toMatchObject({
    ref: 'refs/heads/feature',
    before: '0'.repeat(40),
    after: first,
    user_id: kit.people.sam.id,
    commits: [{ id: first, added: ['a.txt'] }],
  });
  expect(pushes.at(-1)).toMatchObject({
    ref: 'refs/heads/feature',
    after: '0'.repeat(40),
    checkout_sha: null,
  });
});

test('emoji on a note', async () => {
  const iid = await newIssue();
  const note = (await sam('POST', `${P}/issues/${iid}/notes`, { body: 'hi' })).body;
  await dana('POST', `${P}/issues/${iid}/notes/${note.id}/award_emoji`, { name: 'eyes' });
  await kit.gitlab.hooksIdle();
  expect(receiver.of('Emoji Hook')[0]?.body).toMatchObject({
    object_kind: 'emoji',
    event_type: 'award',
    object_attributes: {
      name: 'eyes',
      awardable_type: 'Note',
      awardable_id: note.id,
      action: 'award',
    },
    note: { id: note.id },
    issue: { iid },
  });
});

test('switches: push_events alone is on by default, and a hook hears only what it asked for', async () => {
  const other = await startReceiver();
  const hook = await dana('POST', `${P}/hooks`, { url: other.url });
  expect(hook.body).toMatchObject({ push_events: true, issues_events: false, note_events: false });
  await newIssue();
  await kit.gitlab.hooksIdle();
  expect(other.received).toEqual([]);
  await dana('DELETE', `${P}/hooks/${hook.body.id}`);
  await other.close();
  expect((await sam('GET', `${P}/hooks`)).status).toBe(403);
});

test('a failed delivery is never sent again by itself; resending keeps its key', async () => {
  status = 503;
  await newIssue();
  await kit.gitlab.hooksIdle();
  expect(receiver.received).toHaveLength(1);
  const failed = await dana('GET', `${P}/hooks/${hookId}/events?status=server_failure`);
  expect(failed.body[0]).toMatchObject({ response_status: '503', trigger: 'issues_events' });
  status = 200;
  const path = `${P}/hooks/${hookId}/events/${failed.body[0].id}/resend`;
  expect((await dana('POST', path)).body.response_status).toBe(200);
  const [first, again] = receiver.received;
  expect(again?.headers['idempotency-key']).toBe(first?.headers['idempotency-key']);
  expect(again?.raw).toBe(first?.raw);
});

test('the fourth failure in a row disables the hook for a minute, then twice as long', async () => {
  status = 500;
  for (let n = 1; n <= 4; n += 1) await newIssue();
  await kit.gitlab.hooksIdle();
  const state = async () => (await dana('GET', `${P}/hooks/${hookId}`)).body;
  expect(await state()).toMatchObject({
    alert_status: 'temporarily_disabled',
    disabled_until: '2026-03-01T12:01:00.000Z',
  });
  receiver.clear();
  await newIssue();
  await kit.gitlab.hooksIdle();
  expect(receiver.received).toEqual([]);
  now = new Date('2026-03-01T12:01:01Z');
  await newIssue();
  await kit.gitlab.hooksIdle();
  expect((await state()).disabled_until).toBe('2026-03-01T12:03:01.000Z');
  status = 200;
  expect((await dana('POST', `${P}/hooks/${hookId}/test/push_events`)).status).toBe(201);
  expect((await state()).alert_status).toBe('executable');
});

test('weather for hooks: dropped, doubled with one key, held back and overtaken', async () => {
  const { weather } = kit.gitlab;
  weather.hooks({ event: /Issue/ }, { kind: 'drop' });
  await newIssue();
  await kit.gitlab.hooksIdle();
  expect(receiver.received).toHaveLength(0);
  weather.hooks({ event: /Issue/ }, { kind: 'duplicate', copies: 3 });
  await newIssue();
  await kit.gitlab.hooksIdle();
  expect(new Set(receiver.received.map((one) => one.headers['idempotency-key'])).size).toBe(1);
  expect(receiver.received).toHaveLength(3);
  receiver.clear();
  weather.hooks({ event: /Issue/ }, { kind: 'hold' });
  const first = await newIssue();
  const second = await newIssue();
  await kit.gitlab.hooksIdle();
  weather.release();
  await kit.gitlab.hooksIdle();
  expect(receiver.received.map((one) => one.body.object_attributes.iid)).toEqual([second, first]);
  expect(weather.pending()).toBe(0);
});

test('a receiver that is too slow counts as a failure', async () => {
  const silent = createServer(() => undefined);
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const { port } = silent.address() as { port: number };
  const hook = await dana('POST', `${P}/hooks`, {
    url: `http://127.0.0.1:${port}/`,
    issues_events: true,
  });
  await newIssue();
  await kit.gitlab.hooksIdle();
  const log = await dana('GET', `${P}/hooks/${hook.body.id}/events`);
  expect(log.body[0].response_status).toBe('internal error');
  await dana('DELETE', `${P}/hooks/${hook.body.id}`);
  silent.closeAllConnections();
  silent.close();
});

test('an API call that echoes the event UUID does not come back to the same hook', async () => {
  const iid = await newIssue();
  await kit.gitlab.hooksIdle();
  const uuid = String(receiver.received[0]?.headers['x-gitlab-event-uuid']);
  receiver.clear();
  const token = kit.gitlab.api.createToken(kit.people.bot).value;
  const echo = client(kit.gitlab.url, { 'PRIVATE-TOKEN': token, 'X-Gitlab-Event-UUID': uuid });
  await echo('POST', `${P}/issues/${iid}/notes`, { body: 'seen' });
  await kit.gitlab.hooksIdle();
  expect(receiver.received).toEqual([]);
  await kit.as(kit.people.bot)('POST', `${P}/issues/${iid}/notes`, { body: 'seen' });
  await kit.gitlab.hooksIdle();
  expect(receiver.of('Note Hook')).toHaveLength(1);
});

test('weather for calls: latency, 429, 5xx, and broken connections before and after the write', async () => {
  const { weather, calls } = kit.gitlab;
  const match = { method: 'POST', path: /\/notes$/ };
  const iid = await newIssue();
  const path = `${P}/issues/${iid}/notes`;
  const stored = () => kit.gitlab.api.notes(kit.gitlab.api.issue('acme/app', iid)).length;
  weather.calls(match, { kind: 'status', status: 429, retryAfter: 7 });
  const limited = await sam('POST', path, { body: 'a' });
  expect([limited.status, limited.headers.get('retry-after'), stored()]).toEqual([429, '7', 0]);
  weather.calls(match, { kind: 'status', status: 502 }, { skip: 1 });
  expect((await sam('POST', path, { body: 'a' })).status).toBe(201);
  expect([(await sam('POST', path, { body: 'b' })).status, stored()]).toEqual([502, 1]);
  weather.calls(match, { kind: 'drop_before' });
  await expect(sam('POST', path, { body: 'c' })).rejects.toThrow('fetch failed');
  expect(stored()).toBe(1);
  weather.calls(match, { kind: 'drop_reply' });
  await expect(sam('POST', path, { body: 'd' })).rejects.toThrow('fetch failed');
  expect(stored()).toBe(2);
  expect(calls.all.at(-1)).toMatchObject({ status: 201, replyDropped: true });
  weather.calls(match, { kind: 'latency', ms: 60 });
  const began = performance.now();
  await sam('POST', path, { body: 'e' });
  expect(performance.now() - began).toBeGreaterThanOrEqual(55);
});
