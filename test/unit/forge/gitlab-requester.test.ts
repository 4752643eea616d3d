import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { ForgeError } from '../../../bot/forge/errors.ts';
import { createGitLabForge } from '../../../bot/forge/gitlab/client.ts';
import { createRedactor } from '../../../bot/forge/gitlab/redact.ts';
import { routeOf } from '../../../bot/forge/gitlab/route.ts';
import type { Forge, Webhooks } from '../../../bot/forge/forge.ts';
import { TOKEN, startScriptedGitLab } from './support/scripted-gitlab.ts';
import type { ScriptedGitLab, ScriptedReply } from './support/scripted-gitlab.ts';

let gitlab: ScriptedGitLab | undefined;
afterEach(async () => {
  await gitlab?.close();
  gitlab = undefined;
});

async function failure(asked: Promise<unknown>): Promise<ForgeError> {
  const error = await asked.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ForgeError);
  return error as ForgeError;
}

const USER = { id: 7, username: 'autodev', state: 'active' };
const issue3 = { type: 'issue', iid: 3 } as const;
const me = (forge: Forge) => forge.read.me();
const note = (forge: Forge) => forge.write.createNote(7, issue3, 'hello');
const cancel = (forge: Forge) => forge.ci.cancelPipeline(7, 5);
const edit = (forge: Forge) => forge.write.updateChange(7, 12, { title: 'x' });
const remove = (forge: Forge) => forge.write.deleteBranch(7, 'autodev/1');

describe('over real sockets', () => {
  // name, call, answers, requests that arrive, kind (null: it succeeds)
  const table: [
    string,
    (forge: Forge) => Promise<unknown>,
    ScriptedReply[],
    number,
    string | null,
  ][] = [
    ['a read after 502', me, [{ status: 502, text: 'bad' }, { json: USER }], 2, null],
    ['a read after a dropped answer', me, ['drop', { json: USER }], 2, null],
    ['a read after half an answer', me, ['half', { json: USER }], 2, null],
    ['a read that is never answered', me, ['hang'], 4, 'unavailable'],
    ['a read of a broken GitLab', me, [{ status: 500, json: { message: 'x' } }], 4, 'unavailable'],
    ['a note after 502', note, [{ status: 502, text: '<h1>Bad</h1>' }], 1, 'ambiguous'],
    ['a note whose answer is dropped', note, ['drop'], 1, 'ambiguous'],
    ['a note with half an answer', note, ['half'], 1, 'ambiguous'],
    ['a note that is never answered', note, ['hang'], 1, 'ambiguous'],
    ['a note without an id', note, [{ status: 201, json: {} }], 1, 'ambiguous'],
    ['a cancel whose answer is dropped', cancel, ['drop'], 1, 'ambiguous'],
    ['an edit whose answer is dropped', edit, ['drop'], 1, 'ambiguous'],
    ['a delete whose answer is dropped', remove, ['drop'], 1, 'ambiguous'],
    [
      'a note after 429',
      note,
      [
        { status: 429, json: {}, headers: { 'retry-after': '3' } },
        { status: 201, json: { id: 1 } },
      ],
      2,
      null,
    ],
    ['a login page instead of JSON', me, [{ text: '<html>Sign in</html>' }], 1, 'invalid'],
    ['an answer without a field', me, [{ json: { id: 7 } }], 1, 'invalid'],
  ];

  test.each(table)('%s', async (_name, call, script, requests, kind) => {
    const hangs = script.includes('hang');
    gitlab = await startScriptedGitLab(script, hangs ? { timeoutMs: 60 } : {});
    const asked = call(gitlab.forge);
    if (kind === null) await asked;
    else expect((await failure(asked)).kind).toBe(kind);
    expect(gitlab.seen).toHaveLength(requests);
  });

  test('Retry-After is waited out, and by the next caller too', async () => {
    gitlab = await startScriptedGitLab([
      { status: 429, json: {}, headers: { 'retry-after': '7' } },
      { json: USER },
    ]);
    await me(gitlab.forge);
    const waited = gitlab.naps.reduce((sum, ms) => sum + ms, 0);
    expect(waited).toBeGreaterThan(6_500);
    expect(waited).toBeLessThanOrEqual(7_000);
  });

  test('a wait beyond the cap surfaces as limited with its time', async () => {
    gitlab = await startScriptedGitLab([
      { status: 429, json: { message: 'Retry later' }, headers: { 'retry-after': '600' } },
    ]);
    expect(await failure(note(gitlab.forge))).toMatchObject({
      kind: 'limited',
      status: 429,
      retryAfterMs: 600_000,
    });
    const second = await failure(me(gitlab.forge));
    expect(second.kind).toBe('limited');
    expect(gitlab.seen).toHaveLength(1);
  });

  test('a refused connection is tried four times, also for a write', async () => {
    gitlab = await startScriptedGitLab([]);
    await gitlab.close();
    expect((await failure(note(gitlab.forge))).kind).toBe('unavailable');
    expect(gitlab.calls.map((call) => call.status)).toEqual([null, null, null, null]);
  });

  test('no more than eight requests run at once', async () => {
    let active = 0;
    let most = 0;
    const forge = createGitLabForge({
      url: 'http://gitlab.test',
      token: TOKEN,
      webhooks: {} as Webhooks,
      fetch: async () => {
        active += 1;
        most = Math.max(most, active);
        await new Promise((resolve) => setImmediate(resolve));
        active -= 1;
        return new Response(JSON.stringify(USER));
      },
    });
    await Promise.all(Array.from({ length: 40 }, () => me(forge)));
    expect(most).toBe(8);
  });
});

test('a write that must not be sent is not, and a read is not asked about', async () => {
  const beforeWrite = (): Promise<void> => Promise.reject(new Error('the lease was lost'));
  gitlab = await startScriptedGitLab([{ json: USER }], { beforeWrite });
  await expect(note(gitlab.forge)).rejects.toThrow('the lease was lost');
  expect(gitlab.seen).toEqual([]);
  await me(gitlab.forge);
  expect(gitlab.seen).toHaveLength(1);
});

describe('redirects', () => {
  test('a read follows one within the same origin', async () => {
    gitlab = await startScriptedGitLab((request) =>
      request.path === '/user'
        ? { status: 301, headers: { location: '/api/v4/users/7' } }
        : { json: USER },
    );
    expect(await me(gitlab.forge)).toEqual(USER);
  });

  test('a loop of redirects ends', async () => {
    gitlab = await startScriptedGitLab([{ status: 302, headers: { location: '/api/v4/user' } }]);
    expect((await failure(me(gitlab.forge))).kind).toBe('invalid');
    expect(gitlab.seen).toHaveLength(4);
  });

  test('a write follows none: fetch would send it as a GET', async () => {
    gitlab = await startScriptedGitLab([{ status: 301, headers: { location: '/api/v4/user' } }]);
    expect((await failure(note(gitlab.forge))).kind).toBe('invalid');
    expect(gitlab.seen.map((request) => request.method)).toEqual(['POST']);
  });

  test('the token is carried to no other origin', async () => {
    const visits: unknown[] = [];
    const other = createServer((request, response) => {
      visits.push(request.headers);
      response.end('{}');
    });
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const location = `http://127.0.0.1:${(other.address() as AddressInfo).port}/api/v4/user`;
    gitlab = await startScriptedGitLab([{ status: 302, headers: { location } }]);
    const error = await failure(me(gitlab.forge));
    await new Promise((resolve) => other.close(resolve));
    expect(error.message).toContain(`redirected to ${location}`);
    expect(visits).toEqual([]);
  });
});

test.each(['..', '.', '', '%2e%2e'])('branch %j reaches no other resource', async (name) => {
  gitlab = await startScriptedGitLab([{ status: 204 }]);
  const asked = gitlab.forge.write.deleteBranch(7, name);
  if (name === '%2e%2e') {
    await asked;
    expect(gitlab.seen[0]?.path).toBe('/projects/7/repository/branches/%252e%252e');
    return;
  }
  expect((await failure(asked)).kind).toBe('invalid');
  expect(gitlab.seen).toEqual([]);
});

describe('what an error says', () => {
  test.each([
    [{ message: '404 Issue Not Found' }, '404 Issue Not Found'],
    [{ message: ['one', 'two'] }, 'one, two'],
    [
      { message: { base: ['No stages'], title: ['is blank', 'is short'] } },
      'No stages; title is blank, is short',
    ],
    [{ error: 'title is missing' }, 'title is missing'],
    [
      { error: 'insufficient_scope', error_description: 'needs api' },
      'insufficient_scope: needs api',
    ],
    [{ message: 'x'.repeat(1_000) }, `${'x'.repeat(299)}…`],
  ])('%j', async (json, words) => {
    gitlab = await startScriptedGitLab([{ status: 422, json }]);
    const error = await failure(gitlab.forge.write.updateChange(7, 12, { title: 'x' }));
    expect(error.message).toBe(
      `GitLab PUT projects/:id/merge_requests/:iid (7!12) answered 422: ${words}`,
    );
    expect(error).toMatchObject({ kind: 'invalid', status: 422 });
  });

  test('a refusal says what to look at', async () => {
    gitlab = await startScriptedGitLab([{ status: 403, json: { error: 'forbidden' } }]);
    const error = await failure(gitlab.forge.read.issue(7, 3));
    expect(error.message).toBe(
      'GitLab GET projects/:id/issues/:iid (7#3) answered 403: forbidden. ' +
        "The bot's role or the token's scope is too low for this.",
    );
  });

  test('an unfit answer names the field', async () => {
    gitlab = await startScriptedGitLab([{ json: { ...USER, username: 5 } }]);
    const error = await failure(me(gitlab.forge));
    expect(error.message).toContain("GitLab's answer to GET user does not fit: username");
  });
});

describe('secrets stay out', () => {
  const forms: [string, string][] = [
    ['plain', TOKEN],
    ['percent-encoded', encodeURIComponent(TOKEN)],
    ['base64', Buffer.from(TOKEN).toString('base64')],
  ];
  const secret = /s3cr3t|czNjcjN0/;

  test.each(forms)('%s in every place of an answer', async (_name, form) => {
    const scripts: ScriptedReply[] = [
      { status: 400, json: { message: `bad ${form}` } },
      { status: 400, json: { message: { token: [`${form} is bad`] } } },
      { status: 400, text: `<p>${form}</p>` },
      { status: 302, headers: { location: `https://sso.test/${form}?t=${form}` } },
      // Cut at 300 characters in the middle of the secret.
      { status: 400, json: { message: 'y'.repeat(290) + form } },
    ];
    for (const script of scripts) {
      gitlab = await startScriptedGitLab([script]);
      const error = await failure(me(gitlab.forge));
      expect(inspectAll(error)).not.toMatch(secret);
      expect(error.message).toMatch(/redacted|yyy/);
      await gitlab.close();
    }
  });

  test('in what fetch throws', async () => {
    gitlab = await startScriptedGitLab([], {
      fetch: async () => {
        const cause = new Error(`bad header private-token: ${TOKEN}`);
        throw new TypeError(`could not fetch https://x/?private_token=${TOKEN}`, { cause });
      },
    });
    const error = await failure(note(gitlab.forge));
    expect(error.message).toContain('[redacted]');
    expect(inspectAll(error)).not.toMatch(secret);
  });

  test('the secrets of a hook', async () => {
    gitlab = await startScriptedGitLab((request) => {
      const { token, signing_token: signing } = request.body as Record<string, string>;
      return { status: 422, json: { message: { token: [`${token} is short`, `${signing} too`] } } };
    });
    const error = await failure(
      gitlab.forge.setup.saveHook(7, {
        url: 'https://bot.test/',
        token: 'hook-secret',
        signingToken: 'whsec_abcdef',
        events: ['note_events'],
      }),
    );
    expect(error.message).toContain('token [redacted] is short, [redacted] too');
    expect(inspectAll(error)).not.toMatch(/hook-secret|whsec_abcdef/);
  });

  test('an empty or tiny secret blanks out nothing', () => {
    expect(createRedactor(['', 'a'])('a tale')).toBe('a tale');
  });

  function inspectAll(error: ForgeError): string {
    const cause = error.cause instanceof Error ? `${error.cause.message} ${error.cause.stack}` : '';
    return `${error.message} ${error.stack} ${cause} ${JSON.stringify(error)}`;
  }
});

test('every request is counted by its route, and carries token and agent in headers only', async () => {
  gitlab = await startScriptedGitLab([{ status: 503, text: '' }, { json: USER }], {
    userAgent: 'autodev/0.1.0',
  });
  await me(gitlab.forge);
  expect(gitlab.calls).toEqual([
    { method: 'GET', route: 'user', status: 503, ms: expect.any(Number) },
    { method: 'GET', route: 'user', status: 200, ms: expect.any(Number) },
  ]);
  expect(gitlab.seen[0]?.headers).toMatchObject({
    'private-token': TOKEN,
    'user-agent': 'autodev/0.1.0',
  });
  expect([...(gitlab.seen[0]?.query.keys() ?? [])]).toEqual([]);
});

test('a relative root of the instance is kept', async () => {
  gitlab = await startScriptedGitLab([{ json: USER }]);
  const urls: string[] = [];
  const forge = createGitLabForge({
    url: `${gitlab.url}/gitlab/`,
    token: TOKEN,
    webhooks: {} as Webhooks,
    fetch: async (url) => {
      urls.push(String(url));
      return new Response(JSON.stringify(USER));
    },
  });
  await me(forge);
  expect(urls).toEqual([`${gitlab.url}/gitlab/api/v4/user`]);
});

test.each([
  ['user', 'user', ''],
  ['projects/group%2Fproject', 'projects/:id', 'project group/project'],
  [
    'projects/7/issues/3/notes/9/award_emoji',
    'projects/:id/issues/:iid/notes/:note_id/award_emoji',
    '7#3',
  ],
  ['projects/7/merge_requests', 'projects/:id/merge_requests', 'project 7'],
  ['projects/7/merge_requests/12/pipelines', 'projects/:id/merge_requests/:iid/pipelines', '7!12'],
  ['projects/7/repository/files/a%2Fb.ts', 'projects/:id/repository/files/:path', 'project 7'],
  [
    'projects/7/repository/branches/autodev%2F1',
    'projects/:id/repository/branches/:branch',
    'project 7',
  ],
  ['projects/7/members/all/5', 'projects/:id/members/all/:user_id', 'project 7'],
  ['projects/7/pipelines/8/bridges', 'projects/:id/pipelines/:pipeline_id/bridges', 'project 7'],
  ['projects/7/ci/lint', 'projects/:id/ci/lint', 'project 7'],
])('route of %s', (path, template, subject) => {
  expect(routeOf(path)).toEqual({ template, subject });
});
