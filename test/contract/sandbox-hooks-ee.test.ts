/** What EE does differently: approval actions, counts, resets on push (gitlab-facts §2.3, §3.3). */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ALL_EVENTS, startKit, startReceiver, type Json, type Kit } from './sandbox-kit.ts';

const P = '/projects/acme%2Fapp';
let kit: Kit;
let receiver: Awaited<ReturnType<typeof startReceiver>>;

beforeAll(async () => {
  kit = await startKit({ edition: 'ee' });
  receiver = await startReceiver();
  kit.project.settings.approvalsRequired = 2;
  await kit.as(kit.people.dana)('POST', `${P}/hooks`, { ...ALL_EVENTS, url: receiver.url });
});
afterAll(async () => {
  await kit.close();
  await receiver.close();
});

test('approval until the count is reached, then approved; a push resets with system: true', async () => {
  const [dana, sam, bot] = [kit.people.dana, kit.people.sam, kit.people.bot].map((u) => kit.as(u));
  if (!dana || !sam || !bot) throw new Error('three clients');
  const commit = (content: string, more: Json) => ({
    branch: 'feature',
    commit_message: 'Add',
    actions: [{ action: 'create', file_path: `${content}.txt`, content }],
    ...more,
  });
  await bot('POST', `${P}/repository/commits`, commit('a', { start_branch: 'main' }));
  const input = { source_branch: 'feature', target_branch: 'main', title: 'Add' };
  const { iid } = (await bot('POST', `${P}/merge_requests`, input)).body;
  await kit.gitlab.hooksIdle();
  const path = `${P}/merge_requests/${iid}`;
  expect((await bot('GET', '/metadata')).body.enterprise).toBe(true);
  expect((await dana('GET', path)).body.detailed_merge_status).toBe('not_approved');
  // The author cannot approve by default.
  expect((await bot('POST', `${path}/approve`)).status).toBe(401);
  const first = await dana('POST', `${path}/approve`);
  expect(first.body).toMatchObject({ approved: false, approvals_left: 1, approvals_required: 2 });
  expect((await dana('PUT', `${path}/merge`)).status).toBe(405);
  expect((await sam('POST', `${path}/approve`)).body.approved).toBe(true);
  await sam('POST', `${path}/unapprove`);
  await sam('POST', `${path}/approve`);
  await bot('POST', `${P}/repository/commits`, commit('b', {}));
  await kit.gitlab.hooksIdle();
  const hooks = receiver.of('Merge Request Hook').map((one) => one.body);
  expect(hooks.map((one) => one.object_attributes.action)).toEqual([
    'open',
    'approval',
    'approved',
    'unapproved',
    'approved',
    'unapproved',
    'update',
  ]);
  expect(hooks[5]).toMatchObject({
    user: { username: kit.people.bot.username },
    object_attributes: { system: true, system_action: 'approvals_reset_on_push' },
  });
  expect((await dana('GET', `${path}/approvals`)).body.approved_by).toEqual([]);
});
