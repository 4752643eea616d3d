import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { at, brokenBound, id, parseJsonBody, sha } from '../../bot/forge/payload.ts';

const bytes = (text: string): Buffer => Buffer.from(text);

describe('brokenBound', () => {
  test.each([
    ['{}', 1, true],
    ['{}', 0, false],
    ['[[[]]]', 3, true],
    ['[[[]]]', 2, false],
    ['[[],[],[]]', 2, true],
    ['"[[[["', 0, true],
    [String.raw`{"a\"[[[[": "\\"}`, 1, true],
    [String.raw`["\\", [[]]]`, 2, false],
    ['', 0, true],
  ])('%s within %d levels: %s', (text, depth, expected) => {
    const broken = brokenBound(bytes(text), { depth, items: 100 });
    expect(broken).toBe(expected ? null : 'depth');
  });

  test.each([0, 1, 2, 3, 22, 23, 24, 25, 26, 60])(
    'brackets in a text after %d letters, quotes and backslashes are none',
    (letters) => {
      for (const inside of ['[[', '"[[', '\\[[', '\\"[[', '\\\\"[[\\']) {
        const text = JSON.stringify('x'.repeat(letters) + inside);
        const deep = { depth: 2, items: 100 };
        expect([text, brokenBound(bytes(`[${text},[]]`), deep)]).toEqual([text, null]);
        expect([text, brokenBound(bytes(`[${text},[[]]]`), deep)]).toEqual([text, 'depth']);
        expect(brokenBound(bytes(text.slice(0, -1)), deep)).toBeNull();
      }
    },
  );

  test.each([
    ['[]', 1, true],
    ['[]', 0, false],
    ['[1,2,3]', 3, true],
    ['[1,2,3]', 2, false],
    ['{"a":{"b":[]}}', 3, true],
    ['{"a":{"b":[]}}', 2, false],
    ['",,,[[["', 0, true],
  ])('%s within %d items: %s', (text, items, expected) => {
    expect(brokenBound(bytes(text), { depth: 100, items })).toBe(expected ? null : 'items');
  });

  test('property: agrees with the depth of the parsed value', () => {
    const depth = (value: unknown): number =>
      typeof value === 'object' && value !== null
        ? 1 + Math.max(0, ...Object.values(value).map(depth))
        : 0;
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 8 }), fc.nat(8), (value, max) => {
        const bounds = { depth: max, items: Infinity };
        const broken = brokenBound(bytes(JSON.stringify(value)), bounds);
        expect(broken).toBe(depth(value) <= max ? null : 'depth');
      }),
    );
  });
});

test.each([
  ['JSON', bytes('{"a":1}'), { ok: true, value: { a: 1 } }],
  ['64 levels', bytes('['.repeat(64) + ']'.repeat(64)), { ok: true }],
  ['65 levels', bytes('['.repeat(65) + ']'.repeat(65)), { ok: false }],
  ['200,000 values', bytes(`[${'0,'.repeat(199_998)}0]`), { ok: true }],
  ['a million values', bytes(`[${'0,'.repeat(1_000_000)}0]`), { ok: false }],
  ['10 million brackets', Buffer.alloc(10_000_000, '['), { ok: false }],
  [
    'no UTF-8',
    Buffer.from([0x22, 0xc3, 0x28, 0x22]),
    { ok: false, reason: 'the body is not valid UTF-8' },
  ],
  ['no JSON', bytes('{'), { ok: false, reason: 'the body is not valid JSON' }],
  ['nothing', bytes(''), { ok: false }],
])('parseJsonBody: %s', (_, raw, expected) => {
  expect(parseJsonBody(raw)).toMatchObject(expected);
});

test('at follows own properties of objects only', () => {
  const body = JSON.parse('{"a":{"b":[1],"__proto__":{"x":2}}}') as unknown;
  expect(at(body, 'a', 'b')).toEqual([1]);
  for (const path of [
    ['a', 'b', '0'],
    ['a', 'b', 'length'],
    ['a', 'constructor'],
    ['toString'],
    ['a', 'x'],
    ['c', 'd'],
  ]) {
    expect(at(body, ...path)).toBeUndefined();
  }
});

test.each([
  [1, 1],
  [0, null],
  [-1, null],
  [1.5, null],
  ['1', null],
  [2 ** 53, null],
  [null, null],
])('id of %p is %p', (value, expected) => {
  expect(id(value)).toBe(expected);
});

test.each([
  ['a'.repeat(40), 'a'.repeat(40)],
  ['b'.repeat(64), 'b'.repeat(64)],
  ['0'.repeat(40), null],
  ['A'.repeat(40), null],
  ['abc', null],
  [7, null],
])('sha of %p is %p', (value, expected) => {
  expect(sha(value)).toBe(expected);
});
