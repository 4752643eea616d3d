/** Commits, branches, merge requests, approvals and merging in the sandbox GitLab, over HTTP. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startKit, type Client, type Json, type Kit } from './sandbox-kit.ts';

let kit: Kit;
let dana: Client;
let sam: Client;
let gus: Client;
let bot: Client;

beforeAll(async () => {
  kit = await startKit({ mergeCheckMs: 150 });
  dana = kit.as(kit.people.dana);
  sam = kit.as(kit.people.sam);
  gus = kit.as(kit.people.gus);
  bot = kit.as(kit.people.bot);
});
afterAll(() => kit.close());

const P = '/projects/acme%2Fapp';
let count = 0;

async function commitOn(branch: string, actions: Json[], more: Json = {}, as = bot) {
  return as('POST', `${P}/repository/commits`, {
    branch,
    commit_message: 'Change things',
    actions,
    ...more,
  });
}

/** A branch with one change and its merge request. */
async function openMr(more: Json = {}): Promise<{ iid: number; branch: string; sha: string }> {
  count += 1;
  const branch = `feature/${count}`;
  const action = { action: 'create', file_path: `new/${count}.txt`, content: `${count}\n` };
  const made = await commitOn(branch, [action], { start_branch: 'main' });
  expect(made.status).toBe(201);
  const mr = await bot('POST', `${P}/merge_requests`, {
    source_branch: branch,
    target_branch: 'main',
    title: `Change ${count}`,
    ...more,
  });
  expect(mr.status).toBe(201);
  return { iid: mr.body.iid, branch, sha: made.body.id };
}

test('one atomic commit creates, updates, moves, deletes and sets the mode of files', async () => {
  const main = (await bot('GET', `${P}/repository/branches/main`)).body.commit.id;
  const answer = await commitOn(
    'autodev/files',
    [
      {
        action: 'create',
        file_path: 'bin/x',
        content: 'eA==',
        encoding: 'base64',
        execute_filemode: true,
      },
      { action: 'update', file_path: 'README.md', content: '# app 2\n' },
      { action: 'move', file_path: 'lib/index.js', previous_path: 'src/index.js' },
      { action: 'delete', file_path: 'run.sh' },
      { action: 'create', file_path: 'ü ö/täst.txt', content: 'x' },
    ],
    { start_sha: main },
  );
  expect(answer.status).toBe(201);
  expect(answer.body).toMatchObject({
    parent_ids: [main],
    title: 'Change things',
    author_name: 'AutoDev',
  });
  const tree = await bot('GET', `${P}/repository/tree?ref=autodev%2Ffiles&recursive=true`);
  const files = tree.body.filter((entry: Json) => entry.type === 'blob');
  expect(files.map((entry: Json) => [entry.path, entry.mode])).toEqual([
    ['README.md', '100644'],
    ['bin/x', '100755'],
    ['lib/index.js', '100644'],
    ['ü ö/täst.txt', '100644'],
  ]);
  const file = await bot('GET', `${P}/repository/files/bin%2Fx?ref=autodev/files`);
  expect(file.body).toMatchObject({
    content: 'eA==',
    execute_filemode: true,
    last_commit_id: answer.body.id,
  });
  const raw = await bot('GET', `${P}/repository/files/lib%2Findex.js/raw?ref=autodev%2Ffiles`);
  expect(raw.body).toBe('export const one = 1;\n');
  const compare = await bot('GET', `${P}/repository/compare?from=main&to=autodev/files`);
  expect(compare.body.diffs.map((one: Json) => one.new_path).toSorted()).toEqual(
    ['README.md', 'bin/x', 'lib/index.js', 'run.sh', 'ü ö/täst.txt'].toSorted(),
  );
});

test.each([
  [
    'a file that exists',
    [{ action: 'create', file_path: 'README.md', content: 'x' }],
    /already exists/,
  ],
  [
    'a file that is not there',
    [{ action: 'update', file_path: 'no', content: 'x' }],
    /doesn't exist/,
  ],
  ['a path that climbs', [{ action: 'create', file_path: '../x', content: 'x' }], /traversal/],
  [
    'a path into .git',
    [{ action: 'create', file_path: '.git/hooks/x', content: 'x' }],
    /traversal/,
  ],
  [
    'an outdated file',
    [{ action: 'update', file_path: 'README.md', content: 'x', last_commit_id: 'a'.repeat(40) }],
    /has changed since/,
  ],
])('a commit is refused for %s, and the branch is not made', async (_name, actions, message) => {
  const branch = `refused-${(count += 1)}`;
  const answer = await commitOn(branch, actions, { start_branch: 'main' });
  expect(answer.status).toBe(400);
  expect(answer.body.message).toMatch(message);
  expect((await bot('GET', `${P}/repository/branches/${branch}`)).status).toBe(404);
});

test('start_branch onto an existing branch is refused: somebody else was first', async () => {
  const action = { action: 'create', file_path: 'a.txt', content: 'a' };
  expect((await commitOn('twice', [action], { start_branch: 'main' })).status).toBe(201);
  const again = await commitOn('twice', [action], { start_branch: 'main' });
  expect([again.status, again.body.message]).toEqual([
    400,
    expect.stringMatching(/already exists/),
  ]);
});

test('developers do not commit to the protected branch; guests and outsiders not at all', async () => {
  const action = { action: 'create', file_path: 'a.txt', content: 'a' };
  const refused = await commitOn('main', [action], {}, sam);
  expect([refused.status, refused.body.message]).toEqual([
    403,
    '403 Forbidden - You are not allowed to push into this branch',
  ]);
  expect((await commitOn('x', [action], { start_branch: 'main' }, gus)).status).toBe(403);
});

test('a second open merge request of the same branches is 409 and names the first', async () => {
  const { iid, branch } = await openMr();
  const again = await bot('POST', `${P}/merge_requests`, {
    source_branch: branch,
    target_branch: 'main',
    title: 'Again',
  });
  expect([again.status, again.body]).toEqual([
    409,
    { message: [`Another open merge request already exists for this source branch: !${iid}`] },
  ]);
  const found = await bot(
    'GET',
    `${P}/merge_requests?state=opened&source_branch=${encodeURIComponent(branch)}`,
  );
  expect(found.body.map((mr: Json) => mr.iid)).toEqual([iid]);
});

test('merging: 405 before mergeability is known, 409 on another head, then the merge', async () => {
  await sam('POST', `${P}/issues`, { title: 'To close' });
  const { iid, sha, branch } = await openMr({ description: 'Closes #1' });
  const path = `${P}/merge_requests/${iid}`;
  expect((await dana('GET', path)).body.detailed_merge_status).toBe('preparing');
  expect((await dana('PUT', `${path}/merge`, { sha })).status).toBe(405);
  await kit.gitlab.hooksIdle();
  expect((await dana('GET', path)).body.detailed_merge_status).toBe('mergeable');
  const wrong = await dana('PUT', `${path}/merge`, { sha: 'a'.repeat(40) });
  expect([wrong.status, wrong.body.message]).toEqual([
    409,
    `SHA does not match HEAD of source branch: ${sha}`,
  ]);
  expect((await sam('PUT', `${path}/merge`, { sha })).status).toBe(401);
  expect((await dana('GET', `${path}/closes_issues`)).body.map((one: Json) => one.iid)).toEqual([
    1,
  ]);
  const merged = await dana('PUT', `${path}/merge`, { sha });
  expect(merged.body).toMatchObject({ state: 'merged', merged_by: { username: 'dana' } });
  await kit.gitlab.hooksIdle();
  const main = (await dana('GET', `${P}/repository/branches/main`)).body.commit;
  expect(main.id).toBe(merged.body.merge_commit_sha);
  expect(main.parent_ids).toContain(sha);
  expect((await dana('GET', `${P}/issues/1`)).body.state).toBe('closed');
  expect((await dana('GET', `${P}/repository/branches/${encodeURIComponent(branch)}`)).status).toBe(
    404,
  );
  expect((await dana('PUT', `${path}/merge`, { sha })).status).toBe(405);
});

test('two merges at once: one wins, the other is 405, and there is one merge commit', async () => {
  const { iid, sha } = await openMr();
  await kit.gitlab.hooksIdle();
  const merge = () => dana('PUT', `${P}/merge_requests/${iid}/merge`, { sha });
  const answers = await Promise.all([merge(), merge(), merge()]);
  expect(answers.map((one) => one.status).toSorted()).toEqual([200, 405, 405]);
  const head = (await dana('GET', `${P}/repository/branches/main`)).body.commit.id;
  const won = answers.find((one) => one.status === 200);
  expect(won?.body.merge_commit_sha).toBe(head);
});

test('several requests merged at once: who comes too late is mergeable again', async () => {
  const open = [await openMr(), await openMr(), await openMr(), await openMr()];
  await kit.gitlab.hooksIdle();
  // One after the other, so that some come while another one's commit is told to the open requests.
  const merge = async ({ iid, sha }: (typeof open)[number], index: number) => {
    await sleep(index * 10);
    return (await dana('PUT', `${P}/merge_requests/${iid}/merge`, { sha })).status;
  };
  let left = open;
  for (let round = 0; round < open.length && left.length > 0; round += 1) {
    const statuses = await Promise.all(left.map(merge));
    expect(statuses).toContain(200);
    left = left.filter((_, index) => statuses[index] !== 200);
    await kit.gitlab.hooksIdle();
    for (const { iid } of left) {
      const { body } = await dana('GET', `${P}/merge_requests/${iid}`);
      expect(body.detailed_merge_status).toBe('mergeable');
    }
  }
  expect(left).toEqual([]);
});

test('two commits at once on one branch: one wins', async () => {
  const file = (name: string) => [{ action: 'create', file_path: name, content: 'x' }];
  const start = { start_branch: 'main' };
  const answers = await Promise.all(
    ['r1', 'r2'].map((name) => commitOn('race', file(name), start)),
  );
  expect(answers.map((one) => one.status).toSorted()).toEqual([201, 400]);
});

test.each([
  '-x',
  'a..b',
  'a b',
  '/a',
  'a/',
  'a//b',
  '.a',
  'a.lock',
  'a~1',
  'a^',
  'a:b',
  '@{u}',
  'HEAD',
  '',
])('a branch cannot be called %j', async (branch) => {
  const answer = await bot('POST', `${P}/repository/branches`, { branch, ref: 'main' });
  expect(answer.status).toBe(400);
});

test('drafts and conflicts are not mergeable', async () => {
  const draft = await openMr({ title: 'Draft: later' });
  const action = { action: 'update', file_path: 'README.md', content: `mine ${count}\n` };
  expect((await commitOn('left', [action], { start_branch: 'main' })).status).toBe(201);
  const left = await bot('POST', `${P}/merge_requests`, {
    source_branch: 'left',
    target_branch: 'main',
    title: 'l',
  });
  const theirs = { ...action, content: 'theirs\n' };
  expect((await commitOn('main', [theirs], {}, dana)).status).toBe(201);
  await kit.gitlab.hooksIdle();
  const of = async (iid: number) => (await dana('GET', `${P}/merge_requests/${iid}`)).body;
  expect((await of(draft.iid)).detailed_merge_status).toBe('draft_status');
  expect(await of(left.body.iid)).toMatchObject({
    detailed_merge_status: 'conflict',
    has_conflicts: true,
  });
  expect((await dana('PUT', `${P}/merge_requests/${left.body.iid}/merge`)).status).toBe(405);
});

test('branches that touched different files merge, with a true merge commit', async () => {
  const one = await openMr();
  const two = await openMr();
  await kit.gitlab.hooksIdle();
  expect((await dana('PUT', `${P}/merge_requests/${one.iid}/merge`)).status).toBe(200);
  await kit.gitlab.hooksIdle();
  expect((await dana('PUT', `${P}/merge_requests/${two.iid}/merge`)).status).toBe(200);
  const tree = await dana('GET', `${P}/repository/tree?path=new`);
  expect(tree.body.map((entry: Json) => entry.name)).toEqual(
    expect.arrayContaining([`${count - 1}.txt`, `${count}.txt`]),
  );
});

test('approvals on Free: once per developer, bound to a head, reset by bots only', async () => {
  const { iid, sha } = await openMr();
  const path = `${P}/merge_requests/${iid}`;
  expect((await gus('POST', `${path}/approve`)).status).toBe(403);
  expect((await sam('POST', `${path}/approve`, { sha: 'b'.repeat(40) })).status).toBe(409);
  expect((await sam('POST', `${path}/approve`, { sha })).status).toBe(201);
  expect((await sam('POST', `${path}/approve`, { sha })).status).toBe(401);
  const state = (await dana('GET', `${path}/approvals`)).body;
  expect(state).toMatchObject({ approved: true, approved_by: [{ user: { username: 'sam' } }] });
  expect(state).not.toHaveProperty('approvals_left');
  expect((await dana('PUT', `${path}/reset_approvals`)).status).toBe(401);
  expect((await bot('PUT', `${path}/reset_approvals`)).status).toBe(202);
  expect((await dana('GET', `${path}/approvals`)).body.approved_by).toEqual([]);
  expect((await sam('POST', `${path}/unapprove`)).status).toBe(404);
});

test('a push makes a version and, on Free, leaves approvals standing', async () => {
  const { iid, branch } = await openMr();
  const path = `${P}/merge_requests/${iid}`;
  await sam('POST', `${path}/approve`);
  const action = { action: 'create', file_path: `more-${count}.txt`, content: 'x' };
  const pushed = await commitOn(branch, [action]);
  await kit.gitlab.hooksIdle();
  expect((await dana('GET', path)).body.sha).toBe(pushed.body.id);
  const versions = (await dana('GET', `${path}/versions`)).body;
  expect(versions.map((one: Json) => one.head_commit_sha)[0]).toBe(pushed.body.id);
  expect(versions).toHaveLength(2);
  expect((await dana('GET', `${path}/approvals`)).body.approved_by).toHaveLength(1);
  const diffs = (await dana('GET', `${path}/diffs`)).body;
  expect(diffs.map((one: Json) => one.new_file)).toEqual([true, true]);
  expect(diffs[0].diff).toMatch(/^@@ -0,0 \+1/);
});

test('quick actions in notes of merge requests: approve, draft, and merge only with the head named', async () => {
  const { iid, sha } = await openMr();
  await kit.gitlab.hooksIdle();
  const path = `${P}/merge_requests/${iid}`;
  expect((await sam('POST', `${path}/notes`, { body: 'Fine\n/approve' })).body.body).toBe('Fine');
  expect((await dana('GET', `${path}/approvals`)).body.approved).toBe(true);
  await sam('POST', `${path}/notes`, { body: '/draft' });
  expect((await dana('GET', path)).body).toMatchObject({ draft: true });
  await sam('POST', `${path}/notes`, { body: '/ready' });
  expect((await dana('POST', `${path}/notes`, { body: '/merge' })).status).toBe(400);
  const merge = { body: '/merge', merge_request_diff_head_sha: sha };
  expect((await sam('POST', `${path}/notes`, merge)).status).toBe(400);
  expect((await dana('POST', `${path}/notes`, merge)).status).toBe(202);
  expect((await dana('GET', path)).body.state).toBe('merged');
});

test('inline threads need the newest head and a line; they are resolved by developers', async () => {
  const { iid } = await openMr();
  const path = `${P}/merge_requests/${iid}`;
  const refs = (await dana('GET', path)).body.diff_refs;
  const position = { ...refs, position_type: 'text', new_path: `new/${count}.txt`, new_line: 1 };
  const stale = { ...position, head_sha: 'c'.repeat(40) };
  const refused = await bot('POST', `${path}/discussions`, { body: 'hm', position: stale });
  expect([refused.status, refused.body.message]).toEqual([400, expect.stringMatching(/line_code/)]);
  for (const wrong of [
    { new_line: 2 },
    { old_line: 1 },
    { new_line: undefined },
    { new_line: undefined, old_line: 1 },
    { new_path: 'README.md' },
    { base_sha: 'c'.repeat(40) },
    { position_type: 'file', new_path: 'README.md', new_line: undefined },
  ]) {
    const body = { body: 'hm', position: { ...position, ...wrong } };
    const answer = await bot('POST', `${path}/discussions`, body);
    expect([wrong, answer.status]).toEqual([wrong, 400]);
  }
  const thread = await bot('POST', `${path}/discussions`, { body: 'hm', position });
  expect(thread.body.notes[0]).toMatchObject({
    type: 'DiffNote',
    resolvable: true,
    resolved: false,
  });
  const id = thread.body.id;
  const reply = await sam('POST', `${path}/discussions/${id}/notes`, { body: 'fixed' });
  expect(reply.status).toBe(201);
  expect((await dana('GET', path)).body.blocking_discussions_resolved).toBe(false);
  expect((await gus('PUT', `${path}/discussions/${id}`, { resolved: true })).status).toBe(403);
  await sam('PUT', `${path}/discussions/${id}?resolved=true`);
  expect((await dana('GET', path)).body.blocking_discussions_resolved).toBe(true);
});
