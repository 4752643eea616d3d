import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import type { ForgeEvent } from '../../../bot/domain/events.ts';
import { normaliseGitLab } from '../../../bot/forge/gitlab/events/normalise.ts';
import { expectGolden } from '../../support/goldens.ts';
import { OWN_PAYLOADS, payloadsIn, SHARED_PAYLOADS } from './payloads.ts';

const own = payloadsIn(OWN_PAYLOADS) ?? new Map<string, unknown>();
const shared = payloadsIn(SHARED_PAYLOADS);

function normaliseAll(payloads: ReadonlyMap<string, unknown>): Map<string, ForgeEvent> {
  return new Map([...payloads].map(([name, body]) => [name, normaliseGitLab({}, body)]));
}

test('own payloads give the golden events', () => {
  expect(own.size).toBeGreaterThan(30);
  expectGolden('gitlab/own.json', normaliseAll(own));
});

const withShared = shared === null ? test.skip : test;
if (shared === null) {
  console.log(
    'Left out: goldens of recorded GitLab payloads; ../shared/fixtures/gitlab is missing.',
  );
}

withShared('payloads recorded by public clients give the golden events', () => {
  expect(shared?.size).toBe(131);
  expectGolden('gitlab/recorded.json', normaliseAll(shared ?? new Map()));
});

/** Kinds that the bot acts on, and why single payloads of them may still be ignored. */
const ACTED_ON = new Set([
  'issue',
  'work_item',
  'note',
  'merge_request',
  'pipeline',
  'build',
  'emoji',
  'push',
  'tag_push',
  'access_token',
]);
const NO_ACTION = 'the payload does not say which action it reports';
const NO_PROJECT = 'the payload names no project id; events of groups are not acted upon';
const ALLOWED: Readonly<Record<string, string>> = {
  // System hooks of old versions.
  'go-playground__webhooks__system-merge-request-event.json': NO_ACTION,
  'xanzy__go-gitlab__merge_request.json': NO_ACTION,
  // Epics belong to groups.
  'work-item-epic-of-group.json': NO_PROJECT,
  // Copied from a page with a blank behind every key, so that it has no usable field.
  'xanzy__go-gitlab__group_merge_request.json': NO_PROJECT,
};

withShared('no payload of a kind that the bot acts on is ignored without a listed reason', () => {
  const reasons: Record<string, string> = {};
  for (const [name, body] of [...(shared ?? []), ...own]) {
    const { object_kind: kind } = body as { object_kind?: string };
    const event = normaliseGitLab({}, body);
    if (ACTED_ON.has(kind ?? '') && event.kind === 'ignored') reasons[name] = event.reason;
  }
  expect(reasons).toEqual(ALLOWED);
});

/** The own payload under a name, changed by `edit`. */
function edited(
  name: string,
  edit: (body: Record<string, Record<string, unknown>>) => void,
): unknown {
  const body = structuredClone(own.get(`${name}.json`)) as Record<string, Record<string, unknown>>;
  edit(body);
  return body;
}

describe('particulars', () => {
  test.each([
    ['no user', (body: Record<string, unknown>) => delete body['user'], { id: 301, username: '' }],
    [
      'a user without id',
      (body: Record<string, unknown>) => (body['user'] = { username: 'sam' }),
      { id: 301, username: 'sam' },
    ],
  ])('a note with %s is its author’s', (_, edit, actor) => {
    expect(normaliseGitLab({}, edited('note-on-issue', edit))).toMatchObject({ actor });
  });

  test('a merge request without user is nobody’s', () => {
    const body = edited('merge-request-approved-ce', (body) => delete body['user']);
    expect(normaliseGitLab({}, body)).toMatchObject({
      action: 'approved',
      actor: { id: 0, username: '' },
    });
  });

  // Free says `approved` for any approval; Premium says `approval`, and `approved` when its rules are met.
  test.each([
    ['approved', 'approved'],
    ['approval', 'approved'],
    ['unapproved', 'unapproved'],
    ['unapproval', 'unapproved'],
  ])('%s means that somebody %s, whatever the edition', (said, action) => {
    const body = edited('merge-request-approved-ce', (body) =>
      Object.assign(body['object_attributes']!, { action: said }),
    );
    const plain = edited('merge-request-approved-ce', () => undefined);
    const head = normaliseGitLab({}, plain);
    expect(normaliseGitLab({}, body)).toEqual({ ...head, action });
    expect(head).toMatchObject({ kind: 'change', change: { headSha: expect.any(String) } });
  });

  withShared('recorded merge requests with that action are read as approvals, too', () => {
    const recorded = [...(shared ?? new Map<string, unknown>()).values()].filter(
      (body) => (body as { object_kind?: string }).object_kind === 'merge_request',
    ) as Record<string, Record<string, unknown>>[];
    expect(recorded.length).toBeGreaterThan(5);
    for (const body of recorded) {
      const event = normaliseGitLab({}, body);
      if (event.kind !== 'change') continue;
      for (const said of ['approved', 'approval']) {
        const attrs = { ...body['object_attributes'], action: said };
        const approved = normaliseGitLab({}, { ...body, object_attributes: attrs });
        expect(approved).toMatchObject({
          kind: 'change',
          action: 'approved',
          change: event.change,
        });
      }
    }
  });

  test('a note without action is of unknown action, one with a strange action is ignored', () => {
    const none = edited('note-on-issue', (body) => delete body['object_attributes']?.['action']);
    expect(normaliseGitLab({}, none)).toMatchObject({ kind: 'note', action: 'unknown' });
    const strange = edited(
      'note-on-issue',
      (body) => (body['object_attributes']!['action'] = 'constructor'),
    );
    expect(normaliseGitLab({}, strange)).toMatchObject({ kind: 'ignored', of: 'note.constructor' });
  });

  test('the header alone makes an old payload confidential', () => {
    const body = edited('note-on-issue', (body) => delete body['event_type']);
    const header = (name: string) => normaliseGitLab({ 'x-gitlab-event': name }, body);
    expect(header('Confidential Note Hook')).toMatchObject({ note: { confidential: true } });
    expect(header('Note Hook')).toMatchObject({ note: { confidential: false } });
  });

  test('labels of a reopened issue are no trigger, not even with changes', () => {
    const body = edited(
      'issue-label-added-and-renamed',
      (body) => (body['object_attributes']!['action'] = 'reopen'),
    );
    expect(normaliseGitLab({}, body)).toMatchObject({
      action: 'reopened',
      labelsAdded: [],
      labelsRemoved: [],
    });
  });

  test('oldrev counts only on an update, and only as a commit id', () => {
    const oldrev = (value: unknown, action = 'update') =>
      normaliseGitLab(
        {},
        edited('merge-request-pushed', (body) =>
          Object.assign(body['object_attributes']!, { oldrev: value, action }),
        ),
      );
    expect(oldrev('a'.repeat(40))).toMatchObject({ oldHeadSha: 'a'.repeat(40) });
    expect(oldrev('0'.repeat(40))).toMatchObject({ oldHeadSha: null });
    expect(oldrev('main')).toMatchObject({ oldHeadSha: null });
    expect(oldrev('a'.repeat(40), 'approved')).toMatchObject({ oldHeadSha: null });
  });

  test.each([
    ['text', 'hello'],
    ['a list', []],
    ['null', null],
    ['nothing', undefined],
    ['a number', 5],
  ])('a body that is %s is ignored', (_, body) => {
    expect(normaliseGitLab({ 'x-gitlab-event': 'Note Hook' }, body)).toEqual({
      kind: 'ignored',
      of: 'Note Hook',
      reason: 'the body is not a JSON object',
    });
  });

  test('texts come out storable: no NUL, no lone surrogate', () => {
    const body = edited(
      'note-on-issue',
      (body) => (body['object_attributes']!['note'] = 'a\0b\ud800c'),
    );
    expect(normaliseGitLab({}, body)).toMatchObject({ note: { body: 'ab\ufffdc' } });
  });
});

/** Any of the payloads with one value, somewhere, replaced by any JSON. */
const mutated = fc
  .tuple(
    fc.constantFrom(...own.values()),
    fc.infiniteStream(fc.nat()),
    fc.jsonValue({ maxDepth: 3 }),
  )
  .map(([payload, numbers, value]) => {
    const body = structuredClone(payload);
    let here = body as Record<string, unknown>;
    for (;;) {
      const keys = Object.keys(here);
      const key = keys[(numbers.next().value as number) % keys.length] ?? '__proto__';
      const next = here[key];
      const deeper = typeof next === 'object' && next !== null && Object.keys(next).length > 0;
      if (!deeper || (numbers.next().value as number) % 4 === 0) {
        Object.defineProperty(here, key, {
          value,
          enumerable: true,
          writable: true,
          configurable: true,
        });
        return body;
      }
      here = next as Record<string, unknown>;
    }
  });

/** An event holds nothing but plain data and survives a row in the database. */
function expectEvent(event: ForgeEvent): void {
  expect(JSON.parse(JSON.stringify(event))).toEqual(event);
  expect(JSON.stringify(event)).not.toContain(String.raw`\u0000`);
}

test('property: any JSON gives an event, never a throw', () => {
  const hostile = fc
    .jsonValue({ maxDepth: 4 })
    .map(
      (value) =>
        JSON.parse(
          `{"__proto__": {"object_kind": "note"}, "constructor": 1, "object_attributes": ${JSON.stringify(value)}}`,
        ) as unknown,
    );
  fc.assert(
    fc.property(fc.oneof(fc.jsonValue({ maxDepth: 5 }), hostile, mutated, mutated), (body) => {
      expectEvent(normaliseGitLab({ 'x-gitlab-event': 'Note Hook' }, body));
    }),
    { numRuns: 2000 },
  );
  expect(Object.keys(Object.prototype)).toEqual([]);
});

test('a payload’s __proto__ is never read', () => {
  const body = JSON.parse(
    '{"__proto__": {"object_kind": "push", "ref": "refs/heads/main", "project_id": 1}}',
  ) as unknown;
  expect(normaliseGitLab({}, body)).toMatchObject({ kind: 'ignored' });
});
