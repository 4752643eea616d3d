/** Suggestions in the sandbox as GitLab keeps and applies them (gitlab-facts §3.4), over HTTP. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startKit, type Client, type Json, type Kit } from './sandbox-kit.ts';

const P = '/projects/acme%2Fapp';
const FILE = 'one\ntwo\nthree\nfour\nfive\n';
let kit: Kit;
let bot: Client;
let sam: Client;
let count = 0;

beforeAll(async () => {
  kit = await startKit({ files: { 'README.md': '# app\n', 'old.txt': FILE } });
  bot = kit.as(kit.people.bot);
  sam = kit.as(kit.people.sam);
});
afterAll(() => kit.close());

interface Opened {
  iid: number;
  branch: string;
  path: string;
}

/** A merge request that adds a file. */
async function open(content = FILE): Promise<Opened> {
  count += 1;
  const branch = `add/${count}`;
  const path = `new/${count}.txt`;
  await commit(branch, [{ action: 'create', file_path: path, content }], { start_branch: 'main' });
  const { iid } = (
    await bot('POST', `${P}/merge_requests`, {
      source_branch: branch,
      target_branch: 'main',
      title: path,
    })
  ).body;
  return { iid, branch, path };
}

async function commit(branch: string, actions: Json[], more: Json = {}): Promise<void> {
  const body = { branch, commit_message: 'Work', actions, ...more };
  expect((await bot('POST', `${P}/repository/commits`, body)).status).toBe(201);
  await kit.gitlab.hooksIdle();
}

/** A thread on a line, as a note with its suggestions. */
async function thread({ iid, path }: Opened, line: number, body: string): Promise<Json> {
  const [version] = (await bot('GET', `${P}/merge_requests/${iid}/versions`)).body;
  const answer = await bot('POST', `${P}/merge_requests/${iid}/discussions`, {
    body,
    position: {
      base_sha: version.base_commit_sha,
      start_sha: version.start_commit_sha,
      head_sha: version.head_commit_sha,
      position_type: 'text',
      old_path: path,
      new_path: path,
      new_line: line,
    },
  });
  expect(answer.status).toBe(201);
  return answer.body.notes[0];
}

async function noteNow({ iid }: Opened, id: number): Promise<Json> {
  return (await bot('GET', `${P}/merge_requests/${iid}/notes/${id}`)).body;
}

async function fileAt({ branch, path }: Opened): Promise<string> {
  const at = `${P}/repository/files/${encodeURIComponent(path)}?ref=${branch}`;
  return Buffer.from((await bot('GET', at)).body.content, 'base64').toString();
}

test('several lines are replaced by one commit of the author, committed by who applied it', async () => {
  const mr = await open();
  const note = await thread(mr, 3, 'Shorter:\n\n```suggestion:-1+1\nTWO\nto four\n```');
  const [suggestion] = note.suggestions;
  expect(suggestion).toEqual({
    id: expect.any(Number),
    from_line: 2,
    to_line: 4,
    appliable: true,
    applied: false,
    from_content: 'two\nthree\nfour\n',
    to_content: 'TWO\nto four\n',
  });
  const answer = await sam('PUT', `/suggestions/${suggestion.id}/apply`);
  expect([answer.status, answer.body]).toMatchObject([200, { applied: true, appliable: false }]);
  expect(await fileAt(mr)).toBe('one\nTWO\nto four\nfive\n');
  const { commit: head } = (await bot('GET', `${P}/repository/branches/add%2F${count}`)).body;
  expect(head).toMatchObject({
    author_name: 'AutoDev',
    committer_name: 'Sam',
    message:
      'Apply 1 suggestion(s) to 1 file(s)\n\nCo-authored-by: AutoDev <project_101_bot@example.com>\n',
  });
  const again = await sam('PUT', `/suggestions/${suggestion.id}/apply`);
  expect([again.status, again.body]).toEqual([400, { message: "Can't apply this suggestion." }]);
});

test('who may not push may not apply, and what is not there is not found', async () => {
  const mr = await open();
  const { suggestions } = await thread(mr, 1, '```suggestion\neins\n```');
  const gus = kit.as(kit.people.gus);
  expect((await gus('PUT', `/suggestions/${suggestions[0].id}/apply`)).status).toBe(403);
  expect((await sam('PUT', '/suggestions/999999/apply')).status).toBe(404);
  const ids = [suggestions[0].id, 999_999];
  expect((await sam('PUT', '/suggestions/batch_apply', { ids })).status).toBe(404);
  expect(await fileAt(mr)).toBe(FILE);
});

test('a push moves suggestions whose lines stayed, and outdates the others', async () => {
  const mr = await open();
  const low = await thread(mr, 4, '```suggestion\nvier\n```');
  const high = await thread(mr, 1, '```suggestion:-0+1\neins\n```');
  const content = `zero\n${FILE}`.replace('two', 'zwei');
  await commit(mr.branch, [{ action: 'update', file_path: mr.path, content }]);
  expect((await noteNow(mr, low.id)).suggestions[0]).toMatchObject({
    from_line: 5,
    appliable: true,
  });
  const stale = (await noteNow(mr, high.id)).suggestions[0];
  expect(stale.appliable).toBe(false);
  const refused = await sam('PUT', `/suggestions/${stale.id}/apply`);
  expect(refused.body.message).toBe(
    "Can't apply as these lines were changed in a more recent version.",
  );
  await sam('PUT', `/suggestions/${low.suggestions[0].id}/apply`);
  expect(await fileAt(mr)).toBe('zero\none\nzwei\nthree\nvier\nfive\n');
});

test('a batch is applied in one commit or not at all', async () => {
  const mr = await open();
  const one = await thread(
    mr,
    2,
    '```suggestion:-1+0\nhead\n```\n\n````suggestion:-0+1\n```\n````',
  );
  const two = await thread(mr, 5, '```suggestion\n```');
  const [wide, meets] = one.suggestions.map(({ id }: Json) => id);
  const clash = await sam('PUT', '/suggestions/batch_apply', { ids: [wide, meets] });
  expect(clash.body.message).toBe('Suggestions are not applicable as their lines cannot overlap.');
  const ids = [two.suggestions[0].id, wide];
  const both = await sam('PUT', '/suggestions/batch_apply', { ids, commit_message: 'Both' });
  expect(both.status).toBe(200);
  expect(await fileAt(mr)).toBe('head\nthree\nfour\n');
});

test('notes off lines, on closed changes and without a change of text offer nothing', async () => {
  const mr = await open();
  const plain = await bot('POST', `${P}/merge_requests/${mr.iid}/discussions`, {
    body: '```suggestion\nx\n```',
  });
  expect(plain.body.notes[0].suggestions).toBeUndefined();
  const same = await thread(mr, 2, '```suggestion\ntwo\n```\n\n> ```suggestion\n> x\n> ```');
  expect(same.suggestions.map(({ appliable }: Json) => appliable)).toEqual([false]);
  const note = await thread(mr, 1, '```js\nnone\n```');
  expect(note.suggestions).toEqual([]);
  const edited = await bot('PUT', `${P}/merge_requests/${mr.iid}/notes/${note.id}`, {
    body: '~~~suggestion:+1\neins\n~~~',
  });
  expect(edited.body.suggestions[0]).toMatchObject({ from_line: 1, to_line: 2, appliable: true });
  await bot('PUT', `${P}/merge_requests/${mr.iid}`, { state_event: 'close' });
  const closed = await sam('PUT', `/suggestions/${edited.body.suggestions[0].id}/apply`);
  expect(closed.body.message).toMatch(/^This merge request is closed\./);
});
