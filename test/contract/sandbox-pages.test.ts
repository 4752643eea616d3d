/** The pages of the sandbox GitLab: what they show, what their forms do, and who cannot drive them. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { client, startKit, type Client, type Kit } from './sandbox-kit.ts';

const P = '/projects/acme%2Fapp';
let kit: Kit;
let sam: Client;

beforeAll(async () => {
  kit = await startKit();
  sam = kit.as(kit.people.sam);
});
afterAll(() => kit.close());

/** A browser with one cookie. */
function browser(): (
  path: string,
  form?: Record<string, string>,
  headers?: Record<string, string>,
) => Promise<{ status: number; text: string; location: string | null; headers: Headers }> {
  let cookie = '';
  return async (path, form, headers = {}) => {
    const response = await fetch(kit.gitlab.url + path, {
      method: form ? 'POST' : 'GET',
      redirect: 'manual',
      headers: { cookie, ...(form ? { origin: kit.gitlab.url } : {}), ...headers },
      ...(form ? { body: new URLSearchParams(form) } : {}),
    });
    cookie = response.headers.get('set-cookie')?.split(';')[0] ?? cookie;
    const location = response.headers.get('location');
    return {
      status: response.status,
      text: await response.text(),
      location,
      headers: response.headers,
    };
  };
}

const csrfOf = (page: string): string => /name="csrf"\s+value="([0-9a-f]+)"/.exec(page)?.[1] ?? '';

test('a private project shows nothing to strangers and everything to its people', async () => {
  const go = browser();
  expect((await go('/acme/app')).status).toBe(404);
  const people = await go('/-/people');
  expect(people.text).toContain('@sam');
  expect((await go('/?as=sam')).status).toBe(303);
  const page = await go('/acme/app');
  expect(page.status).toBe(200);
  expect(page.text).toContain('as <b>@sam</b>');
  expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
});

test('hostile text is text on every page', async () => {
  const evil = `<script>alert(1)</script><img src=x onerror=alert(1)>"'`;
  const { iid } = (
    await sam('POST', `${P}/issues`, {
      title: evil,
      description: evil,
      labels: evil.replaceAll(',', ''),
    })
  ).body;
  await sam('POST', `${P}/issues/${iid}/notes`, {
    body: `${evil}\n\n[x](javascript:alert(1)) \`${evil}\``,
  });
  const go = browser();
  await go('/?as=sam');
  for (const path of [`/acme/app/-/issues/${iid}`, '/acme/app']) {
    const { text } = await go(path);
    expect(text).not.toMatch(/<script|<img|href="javascript/i);
    expect(text).toContain('&lt;script&gt;');
  }
});

test('comments and labels by form are real: quick actions, notes, label events', async () => {
  const { iid } = (await sam('POST', `${P}/issues`, { title: 'Form' })).body;
  const go = browser();
  await go('/?as=dana');
  const path = `/acme/app/-/issues/${iid}`;
  const csrf = csrfOf((await go(path)).text);
  const posted = await go(`${path}/notes`, { csrf, body: '/autodev implement' });
  expect(posted.status).toBe(303);
  await go(`${path}/labels`, { csrf, label: 'autodev' });
  const issue = kit.gitlab.api.issue('acme/app', iid);
  expect(kit.gitlab.api.notes(issue).map((note) => [note.body, note.authorId])).toEqual([
    ['/autodev implement', kit.people.dana.id],
  ]);
  expect(issue.labelEvents).toMatchObject([{ userId: kit.people.dana.id, action: 'add' }]);
  const made = await go('/acme/app/-/issues', { csrf, title: 'By form', labels: 'autodev' });
  expect(made.location).toMatch(/^\/acme\/app\/-\/issues\/\d+$/);
});

test.each([
  ['another site', {}, { origin: 'http://evil.example' }],
  ['no origin at all', {}, { origin: '' }],
  ['a rebound host name', {}, { 'x-test': 'host' }],
  ['no token', { csrf: '' }, {}],
  ['the token of another session', { csrf: 'a'.repeat(64) }, {}],
])('a form from %s does nothing', async (name, fields, headers) => {
  const { iid } = (await sam('POST', `${P}/issues`, { title: 'Safe' })).body;
  const go = browser();
  await go('/?as=dana');
  const path = `/acme/app/-/issues/${iid}`;
  const csrf = csrfOf((await go(path)).text);
  const form = { csrf, body: 'driven', ...fields };
  const answer =
    name === 'a rebound host name'
      ? await rebound(`${path}/notes`, form)
      : (await go(`${path}/notes`, form, headers)).status;
  expect(answer).toBe(403);
  expect(kit.gitlab.api.notes(kit.gitlab.api.issue('acme/app', iid))).toEqual([]);
});

/** fetch does not let a test set Host; node:http does. */
async function rebound(path: string, form: Record<string, string>): Promise<number> {
  const { request } = await import('node:http');
  const { port } = new URL(kit.gitlab.url);
  return new Promise((resolve, reject) => {
    const headers = {
      host: `evil.example:${port}`,
      origin: `http://evil.example:${port}`,
      'content-type': 'application/x-www-form-urlencoded',
    };
    const call = request({ port, host: '127.0.0.1', path, method: 'POST', headers }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    call.on('error', reject);
    call.end(new URLSearchParams(form).toString());
  });
}

test('the merge request page: diff, approve at the shown head, merge', async () => {
  await sam('POST', `${P}/repository/commits`, {
    branch: 'topic',
    start_branch: 'main',
    commit_message: 'Topic',
    actions: [{ action: 'create', file_path: 'x<y>.txt', content: 'a <b>\n' }],
  });
  const input = { source_branch: 'topic', target_branch: 'main', title: 'Topic' };
  const { iid } = (await sam('POST', `${P}/merge_requests`, input)).body;
  await kit.gitlab.hooksIdle();
  const go = browser();
  await go('/?as=dana');
  const path = `/acme/app/-/merge_requests/${iid}`;
  const page = await go(path);
  expect(page.text).toContain('x&lt;y&gt;.txt');
  expect(page.text).toContain('+a &lt;b&gt;');
  const csrf = csrfOf(page.text);
  const mr = kit.gitlab.api.mergeRequest('acme/app', iid);
  expect((await go(`${path}/approve`, { csrf, sha: 'a'.repeat(40) })).status).toBe(409);
  expect(mr.approvals).toEqual([]);
  const sha = mr.versions.at(-1)?.headSha ?? '';
  expect((await go(`${path}/approve`, { csrf, sha })).status).toBe(303);
  expect((await go(path)).text).toContain('approved by @dana');
  const guest = browser();
  await guest('/?as=gus');
  expect((await guest(path)).status).toBe(404);
  expect((await go(`${path}/merge`, { csrf, sha })).status).toBe(303);
  expect(mr.state).toBe('merged');
});

test('a broken address is a page that is not there', async () => {
  expect((await browser()('/%E0%A4%A/-/issues/1')).status).toBe(404);
  const api = client(kit.gitlab.url, {});
  expect((await api('GET', '/projects/%E0%A4%A')).status).toBe(400);
});

test('the button under a suggestion applies it and resolves the thread', async () => {
  await sam('POST', `${P}/repository/commits`, {
    branch: 'hint',
    start_branch: 'main',
    commit_message: 'Hint',
    actions: [{ action: 'create', file_path: 'hint.txt', content: 'on\ntwo\n' }],
  });
  const input = { source_branch: 'hint', target_branch: 'main', title: 'Hint' };
  const { iid, diff_refs: refs } = (await sam('POST', `${P}/merge_requests`, input)).body;
  const lines = { position_type: 'text', new_path: 'hint.txt', old_path: 'hint.txt', new_line: 1 };
  await sam('POST', `${P}/merge_requests/${iid}/discussions`, {
    body: '```suggestion\none\n```',
    position: { ...refs, ...lines },
  });
  const path = `/acme/app/-/merge_requests/${iid}`;
  const guest = browser();
  await guest('/?as=gus');
  const go = browser();
  await go('/?as=dana');
  const page = (await go(path)).text;
  const action = /action="([^"]+\/suggestions\/\d+)"/.exec(page)?.[1] ?? '';
  const stranger = csrfOf((await guest('/acme/app')).text);
  expect((await guest(action, { csrf: stranger })).status).toBe(404);
  expect((await go(action, { csrf: csrfOf(page) })).status).toBe(303);
  await kit.gitlab.hooksIdle();
  const after = (await go(path)).text;
  expect(after).toContain('Applied');
  expect(after).not.toContain('Apply suggestion');
  const mr = kit.gitlab.api.mergeRequest('acme/app', iid);
  const note = kit.gitlab.api.notes(mr).find(({ position }) => position !== null);
  expect(note?.resolvedAt).not.toBeNull();
});

test('a thread is shown whole, answered and resolved by form', async () => {
  await sam('POST', `${P}/repository/commits`, {
    branch: 'talk',
    start_branch: 'main',
    commit_message: 'Talk',
    actions: [{ action: 'create', file_path: 'talk.txt', content: 'one\ntwo\n' }],
  });
  const input = { source_branch: 'talk', target_branch: 'main', title: 'Talk' };
  const { iid, diff_refs: refs } = (await sam('POST', `${P}/merge_requests`, input)).body;
  const lines = { position_type: 'text', new_path: 'talk.txt', old_path: 'talk.txt', new_line: 2 };
  await sam('POST', `${P}/merge_requests/${iid}/discussions`, {
    body: '**Two** is wrong <!-- marker -->',
    position: { ...refs, ...lines },
  });
  const path = `/acme/app/-/merge_requests/${iid}`;
  const go = browser();
  await go('/?as=dana');
  const page = (await go(path)).text;
  expect(page).toMatch(/talk\.txt:2<\/a>\s+by\s+@sam:\s+Two is wrong/);
  const action = /action="([^"]+\/discussions\/\w+)\/notes"/.exec(page)?.[1] ?? '';
  const csrf = csrfOf(page);
  const guest = browser();
  await guest('/?as=gus');
  const stranger = csrfOf((await guest('/acme/app')).text);
  expect((await guest(`${action}/resolve`, { csrf: stranger })).status).toBe(404);
  expect((await go(`${action}/notes`, { csrf, body: 'It is not.' })).status).toBe(303);
  const mr = kit.gitlab.api.mergeRequest('acme/app', iid);
  const notes = kit.gitlab.api.notes(mr);
  expect(notes.map(({ body, discussionId }) => [body, discussionId])).toEqual([
    ['**Two** is wrong <!-- marker -->', notes[0]?.discussionId],
    ['It is not.', notes[0]?.discussionId],
  ]);
  expect((await go(`${action}/resolve`, { csrf })).status).toBe(303);
  expect(notes.map(({ resolvedAt }) => resolvedAt !== null)).toEqual([true, true]);
  const after = (await go(path)).text;
  expect(after).not.toContain('Open threads');
  expect((await go(`${action}/reopen`, { csrf })).status).toBe(303);
  expect(notes[0]?.resolvedAt).toBeNull();
  expect((await go(`${action.slice(0, -2)}/notes`, { csrf, body: 'x' })).status).toBe(404);
});
