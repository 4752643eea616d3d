/** Gates and reviews of the GitLab driver, for answers a well-behaved sandbox never gives. */
import { afterEach, describe, expect, test } from '@jest/globals';
import { ForgeError } from '../../../bot/forge/errors.ts';
import type { Forge } from '../../../bot/forge/forge.ts';
import { CONTRIBUTOR_LIMITS, membersOf } from '../../../bot/forge/gitlab/contributors.ts';
import { newSideLine } from '../../../bot/forge/gitlab/diff-lines.ts';
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

const paths = (method: string): string[] =>
  (gitlab?.seen ?? []).filter((one) => one.method === method).map((one) => one.path);

async function kindOf(asked: Promise<unknown>): Promise<string> {
  return asked.then(
    () => 'done',
    (error: unknown) => (error instanceof ForgeError ? error.kind : String(error)),
  );
}

const MR = '/projects/7/merge_requests/12';

describe('a line of the new side', () => {
  const patch = [
    '@@ -1,4 +1,5 @@ function one()',
    ' a',
    '-b',
    '+B',
    '+@@ -90,1 +90,1 @@',
    ' c',
    '',
    '@@ -20 +21,2 @@',
    '-x',
    '\\ No newline at end of file',
    '+y',
    '+-z',
    '\\ No newline at end of file',
    '',
  ].join('\n');
  test.each([
    [1, { kind: 'context', oldLine: 1 }],
    [2, { kind: 'added' }],
    [3, { kind: 'added' }],
    [4, { kind: 'context', oldLine: 3 }],
    [5, { kind: 'context', oldLine: 4 }],
    [6, null],
    [20, null],
    [21, { kind: 'added' }],
    [22, { kind: 'added' }],
    [23, null],
    [90, null],
    [0, null],
  ])('%i', (line, expected) => {
    expect(newSideLine(patch, line)).toEqual(expected);
  });

  test('is nowhere in an empty or deleted file, nor in text that is no diff', () => {
    for (const diff of ['', '@@ -1,2 +0,0 @@\n-a\n-b\n', '+a\n b\n']) {
      for (const line of [0, 1, 2]) expect(newSideLine(diff, line)).toBeNull();
    }
  });
});

describe('members an identity may stand for', () => {
  const members = [
    { id: 1, username: 'dana', name: 'Dana Doe', public_email: 'd.doe@corp.example' },
    { id: 2, username: 'Mia.K', name: 'Mia', public_email: '' },
    { id: 3, username: 'other', name: 'Dana Doe', public_email: null, email: 'o@corp.example' },
    { id: 4, username: 'project_7_bot_ab', name: 'AutoDev' },
  ];
  test.each([
    ['a private address', 'x', '1-dana@users.noreply.gitlab.com', [1]],
    ['one of an older username', 'x', '1-formerly@users.noreply.gitlab.com', [1]],
    ['one whose number is not theirs', 'x', '99-mia.k@users.noreply.git.corp.example', [2]],
    ['the public e-mail', 'x', ' D.Doe@Corp.Example ', [1]],
    ['an e-mail shown to the bot', 'x', 'o@corp.example', [3]],
    ['the username before the @', 'x', 'mia.k@home.example', [2]],
    ['a bot', 'x', 'project_7_bot_ab@noreply.gitlab.com', [4]],
    ['a name two members have', 'dana doe', 'x@y.example', [1, 3]],
    ['a username as name', 'MIA.K', 'x@y.example', [2]],
    ['nobody', 'Nobody', 'nobody@y.example', []],
    ['nothing at all', '', '', []],
    ['a part of a name', 'Doe', 'ana@y.example', []],
  ])('%s', (_what, name, email, expected) => {
    expect(membersOf({ name, email }, members)).toEqual(expected);
  });
});

describe('contributors', () => {
  const commit = (id: string, who: string) => ({
    id,
    author_name: who,
    author_email: `${who}@x.example`,
    committer_name: who,
    committer_email: `${who}@x.example`,
  });
  const version = (id: number, head: string, base: string | null = 'b0') => ({
    id,
    head_commit_sha: head,
    base_commit_sha: base,
  });
  const members = ['ann', 'bob', 'cid', 'eve'].map((username, at) => ({ id: at + 1, username }));
  interface Scene {
    versions: unknown[];
    commits: unknown[];
    older?: Record<number, unknown[]>;
    notes?: unknown[];
    author?: unknown;
  }
  const play = (scene: Scene) =>
    forgeOn(({ path }) => {
      if (path === MR) return { json: { author: scene.author ?? null } };
      if (path === `${MR}/versions`) return { json: scene.versions };
      if (path === `${MR}/commits`) return { json: scene.commits };
      if (path === `${MR}/notes`) return { json: scene.notes ?? [] };
      if (path === '/projects/7/members/all') return { json: members };
      const id = Number(path.split('/').at(-1));
      return { json: { commits: scene.older?.[id] ?? [] } };
    });
  const asked = () => paths('GET').filter((path) => path.includes('/versions/'));

  test('of pushes one after the other come from the newest list alone', async () => {
    const forge = await play({
      versions: [version(2, 'c2'), version(1, 'c1')],
      commits: [commit('c2', 'bob'), commit('c1', 'ann')],
    });
    expect(await forge.gate.contributors(7, 12)).toEqual([1, 2]);
    expect(asked()).toEqual([]);
  });

  test('of rewritten versions are asked for one by one', async () => {
    const forge = await play({
      // 1: thrown away; 2: on another base; 3: its base is not told.
      versions: [
        version(4, 'c4'),
        version(3, 'c4', null),
        version(2, 'c4', 'b1'),
        version(1, 'c1'),
      ],
      commits: [commit('c4', 'ann')],
      older: { 1: [commit('c1', 'bob')], 2: [commit('c0', 'cid')], 3: [commit('cx', 'eve')] },
    });
    expect(await forge.gate.contributors(7, 12)).toEqual([1, 2, 3, 4]);
    expect(asked().map((path) => path.split('/').at(-1))).toEqual(['3', '2', '1']);
  });

  test('are authors and committers, the opener, and accounts that pushed', async () => {
    const note = (id: number, body: string, system = true) => ({ body, system, author: { id } });
    const forge = await play({
      author: { id: 77 },
      versions: [version(1, 'c1')],
      commits: [{ id: 'c1', author_name: 'Bob', committer_email: 'cid@y.example' }],
      notes: [
        note(50, 'added 1 commit\n\n<ul><li>1234 - x</li></ul>'),
        note(51, 'added 12 commits'),
        note(52, 'added 1 commit', false),
        note(53, 'approved this merge request'),
        note(54, 'added ~bug label'),
      ],
    });
    expect(await forge.gate.contributors(7, 12)).toEqual([2, 3, 50, 51, 77]);
  });

  test('of a history that was rewritten too often are not guessed', async () => {
    const count = CONTRIBUTOR_LIMITS.rewrittenVersions + 1;
    const forge = await play({
      versions: Array.from({ length: count }, (_, at) => version(at, `c${at}`)),
      commits: [],
    });
    await expect(forge.gate.contributors(7, 12)).rejects.toMatchObject({
      kind: 'invalid',
      message: expect.stringContaining(`rewritten ${count} times`),
    });
    expect(asked()).toEqual([]);
  });

  test.each(['versions', 'commits', 'notes', 'members/all'])(
    'are not told when their %s are refused',
    async (what) => {
      const forge = await forgeOn(({ path }) => {
        if (path.endsWith(`/${what}`)) return { status: 403, json: {} };
        return { json: path === MR ? { author: { id: 1 } } : [] };
      });
      expect(await kindOf(forge.gate.contributors(7, 12))).toBe('denied');
    },
  );
});

describe('approvals and the head', () => {
  test('without times, as older versions show them', async () => {
    const user = { id: 3, username: 'dana', name: 'Dana' };
    const forge = await forgeOn([{ json: { approved_by: [{ user }], approvals_left: null } }]);
    expect(await forge.gate.approvals(7, 12)).toEqual({
      given: [{ user: { id: 3, username: 'dana' }, at: null }],
      left: 0,
    });
  });

  test.each([
    ['no list', {}],
    ['somebody without an id', { approved_by: [{ user: { username: 'x' } }] }],
  ])('with %s are refused, not counted as none', async (_what, json) => {
    const forge = await forgeOn([{ json }]);
    expect(await kindOf(forge.gate.approvals(7, 12))).toBe('invalid');
  });

  test('has no age while there is no version', async () => {
    const forge = await forgeOn([{ json: [] }]);
    expect(await forge.gate.headAt(7, 12)).toBeNull();
    expect(Object.fromEntries(gitlab?.seen[0]?.query ?? [])).toEqual({ page: '1', per_page: '1' });
  });

  test('an unknown merge status is passed on; none at all is refused', async () => {
    const forge = await forgeOn([{ json: { detailed_merge_status: 'moon_phase' } }, { json: {} }]);
    expect(await forge.gate.mergeStatus(7, 12)).toBe('moon_phase');
    expect(await kindOf(forge.gate.mergeStatus(7, 12))).toBe('invalid');
  });
});

describe('merging', () => {
  const merged = { state: 'merged', sha: 'h', merge_commit_sha: 'm', squash_commit_sha: 's' };
  test.each([
    ['a merge commit', merged, 'm'],
    ['a squash', { ...merged, merge_commit_sha: null }, 's'],
    ['a fast-forward', { state: 'merged', sha: 'h', merge_commit_sha: null }, 'h'],
  ])('answers the commit of %s', async (_what, json, sha) => {
    const forge = await forgeOn([{ json }]);
    expect(await forge.gate.merge(7, 12, 'h')).toEqual({ sha });
    expect(gitlab?.seen).toMatchObject([
      { method: 'PUT', path: `${MR}/merge`, body: { sha: 'h' } },
    ]);
  });

  test.each([
    ['not mergeable now', { status: 405, json: { message: '405 Method Not Allowed' } }, 'conflict'],
    ['another head', { status: 409, json: { message: 'SHA does not match' } }, 'conflict'],
    ['a failed merge', { status: 422, json: { message: 'Branch cannot be merged' } }, 'conflict'],
    ['the same of older versions', { status: 406, json: {} }, 'conflict'],
    ['no right', { status: 401, json: {} }, 'denied'],
    ['an answer that is still open', { json: { ...merged, state: 'locked' } }, 'ambiguous'],
    ['an answer without a state', { json: {} }, 'ambiguous'],
    ['half an answer', 'half', 'ambiguous'],
  ] as [string, ScriptedReply, string][])('with %s', async (_what, reply, kind) => {
    const forge = await forgeOn([reply]);
    expect(await kindOf(forge.gate.merge(7, 12, 'h'))).toBe(kind);
    expect(gitlab?.seen).toHaveLength(1);
  });
});

describe('commit statuses', () => {
  const status = { name: 'autodev/gate', description: 'd', ref: 'b' } as const;
  test('name the pipeline, or else the ref, never both', async () => {
    const forge = await forgeOn([{ status: 201, json: { id: 1 } }]);
    for (const pipelineId of [5, null]) {
      await forge.gate.setStatus(7, 'abc', { ...status, state: 'pending', pipelineId });
    }
    const common = { state: 'pending', name: 'autodev/gate', description: 'd' };
    expect(gitlab?.seen.map(({ path, body }) => [path, body])).toEqual([
      ['/projects/7/statuses/abc', { ...common, pipeline_id: 5 }],
      ['/projects/7/statuses/abc', { ...common, ref: 'b' }],
    ]);
  });

  const cannot = (event: string, from: string): ScriptedReply => ({
    status: 400,
    json: {
      message: `Cannot transition status via :${event} from :${from} (Reason(s): Status cannot transition via "${event}")`,
    },
  });
  test.each([
    ['pending', cannot('enqueue', 'pending'), 'done'],
    ['pending', cannot('enqueue', 'running'), 'invalid'],
    ['success', cannot('succeed', 'pending'), 'invalid'],
    ['pending', { status: 400, json: { message: 'State is required' } }, 'invalid'],
    ['pending', { status: 409, json: { message: '409 Conflict' } }, 'conflict'],
  ] as ['pending' | 'success', ScriptedReply, string][])(
    '%s after %j',
    async (state, reply, kind) => {
      const forge = await forgeOn([reply]);
      const asked = forge.gate.setStatus(7, 'abc', { ...status, state, pipelineId: null });
      expect(await kindOf(asked)).toBe(kind);
    },
  );
});

describe('threads', () => {
  const version = {
    base_commit_sha: 'b',
    start_commit_sha: 's',
    head_commit_sha: 'h',
    created_at: '2026-01-01T00:00:00Z',
  };
  const file = { old_path: 'a.ts', new_path: 'a.ts', diff: '@@ -1 +1,2 @@\n one\n+two\n' };
  const refused: ScriptedReply = { status: 400, json: { message: 'line_code is not valid' } };
  const made: ScriptedReply = { status: 201, json: { id: 'd1' } };
  const play = (posts: ScriptedReply[], more: object = {}) => {
    let post = 0;
    return forgeOn(({ method, path }) => {
      if (method === 'POST') return posts[post++] ?? { status: 500 };
      if (path.endsWith('/versions')) return { json: [version] };
      return { json: [{ ...file, ...more }] };
    });
  };
  const on = { path: 'a.ts', line: 2, sha: 'h' };
  const say = () => 'x';
  const types = () =>
    (gitlab?.seen ?? [])
      .filter((one) => one.method === 'POST')
      .map(({ body }) => {
        const { position } = body as { position?: { position_type: string } };
        return position?.position_type ?? null;
      });

  test('send the newest SHAs, both paths and the lines as JSON', async () => {
    const forge = await play([made], { old_path: 'old.ts' });
    expect(await forge.review.openThread(7, 12, { ...on, line: 1 }, () => 'text')).toEqual({
      id: 'd1',
      place: { on: 'line', line: 1 },
    });
    expect(gitlab?.seen.at(-1)).toMatchObject({
      path: `${MR}/discussions`,
      body: {
        body: 'text',
        position: {
          base_sha: 'b',
          start_sha: 's',
          head_sha: 'h',
          position_type: 'text',
          old_path: 'old.ts',
          new_path: 'a.ts',
          old_line: 1,
          new_line: 1,
        },
      },
    });
  });

  test('go to the file, then to the change, when GitLab refuses the place', async () => {
    let forge = await play([refused, made]);
    expect(await forge.review.openThread(7, 12, on, say)).toEqual({
      id: 'd1',
      place: { on: 'file' },
    });
    expect(types()).toEqual(['text', 'file']);
    await gitlab?.close();
    forge = await play([refused, refused, made]);
    expect(await forge.review.openThread(7, 12, on, say)).toEqual({
      id: 'd1',
      place: { on: 'change' },
    });
    expect(types()).toEqual(['text', 'file', null]);
  });

  test.each([
    ['collapsed', { diff: '', collapsed: true }, ['file']],
    ['deleted', { deleted_file: true }, [null]],
  ])('on a file that is %s do not name a line', async (_what, more, expected) => {
    const forge = await play([made], more);
    await forge.review.openThread(7, 12, on, say);
    expect(types()).toEqual(expected);
  });

  test.each([
    ['a lost answer', 'drop', 'ambiguous'],
    ['a 500', { status: 500 }, 'ambiguous'],
    ['no right', { status: 403, json: {} }, 'denied'],
    ['quick actions only', { status: 202, json: { commands_changes: {} } }, 'invalid'],
    ['an answer without an id', { status: 201, json: {} }, 'ambiguous'],
  ] as [string, ScriptedReply, string][])(
    'after %s try no other place',
    async (_w, reply, kind) => {
      const forge = await play([reply, made]);
      expect(await kindOf(forge.review.openThread(7, 12, on, say))).toBe(kind);
      expect(types()).toEqual(['text']);
    },
  );

  test('are those with notes of people; resolved when every note that can be is', async () => {
    const note = (id: number, more = {}) => ({
      id,
      body: `n${id}`,
      author: { id: 9 },
      system: false,
      resolvable: true,
      resolved: true,
      ...more,
    });
    const thread = (id: string, notes: unknown[]) => ({ id, individual_note: false, notes });
    const forge = await forgeOn([
      {
        json: [
          thread('all', [note(2), note(1), note(3, { resolvable: false, resolved: undefined })]),
          thread('some', [note(4), note(5, { resolved: false })]),
          thread('none', [note(6, { resolvable: false })]),
          thread('system', [note(7, { system: true })]),
          { ...thread('single', [note(8)]), individual_note: true },
        ],
      },
    ]);
    const threads = await forge.review.threads(7, 12);
    expect(threads.map((one) => [one.id, one.resolved, one.notes.map(({ id }) => id)])).toEqual([
      ['all', true, [1, 2, 3]],
      ['some', false, [4, 5]],
      ['none', false, [6]],
    ]);
  });
});
