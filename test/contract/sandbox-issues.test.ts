/** Issues, notes, quick actions and permissions of the sandbox GitLab, over HTTP. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startKit, type Client, type Kit } from './sandbox-kit.ts';

let kit: Kit;
let dana: Client;
let sam: Client;
let gus: Client;
let olga: Client;

beforeAll(async () => {
  kit = await startKit();
  dana = kit.as(kit.people.dana);
  sam = kit.as(kit.people.sam);
  gus = kit.as(kit.people.gus);
  olga = kit.as(kit.people.olga);
});
afterAll(() => kit.close());

const P = '/projects/acme%2Fapp';

async function newIssue(as: Client = sam, more: Record<string, unknown> = {}): Promise<number> {
  const answer = await as('POST', `${P}/issues`, { title: 'A bug', ...more });
  expect(answer.status).toBe(201);
  return answer.body.iid as number;
}

test('a private project does not exist for people outside', async () => {
  const iid = await newIssue();
  for (const client of [kit.anonymous, olga]) {
    for (const path of [P, `${P}/issues/${iid}`, `/projects/${kit.project.id}`]) {
      const answer = await client('GET', path);
      expect([answer.status, answer.body]).toEqual([404, { message: '404 Project Not Found' }]);
    }
  }
});

test('tokens: unknown, revoked, expired and too narrow ones are refused in GitLab words', async () => {
  const { api } = kit.gitlab;
  const { client } = await import('./sandbox-kit.ts');
  const by = (value: string): Client => client(kit.gitlab.url, { 'PRIVATE-TOKEN': value });
  expect((await by('nonsense')('GET', '/user')).status).toBe(401);
  const revoked = api.createToken(kit.people.sam);
  revoked.revoked = true;
  expect((await by(revoked.value)('GET', '/user')).body.error).toBe('invalid_token');
  const expired = api.createToken(kit.people.sam, { expiresAt: '2020-01-01' });
  expect((await by(expired.value)('GET', '/user')).body.error_description).toMatch(/expired/);
  const reader = kit.as(kit.people.sam, ['read_api']);
  expect((await reader('GET', `${P}/issues`)).status).toBe(200);
  const refused = await reader('POST', `${P}/issues`, { title: 'x' });
  expect([refused.status, refused.body.error]).toEqual([403, 'insufficient_scope']);
});

test('guests set labels while they create an issue, and not later', async () => {
  const iid = await newIssue(gus, { labels: 'autodev' });
  expect((await gus('GET', `${P}/issues/${iid}`)).body.labels).toEqual(['autodev']);
  const later = await gus('PUT', `${P}/issues/${iid}`, { add_labels: 'more', title: 'Mine' });
  expect(later.body).toMatchObject({ title: 'Mine', labels: ['autodev'] });
  const other = await newIssue(sam);
  expect((await gus('PUT', `${P}/issues/${other}`, { add_labels: 'autodev' })).status).toBe(403);
});

test('labels are added and removed in one call, with their events', async () => {
  const iid = await newIssue(sam, { labels: 'one,two' });
  const answer = await sam('PUT', `${P}/issues/${iid}`, {
    add_labels: 'three',
    remove_labels: 'one',
  });
  expect(answer.body.labels).toEqual(['three', 'two']);
  const events = await sam('GET', `${P}/issues/${iid}/resource_label_events`);
  expect(
    events.body.map((event: { action: string; label: { name: string }; user: { id: number } }) => [
      event.action,
      event.label.name,
      event.user.id,
    ]),
  ).toEqual([
    ['add', 'one', kit.people.sam.id],
    ['add', 'two', kit.people.sam.id],
    ['add', 'three', kit.people.sam.id],
    ['remove', 'one', kit.people.sam.id],
  ]);
});

test.each([
  ['unknown commands stay', '/autodev plan', 201, '/autodev plan', 'opened'],
  ['known ones run and vanish', 'Done.\n/close', 201, 'Done.', 'closed'],
  ['only known ones store nothing', '/close', 202, null, 'closed'],
  ['case does not matter', '/CLOSE', 202, null, 'closed'],
  ['code is left alone', '```\n/close\n```', 201, '```\n/close\n```', 'opened'],
  ['quotes are left alone', '> /close', 201, '> /close', 'opened'],
  ['mid-line is text', 'please /close', 201, 'please /close', 'opened'],
  ['indented is text', ' /close', 201, ' /close', 'opened'],
  ['a longer word is another word', '/closed', 201, '/closed', 'opened'],
  [
    'html blocks are left alone',
    '<details>\n/close\n</details>',
    201,
    '<details>\n/close\n</details>',
    'opened',
  ],
])('quick actions: %s', async (_name, body, status, stored, state) => {
  const iid = await newIssue();
  const answer = await sam('POST', `${P}/issues/${iid}/notes`, { body });
  expect(answer.status).toBe(status);
  expect((await sam('GET', `${P}/issues/${iid}`)).body.state).toBe(state);
  const notes = (await sam('GET', `${P}/issues/${iid}/notes`)).body.filter(
    (note: { system: boolean }) => !note.system,
  );
  expect(notes.map((note: { body: string }) => note.body)).toEqual(stored === null ? [] : [stored]);
});

test('quick actions change labels, title and assignees with the rights of the author', async () => {
  await sam('POST', `${P}/labels`, { name: 'needs care', color: '#112233' });
  const iid = await newIssue();
  const body = '/label ~"needs care"\n/title Better\n/assign @dana';
  const answer = await sam('POST', `${P}/issues/${iid}/notes`, { body });
  expect(answer.status).toBe(202);
  expect((await sam('GET', `${P}/issues/${iid}`)).body).toMatchObject({
    title: 'Better',
    labels: ['needs care'],
    assignees: [{ username: 'dana' }],
  });
  const refused = await gus('POST', `${P}/issues/${iid}/notes`, { body: '/unlabel' });
  expect(refused.status).toBe(400);
  expect((await sam('GET', `${P}/issues/${iid}`)).body.labels).toEqual(['needs care']);
});

test('notes: edited by their author or a maintainer, internal ones hidden from guests', async () => {
  const iid = await newIssue();
  const note = (await sam('POST', `${P}/issues/${iid}/notes`, { body: 'first' })).body;
  const path = `${P}/issues/${iid}/notes/${note.id}`;
  expect((await gus('PUT', path, { body: 'mine now' })).status).toBe(401);
  expect((await dana('PUT', path, { body: 'second' })).body.body).toBe('second');
  const secret = await dana('POST', `${P}/issues/${iid}/notes`, { body: 'psst', internal: true });
  expect(secret.body.internal).toBe(true);
  expect((await gus('GET', `${P}/issues/${iid}/notes/${secret.body.id}`)).status).toBe(404);
  expect(
    (await gus('POST', `${P}/issues/${iid}/notes`, { body: 'x', internal: true })).status,
  ).toBe(403);
  expect((await sam('DELETE', path)).status).toBe(204);
  expect((await sam('GET', path)).status).toBe(404);
});

test('the second equal emoji is 404 "already been taken"', async () => {
  const iid = await newIssue();
  const note = (await sam('POST', `${P}/issues/${iid}/notes`, { body: '/autodev help' })).body;
  const path = `${P}/issues/${iid}/notes/${note.id}/award_emoji`;
  expect((await dana('POST', path, { name: 'eyes' })).status).toBe(201);
  const second = await dana('POST', `${path}?name=eyes`);
  expect(second.status).toBe(404);
  expect(second.body.message).toMatch(/Award Emoji Name has already been taken/);
  expect((await sam('POST', path, { name: 'eyes' })).status).toBe(201);
});

test('pages: totals, next and Link with per_page at most 100', async () => {
  const project = await kit.gitlab.api.createProject({ path: 'acme/many', owner: kit.people.sam });
  for (let n = 1; n <= 5; n += 1) {
    await sam('POST', `/projects/${project.id}/issues`, { title: `n${n}` });
  }
  const first = await sam(
    'GET',
    `/projects/${project.id}/issues?per_page=2&order_by=created_at&sort=asc`,
  );
  expect(first.body.map((issue: { iid: number }) => issue.iid)).toEqual([1, 2]);
  expect(first.headers.get('x-total')).toBe('5');
  expect(first.headers.get('x-total-pages')).toBe('3');
  expect(first.headers.get('x-next-page')).toBe('2');
  const next = /<([^>]+)>; rel="next"/.exec(first.headers.get('link') ?? '')?.[1] ?? '';
  const path = next.slice(`${kit.gitlab.url}/api/v4`.length);
  const second = await sam('GET', path);
  expect(second.body.map((issue: { iid: number }) => issue.iid)).toEqual([3, 4]);
  const last = await sam('GET', `/projects/${project.id}/issues?per_page=2&page=3`);
  expect(last.headers.get('x-next-page')).toBe('');
  expect(last.headers.get('link')).not.toMatch(/rel="next"/);
});

test('the number of a deleted issue is not given again', async () => {
  const iid = await newIssue();
  const root = kit.as(kit.gitlab.root.user);
  expect((await sam('DELETE', `${P}/issues/${iid}`)).status).toBe(403);
  expect((await root('DELETE', `${P}/issues/${iid}`)).status).toBe(204);
  expect(await newIssue()).toBe(iid + 1);
});

test('updated_after finds what changed since', async () => {
  const iid = await newIssue();
  const { updated_at: at } = (await sam('GET', `${P}/issues/${iid}`)).body;
  const found = await sam('GET', `${P}/issues?updated_after=${encodeURIComponent(at)}`);
  expect(found.body.map((issue: { iid: number }) => issue.iid)).toContain(iid);
  const none = await sam('GET', `${P}/issues?updated_after=2999-01-01T00:00:00Z`);
  expect(none.body).toEqual([]);
});

test('effective access level by members/all, 404 for outsiders', async () => {
  const level = await dana('GET', `${P}/members/all/${kit.people.sam.id}`);
  expect(level.body).toMatchObject({ access_level: 30, state: 'active' });
  expect((await dana('GET', `${P}/members/all/${kit.people.olga.id}`)).status).toBe(404);
});

test('unknown addresses are 404 and stand in the call log as unknown', async () => {
  kit.gitlab.calls.clear();
  expect((await dana('GET', `${P}/wonders`)).status).toBe(404);
  expect(kit.gitlab.calls.unknown()).toMatchObject([
    { method: 'GET', path: `${P}/wonders`, user: 'dana', status: 404 },
  ]);
});

test('missing and wrong parameters are 400 {error}', async () => {
  expect(await sam('POST', `${P}/issues`, {})).toMatchObject({
    status: 400,
    body: { error: 'title is missing' },
  });
  expect((await sam('POST', `${P}/issues`, { title: 'x'.repeat(256) })).status).toBe(400);
  expect((await sam('GET', `${P}/issues?page=abc`)).body).toEqual({ error: 'page is invalid' });
});
