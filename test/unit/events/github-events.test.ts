import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { createHmac } from 'node:crypto';
import { createRequire } from 'node:module';
import type { ForgeEvent } from '../../../bot/domain/events.ts';
import type { Headers } from '../../../bot/forge/forge.ts';
import { normaliseGitHub } from '../../../bot/forge/github/events/normalise.ts';
import { createGitHubWebhooks } from '../../../bot/forge/github/webhooks.ts';
import { expectGolden } from '../../support/goldens.ts';

const require = createRequire(import.meta.url);
const examples = require('@octokit/webhooks-examples') as { name: string; examples: unknown[] }[];

/** `<event>/<index>` to what GitHub sent. */
const payloads = new Map(
  examples.flatMap(({ name, examples: bodies }) =>
    bodies.map(
      (body, index) => [`${name}/${String(index).padStart(2, '0')}`, { name, body }] as const,
    ),
  ),
);
const normalise = (name: string, body: unknown): ForgeEvent =>
  normaliseGitHub({ 'x-github-event': name }, body);

test('the examples of @octokit/webhooks-examples give the golden events', () => {
  expect(payloads.size).toBeGreaterThan(300);
  const events = new Map(
    [...payloads].map(([key, { name, body }]) => [key, normalise(name, body)]),
  );
  expectGolden('github/examples.json', events);
});

test('no example of an event that the bot acts on is ignored, but for listed actions', () => {
  const actedOn =
    /^(issues|issue_comment|pull_request|pull_request_review|pull_request_review_comment|workflow_run|check_suite|workflow_job|check_run|push)\//;
  const left = [...payloads]
    .filter(([key]) => actedOn.test(key))
    .map(([, { name, body }]) => normalise(name, body))
    .flatMap((event) => (event.kind === 'ignored' ? [event.of] : []));
  expect([...new Set(left)].toSorted()).toEqual([
    'issue_comment.deleted',
    'issues.deleted',
    'issues.pinned',
    'issues.transferred',
    'issues.unpinned',
    'pull_request_review.submitted',
    'pull_request_review_comment.deleted',
  ]);
});

/** The first example of an event and action, changed. */
function example(
  name: string,
  action: string,
  change: (body: Record<string, never>) => void = () => {},
): unknown {
  const found = [...payloads.values()].find(
    (payload) => payload.name === name && (payload.body as { action?: string }).action === action,
  );
  const body = structuredClone(found?.body) as Record<string, never>;
  change(body);
  return body;
}

describe('particulars', () => {
  test('an approving review is an approval, by whoever sent it', () => {
    const body = example('pull_request_review', 'submitted', (body) =>
      Object.assign(body['review']!, { state: 'approved' }),
    );
    expect(normalise('pull_request_review', body)).toMatchObject({
      kind: 'change',
      action: 'approved',
      actor: { username: 'Codertocat' },
    });
  });

  test('a closed pull request that was merged is merged', () => {
    const closed = (merged: boolean) =>
      normalise(
        'pull_request',
        example('pull_request', 'closed', (body) =>
          Object.assign(body['pull_request']!, { merged, merged_at: null }),
        ),
      );
    expect(closed(true)).toMatchObject({ action: 'merged', change: { state: 'merged' } });
    expect(closed(false)).toMatchObject({ action: 'closed', change: { state: 'closed' } });
  });

  test('a comment on a pull request is a note on a change', () => {
    const body = example('issue_comment', 'created', (body) =>
      Object.assign(body['issue']!, { pull_request: { merged_at: null } }),
    );
    expect(normalise('issue_comment', body)).toMatchObject({
      kind: 'note',
      on: { type: 'change', change: { headSha: '' } },
    });
  });

  test('a note of a bot says so', () => {
    const body = example('issue_comment', 'created', (body) =>
      Object.assign(body['comment']!['user'], { type: 'Bot' }),
    );
    expect(normalise('issue_comment', body)).toMatchObject({ note: { byBot: true } });
  });

  test('names of Object.prototype are no events and no actions', () => {
    expect(normalise('constructor', example('issues', 'opened'))).toMatchObject({
      kind: 'ignored',
      of: 'constructor.opened',
    });
    const body = example('issues', 'opened', (body) => Object.assign(body, { action: 'toString' }));
    expect(normalise('issues', body)).toMatchObject({ kind: 'ignored', of: 'issues.toString' });
  });
});

test('property: any JSON under any event name gives an event, never a throw', () => {
  const name = fc.oneof(fc.constantFrom(...examples.map(({ name }) => name)), fc.string());
  const mutated = fc
    .tuple(fc.constantFrom(...payloads.values()), fc.nat(), fc.jsonValue({ maxDepth: 3 }))
    .map(([{ name, body }, at, value]) => {
      const copy = { ...(body as Record<string, unknown>) };
      const keys = Object.keys(copy);
      copy[keys[at % keys.length] ?? 'action'] = value;
      return [name, copy] as const;
    });
  fc.assert(
    fc.property(
      fc.oneof(fc.tuple(name, fc.jsonValue({ maxDepth: 5 })), mutated),
      ([event, body]) => {
        const result = normalise(event, body);
        expect(JSON.parse(JSON.stringify(result))).toEqual(result);
      },
    ),
    { numRuns: 1000 },
  );
});

describe('verify', () => {
  const raw = Buffer.from('{"action":"opened"}');
  const sign = (body: Buffer, secret = 's3cret') =>
    `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;
  const good: Headers = {
    'x-github-event': 'issues',
    'x-github-delivery': 'd-1',
    'x-hub-signature-256': sign(raw),
  };
  const hooks = createGitHubWebhooks({ secret: 's3cret' });
  const verify = (headers: Headers, body: Buffer = raw) => hooks.verify(headers, body, new Date(0));

  test('accepts what GitHub signed; a replay under a new delivery id keeps its key', async () => {
    const first = await verify(good);
    expect(first).toEqual({
      ok: true,
      dedupeKey: expect.stringMatching(/^signed:[\w-]{43}$/),
      eventName: 'issues',
    });
    expect(await verify({ ...good, 'x-github-delivery': 'd-2' })).toEqual(first);
  });

  test('accepts the example of GitHub’s documentation', async () => {
    const documented = createGitHubWebhooks({ secret: "It's a Secret to Everybody" });
    const hex = '757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17';
    const headers = { ...good, 'x-hub-signature-256': `sha256=${hex}` };
    const check = (body: string) => documented.verify(headers, Buffer.from(body), new Date(0));
    expect(await check('Hello, World!')).toMatchObject({ ok: true });
    expect(await check('Hello, World?')).toMatchObject({ ok: false });
  });

  test('a body of megabytes is checked to its last byte', async () => {
    const body = Buffer.alloc(3_000_000, 'x');
    const headers = { ...good, 'x-hub-signature-256': sign(body) };
    expect(await verify(headers, body)).toMatchObject({ ok: true });
    body[body.length - 1] = 0x79;
    expect(await verify(headers, body)).toMatchObject({ ok: false });
  });

  test('what the headers alone refute is known before the body', () => {
    const early = (change: Record<string, string | undefined>): string | null =>
      hooks.refusedByHeaders({ ...good, ...change }, new Date(0));
    expect(early({})).toBeNull();
    expect(early({ 'x-hub-signature-256': undefined })).not.toBeNull();
    expect(early({ 'x-hub-signature-256': `sha1=${'0'.repeat(40)}` })).not.toBeNull();
    expect(early({ 'x-github-delivery': '' })).not.toBeNull();
  });

  test('accepts a signed body that is no JSON', async () => {
    const odd = Buffer.from('payload=%7B%7D');
    expect(await verify({ ...good, 'x-hub-signature-256': sign(odd) }, odd)).toMatchObject({
      ok: true,
    });
    expect(hooks.normalise(good, undefined)).toMatchObject({ kind: 'ignored', of: 'issues' });
  });

  test.each<[string, Record<string, unknown>, Buffer?]>([
    ['no signature', { 'x-hub-signature-256': undefined }],
    ['an empty signature', { 'x-hub-signature-256': '' }],
    ['a list', { 'x-hub-signature-256': [sign(raw)] }],
    ['another secret', { 'x-hub-signature-256': sign(raw, 'other') }],
    ['the signature without its name', { 'x-hub-signature-256': sign(raw).slice(7) }],
    ['SHA-1 only', { 'x-hub-signature-256': undefined, 'x-hub-signature': 'sha1=00' }],
    ['1 MB of signature', { 'x-hub-signature-256': 'a'.repeat(1_000_000) }],
    ['a changed body', {}, Buffer.from('{"action":"closed"}')],
    ['an empty body', { 'x-hub-signature-256': sign(Buffer.alloc(0)) }, Buffer.alloc(0)],
    [
      'a body that is no UTF-8',
      { 'x-hub-signature-256': sign(Buffer.from([0xff])) },
      Buffer.from([0xff]),
    ],
    ['no delivery id', { 'x-github-delivery': undefined }],
  ])('refuses %s', async (_, change, body = raw) => {
    expect(await verify({ ...good, ...change } as Headers, body)).toEqual({
      ok: false,
      reason: expect.any(String),
    });
  });

  test('refuses to work without a secret', () => {
    expect(() => createGitHubWebhooks({ secret: '' })).toThrow('secret');
  });
});
