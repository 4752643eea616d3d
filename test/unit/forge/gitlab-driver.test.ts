import { afterEach, describe, expect, test } from '@jest/globals';
import { ForgeError } from '../../../bot/forge/errors.ts';
import type { Forge } from '../../../bot/forge/forge.ts';
import { COMMIT_LIMITS, commitActions } from '../../../bot/forge/gitlab/commit.ts';
import { startScriptedGitLab } from './support/scripted-gitlab.ts';
import type { ScriptedGitLab, ScriptedReply, SeenRequest } from './support/scripted-gitlab.ts';

let gitlab: ScriptedGitLab | undefined;
afterEach(async () => {
  await gitlab?.close();
  gitlab = undefined;
});

async function forgeOn(
  script: ScriptedReply[] | ((request: SeenRequest) => ScriptedReply),
): Promise<Forge> {
  gitlab = await startScriptedGitLab(script);
  return gitlab.forge;
}

/** Method, path and body (or query) of every request that arrived. */
function arrived(): [string, string, unknown][] {
  return (gitlab?.seen ?? []).map(({ method, path, query, body }) => [
    method,
    path,
    method === 'GET' ? Object.fromEntries(query) : body,
  ]);
}

async function kindOf(asked: Promise<unknown>): Promise<string> {
  return asked.then(
    () => 'done',
    (error: unknown) => (error instanceof ForgeError ? error.kind : String(error)),
  );
}

const issue3 = { type: 'issue', iid: 3 } as const;
const change12 = { type: 'change', iid: 12 } as const;

describe('reading', () => {
  test('an issue with everything, and one with next to nothing', async () => {
    const base = {
      iid: 3,
      title: 'T',
      state: 'opened',
      web_url: 'https://x/3',
      updated_at: '2026-01-01T00:00:00Z',
    };
    const forge = await forgeOn([
      {
        json: {
          ...base,
          description: 'd',
          labels: ['autodev', { name: 'b' }],
          author: { id: 9 },
          confidential: true,
          issue_type: 'test_case',
        },
      },
      { json: base },
    ]);
    expect(await forge.read.issue(7, 3)).toMatchObject({
      labels: ['autodev', 'b'],
      authorId: 9,
      confidential: true,
      type: 'Test Case',
    });
    expect(await forge.read.issue(7, 3)).toEqual({
      iid: 3,
      title: 'T',
      description: '',
      state: 'opened',
      labels: [],
      authorId: null,
      confidential: false,
      type: 'Issue',
      url: 'https://x/3',
      updatedAt: '2026-01-01T00:00:00Z',
    });
  });

  test('a project by path is asked for with its slashes encoded', async () => {
    const forge = await forgeOn([
      { json: { id: 7, path_with_namespace: 'g/s/p', default_branch: null, web_url: 'u' } },
    ]);
    expect(await forge.read.project('g/s/p')).toMatchObject({ id: 7, defaultBranch: '' });
    expect(gitlab?.seen[0]?.path).toBe('/projects/g%2Fs%2Fp');
  });

  const member = (access_level: number, more = {}) => ({ access_level, state: 'active', ...more });
  test.each([
    ['a developer', { json: member(30) }, 30],
    ['listed by several paths', { json: [member(20), member(40), member(30)] }, 40],
    ['blocked', { json: member(40, { state: 'blocked' }) }, 0],
    ['awaiting a seat', { json: member(40, { membership_state: 'awaiting' }) }, 0],
    ['blocked on the higher path', { json: [member(20), member(50, { state: 'blocked' })] }, 20],
    ['no member', { status: 404, json: { message: '404 Not found' } }, 0],
    ['a hidden project', { status: 404, json: { message: '404 Project Not Found' } }, 'not_found'],
    ['a refused look-up', { status: 403, json: {} }, 'denied'],
    ['a broken answer', { json: { state: 'active' } }, 'invalid'],
  ] as [string, ScriptedReply, number | string][])('access of %s', async (_name, reply, level) => {
    const forge = await forgeOn([reply]);
    const asked = forge.read.accessLevel(7, 5);
    if (typeof level === 'number') expect(await asked).toBe(level);
    else expect(await kindOf(asked)).toBe(level);
    expect(gitlab?.seen[0]?.path).toBe('/projects/7/members/all/5');
  });

  test.each([
    ['missing', '404 File Not Found', null],
    ['of a missing ref', '404 Commit Not Found', null],
    ['of a hidden project', '404 Project Not Found', 'not_found'],
  ])('a file that is %s', async (_name, message, expected) => {
    const forge = await forgeOn([{ status: 404, json: { message } }]);
    const asked = forge.read.file(7, 'a/b.yml', 'main');
    if (expected === null) expect(await asked).toBeNull();
    else expect(await kindOf(asked)).toBe(expected);
  });

  test('a file keeps its bytes and a branch its message', async () => {
    const forge = await forgeOn((request) =>
      request.path.includes('/files/')
        ? { json: { encoding: 'base64', content: Buffer.from('ä: 1\n').toString('base64') } }
        : { json: { commit: { id: 'abc', message: 'm\n\nb' } } },
    );
    expect(await forge.read.file(7, 'dir/.autodev.yml', 'feature/x')).toBe('ä: 1\n');
    expect(await forge.read.branch(7, 'feature/x')).toEqual({ sha: 'abc', message: 'm\n\nb' });
    expect(arrived()).toEqual([
      ['GET', '/projects/7/repository/files/dir%2F.autodev.yml', { ref: 'feature/x' }],
      ['GET', '/projects/7/repository/branches/feature%2Fx', {}],
    ]);
  });
});

describe('lists', () => {
  const row = (id: number) => ({
    id,
    body: `note ${id}`,
    author: { id: 9 },
    created_at: 't',
    updated_at: 't',
    system: false,
  });
  const rows = (from: number, count: number) =>
    Array.from({ length: count }, (_, index) => row(from + index));

  test.each([
    ['with paging headers', true],
    ['behind a proxy that drops them', false],
  ])('are read to the end %s', async (_name, named) => {
    const forge = await forgeOn(({ query }) => {
      const page = Number(query.get('page'));
      const next = named && page < 3 ? { 'x-next-page': String(page + 1) } : undefined;
      return { json: rows(page * 100, page < 3 ? 100 : 7), ...(next && { headers: next }) };
    });
    const notes = await forge.read.notes(7, change12);
    expect(notes.map((one) => one.id)).toEqual(rows(100, 207).map((one) => one.id));
    expect(arrived()[2]).toEqual([
      'GET',
      '/projects/7/merge_requests/12/notes',
      { page: '3', per_page: '100', order_by: 'created_at', sort: 'asc' },
    ]);
    expect(gitlab?.seen).toHaveLength(3);
  });

  test.each([
    ['full pages without end', { json: rows(1, 100) }],
    ['empty pages without end', { json: [], headers: { 'x-next-page': '2' } }],
  ] as [string, ScriptedReply][])('%s end with a clear error', async (_name, reply) => {
    const forge = await forgeOn([reply]);
    const error = await forge.read.notes(7, issue3).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      kind: 'invalid',
      message: expect.stringContaining('more than 10000 rows'),
    });
    expect(gitlab?.seen.length).toBeLessThanOrEqual(101);
  });
});

describe('writing', () => {
  test('notes, replies and internal notes', async () => {
    const forge = await forgeOn([{ status: 201, json: { id: 55 } }]);
    expect(await forge.write.createNote(7, issue3, 'a')).toEqual({ id: 55 });
    await forge.write.createNote(7, change12, 'b', { internal: true });
    await forge.write.createNote(7, change12, 'c', { discussionId: 'd1', internal: true });
    await forge.write.updateNote(7, issue3, 55, 'd');
    expect(arrived()).toEqual([
      ['POST', '/projects/7/issues/3/notes', { body: 'a' }],
      ['POST', '/projects/7/merge_requests/12/notes', { body: 'b', internal: true }],
      ['POST', '/projects/7/merge_requests/12/discussions/d1/notes', { body: 'c' }],
      ['PUT', '/projects/7/issues/3/notes/55', { body: 'd' }],
    ]);
  });

  test('a note of quick actions only is refused, though GitLab ran them', async () => {
    const forge = await forgeOn([{ status: 202, json: { commands_changes: { merge: 'x' } } }]);
    expect(await kindOf(forge.write.createNote(7, issue3, '/close'))).toBe('invalid');
    expect(await kindOf(forge.write.updateNote(7, issue3, 5, '/close'))).toBe('invalid');
  });

  test.each([
    ['new', { status: 201, json: { id: 1 } }, 'done'],
    [
      'already there',
      { status: 404, json: { message: '404 Award Emoji Name has already been taken Not Found' } },
      'done',
    ],
    ['on a deleted note', { status: 404, json: { message: '404 Note Not Found' } }, 'not_found'],
  ] as [string, ScriptedReply, string][])('an award that is %s', async (_name, reply, kind) => {
    const forge = await forgeOn([reply]);
    expect(await kindOf(forge.write.react(7, issue3, 9, 'eyes'))).toBe(kind);
    expect(await kindOf(forge.write.react(7, change12, null, 'eyes'))).toBe(kind);
    expect(arrived()).toEqual([
      ['POST', '/projects/7/issues/3/notes/9/award_emoji', { name: 'eyes' }],
      ['POST', '/projects/7/merge_requests/12/award_emoji', { name: 'eyes' }],
    ]);
  });

  const openIt = (forge: Forge) =>
    forge.write.openChange(7, {
      sourceBranch: 'autodev/3',
      targetBranch: 'main',
      title: 'T',
      description: 'D',
      labels: ['autodev', 'b c'],
      draft: true,
      removeSourceBranch: true,
    });

  test('a draft change', async () => {
    const forge = await forgeOn([{ status: 201, json: { iid: 4, web_url: 'https://x/4' } }]);
    expect(await openIt(forge)).toEqual({ iid: 4, url: 'https://x/4' });
    expect(arrived()[0]?.[2]).toEqual({
      source_branch: 'autodev/3',
      target_branch: 'main',
      title: 'Draft: T',
      description: 'D',
      labels: 'autodev,b c',
      remove_source_branch: true,
    });
  });

  test('a second change of a branch is a conflict that names the first', async () => {
    const forge = await forgeOn([
      {
        status: 409,
        json: {
          message: ['Another open merge request already exists for this source branch: !12'],
        },
      },
    ]);
    await expect(openIt(forge)).rejects.toMatchObject({
      kind: 'conflict',
      status: 409,
      message: 'Branch autodev/3 in project 7 has an open merge request already: !12',
    });
  });

  test('labels of a change are added, never set', async () => {
    const forge = await forgeOn([{ json: {} }]);
    await forge.write.updateChange(7, 12, { description: '', addLabels: ['a', 'b'] });
    expect(arrived()).toEqual([
      ['PUT', '/projects/7/merge_requests/12', { description: '', add_labels: 'a,b' }],
    ]);
  });

  test("a fork's branch of the same name is not ours", async () => {
    const found = (iid: number, source_project_id: number) => ({
      iid,
      web_url: `https://x/${iid}`,
      description: null,
      source_project_id,
    });
    const forge = await forgeOn([{ json: [found(9, 99), found(8, 7)] }, { json: [found(9, 99)] }]);
    expect(await forge.write.findChange(7, 'autodev/3')).toEqual({
      iid: 8,
      url: 'https://x/8',
      description: '',
    });
    expect(await forge.write.findChange(7, 'autodev/3')).toBeNull();
    expect(arrived()[0]?.[2]).toMatchObject({ source_branch: 'autodev/3', state: 'opened' });
  });

  test.each([
    ['gone already', '404 Branch Not Found', 'done'],
    ['in a hidden project', '404 Project Not Found', 'not_found'],
  ])('deleting a branch that is %s', async (_name, message, kind) => {
    const forge = await forgeOn([{ status: 404, json: { message } }]);
    expect(await kindOf(forge.write.deleteBranch(7, 'autodev/3'))).toBe(kind);
  });
});

describe('commits', () => {
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const request = {
    branch: 'autodev/3',
    startSha: 'aaa',
    message: 'M',
    changes: [
      { path: 'a.sh', action: 'update', mode: '100755', content: base64('x') },
      { path: 'b', action: 'delete', mode: '100644' },
      { path: 'c', action: 'create', mode: '100644', content: base64('y') },
    ],
  } as const;

  /** A repository whose branch stands at `head` (null: there is none). */
  const repository =
    (head: string | null, commit: ScriptedReply = { status: 201, json: { id: 'new' } }) =>
    ({ method, path }: SeenRequest): ScriptedReply => {
      if (method === 'POST') return commit;
      if (path.includes('/files/')) return { json: { last_commit_id: `last-${path.slice(-1)}` } };
      return head === null
        ? { status: 404, json: { message: '404 Branch Not Found' } }
        : { json: { commit: { id: head } } };
    };
  const posted = () => arrived().find(([method]) => method === 'POST')?.[2];

  test('make a branch that is not there from the start commit', async () => {
    const forge = await forgeOn(repository(null));
    expect(await forge.write.commit(7, request)).toEqual({ sha: 'new' });
    expect(posted()).toEqual({
      branch: 'autodev/3',
      start_sha: 'aaa',
      commit_message: 'M',
      actions: [
        { action: 'update', file_path: 'a.sh', content: base64('x'), encoding: 'base64' },
        { action: 'chmod', file_path: 'a.sh', execute_filemode: true },
        { action: 'delete', file_path: 'b' },
        { action: 'create', file_path: 'c', content: base64('y'), encoding: 'base64' },
      ],
    });
  });

  test('go on an existing branch at the start commit, each replaced file guarded', async () => {
    const forge = await forgeOn(repository('aaa'));
    await forge.write.commit(7, request);
    const body = posted() as { start_sha?: string; actions: { last_commit_id?: string }[] };
    expect(body).not.toHaveProperty('start_sha');
    expect(body.actions.map((action) => action.last_commit_id)).toEqual([
      'last-h',
      undefined,
      'last-b',
      undefined,
    ]);
  });

  test('never go on a branch that moved', async () => {
    const forge = await forgeOn(repository('bbb'));
    expect(await kindOf(forge.write.commit(7, request))).toBe('conflict');
    expect(posted()).toBeUndefined();
  });

  test.each([
    [
      "A branch called 'autodev/3' already exists. Switch to that branch in order to make changes",
      'conflict',
    ],
    ['The file has changed since you started editing it: a.sh', 'conflict'],
    ['Could not update refs/heads/autodev/3. Please refresh and try again.', 'conflict'],
    ["A file with this name doesn't exist", 'invalid'],
  ])('refused with "%s"', async (message, kind) => {
    const forge = await forgeOn(repository(null, { status: 400, json: { message } }));
    expect(await kindOf(forge.write.commit(7, request))).toBe(kind);
  });

  test('of nothing, or of a file without content, are refused before anything is sent', async () => {
    const forge = await forgeOn(repository(null));
    expect(await kindOf(forge.write.commit(7, { ...request, changes: [] }))).toBe('invalid');
    expect(gitlab?.seen).toEqual([]);
    expect(() => commitActions({ path: 'a', action: 'create', mode: '100644' })).toThrow(
      'has no content',
    );
  });

  test('of many files look up the guard of the first ones only', async () => {
    const forge = await forgeOn(repository('aaa'));
    const changes = Array.from({ length: 50 }, (_, index) => ({
      path: `f${index}`,
      action: 'update' as const,
      mode: '100644' as const,
      content: '',
    }));
    await forge.write.commit(7, { ...request, changes });
    const lookups = gitlab?.seen.filter((one) => one.path.includes('/files/')) ?? [];
    expect(lookups).toHaveLength(COMMIT_LIMITS.guardedFiles);
  });
});

describe('pipelines', () => {
  const row = (id: number, more = {}) => ({
    id,
    status: 'running',
    ref: 'main',
    sha: 'abc',
    source: 'api',
    web_url: `https://x/${id}`,
    created_at: '2026-01-02T00:00:00Z',
    ...more,
  });

  test('are started with the ref and nothing else', async () => {
    const forge = await forgeOn([{ status: 201, json: row(5) }]);
    expect(await forge.ci.createPipeline(7, 'main')).toEqual({
      id: 5,
      status: 'running',
      ref: 'main',
      sha: 'abc',
      source: 'api',
      parentPipelineId: null,
      changeIid: null,
      url: 'https://x/5',
    });
    expect(arrived()).toEqual([['POST', '/projects/7/pipeline', { ref: 'main' }]]);
  });

  test('of a merge request know it by their ref', async () => {
    const forge = await forgeOn([{ json: row(5, { ref: 'refs/merge-requests/12/head' }) }]);
    expect(await forge.ci.pipeline(7, 5)).toMatchObject({ changeIid: 12 });
  });

  test('are listed newest first, from a time on', async () => {
    const forge = await forgeOn([
      {
        json: [
          row(5),
          row(6, { created_at: '2026-01-02T00:00:01Z' }),
          row(4, { created_at: '2026-01-01T23:59:59Z' }),
        ],
      },
    ]);
    const query = { source: 'api', username: 'autodev', createdAfter: '2026-01-02T00:00:00Z' };
    const found = await forge.ci.pipelines(7, query);
    expect(found.map((one) => [one.id, one.createdAt])).toEqual([
      [6, '2026-01-02T00:00:01Z'],
      [5, '2026-01-02T00:00:00Z'],
    ]);
    expect(arrived()[0]?.[2]).toEqual({
      source: 'api',
      username: 'autodev',
      updated_after: '2026-01-01T23:59:59.000Z',
      order_by: 'id',
      sort: 'desc',
      page: '1',
      per_page: '100',
    });
  });

  test('have children only in their own project', async () => {
    const forge = await forgeOn([
      {
        json: [
          { downstream_pipeline: null },
          { downstream_pipeline: { id: 8, status: 'success', project_id: 7 } },
          { downstream_pipeline: { id: 9, status: 'success', project_id: 70 } },
          { downstream_pipeline: { id: 10, status: 'failed' } },
        ],
      },
    ]);
    expect(await forge.ci.children(7, 5)).toEqual([
      { id: 8, status: 'success' },
      { id: 10, status: 'failed' },
    ]);
  });

  test('have jobs with tags and reasons', async () => {
    const forge = await forgeOn([
      {
        json: [
          { id: 1, name: 'a', status: 'pending', tag_list: ['autodev'] },
          { id: 2, name: 'b', status: 'failed', failure_reason: 'stuck_or_timeout_failure' },
        ],
      },
    ]);
    expect(await forge.ci.jobs(7, 5)).toEqual([
      { id: 1, name: 'a', status: 'pending', failureReason: null, tags: ['autodev'] },
      { id: 2, name: 'b', status: 'failed', failureReason: 'stuck_or_timeout_failure', tags: [] },
    ]);
    expect(gitlab?.seen[0]?.path).toBe('/projects/7/pipelines/5/jobs');
  });
});

describe('setting up', () => {
  const hook = { url: 'https://bot.test/h', token: 't', signingToken: 'whsec_x' };

  test('a hook is saved with every switch said', async () => {
    const forge = await forgeOn([
      {
        status: 201,
        json: {
          id: 3,
          url: hook.url,
          note_events: true,
          push_events: false,
          alert_status: 'executable',
        },
      },
    ]);
    const events = ['note_events', 'issues_events'];
    expect(await forge.setup.saveHook(7, { ...hook, events })).toEqual({
      id: 3,
      url: hook.url,
      alertStatus: 'executable',
      events: ['note_events'],
      signingTokenPresent: false,
    });
    await forge.setup.saveHook(7, { ...hook, id: 3, signingToken: '', events });
    const [first, second] = arrived();
    expect(first?.[2]).toMatchObject({
      url: hook.url,
      token: 't',
      signing_token: 'whsec_x',
      enable_ssl_verification: true,
      push_events: false,
      note_events: true,
      issues_events: true,
      emoji_events: false,
    });
    expect(Object.keys(first?.[2] as object).filter((key) => key.endsWith('_events'))).toHaveLength(
      16,
    );
    expect(second).toMatchObject(['PUT', '/projects/7/hooks/3', { token: 't' }]);
    expect(second?.[2]).not.toHaveProperty('signing_token');
  });

  test('an unknown switch is refused before anything is sent', async () => {
    const forge = await forgeOn([]);
    expect(await kindOf(forge.setup.saveHook(7, { ...hook, events: ['notes'] }))).toBe('invalid');
    expect(gitlab?.seen).toEqual([]);
  });

  test('runners are looked at one by one for their tags', async () => {
    const forge = await forgeOn(({ path }) => {
      if (path === '/projects/7/runners') {
        return {
          json: [
            { id: 1, online: true, paused: false },
            { id: 2, status: 'online', paused: true },
            { id: 3, status: 'offline' },
            { id: 4, online: true },
          ],
        };
      }
      return path === '/runners/4'
        ? { status: 403, json: {} }
        : { json: { tag_list: ['autodev'], run_untagged: true } };
    });
    expect(await forge.setup.runners(7)).toEqual([
      { id: 1, online: true, tags: ['autodev'], runUntagged: true },
      { id: 2, online: false, tags: ['autodev'], runUntagged: true },
      { id: 3, online: false, tags: ['autodev'], runUntagged: true },
      { id: 4, online: true, tags: [], runUntagged: false },
    ]);
  });

  test('version, token, labels and lint', async () => {
    const forge = await forgeOn(({ path }) => {
      switch (path) {
        case '/metadata':
          return { json: { version: '18.9.0-ee', enterprise: true } };
        case '/personal_access_tokens/self':
          return {
            json: {
              name: 'n',
              scopes: ['api'],
              expires_at: '2026-12-31',
              active: true,
              revoked: true,
            },
          };
        case '/projects/7/ci/lint':
          return { json: { valid: false, errors: ['e'], merged_yaml: null } };
        default:
          return { json: [{ name: 'autodev' }] };
      }
    });
    expect(await forge.setup.version()).toEqual({ version: '18.9.0-ee', enterprise: true });
    expect(await forge.setup.token()).toEqual({
      name: 'n',
      scopes: ['api'],
      expiresAt: '2026-12-31',
      active: false,
    });
    expect(await forge.setup.lint(7, 'main')).toEqual({
      valid: false,
      errors: ['e'],
      mergedYaml: '',
    });
    expect(await forge.setup.labels(7)).toEqual(['autodev']);
    expect(gitlab?.seen[2]?.query.get('content_ref')).toBe('main');
  });
});
