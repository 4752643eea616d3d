import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { JsonScan, type NumberPlaces } from '../../bot/forge/json-scan.ts';
import { at } from '../../bot/forge/payload.ts';

const PLACES: NumberPlaces = new Map([
  ['project', 'id'],
  ['project_id', null],
  ['object_attributes', 'project_id'],
]);
const WIDE = { depth: 64, items: 10_000 };

/** What a scan in steps of so many bytes finds. */
function scan(text: string, step = Infinity, bounds = WIDE): JsonScan {
  const raw = Buffer.from(text);
  const found = new JsonScan(raw, bounds, PLACES);
  for (let to = 0; to < raw.length; to += step) found.run(Math.min(raw.length, to + step));
  return found;
}
const numbers = (text: string, step?: number): number[] => [...scan(text, step).numbers];

/** The same numbers by JSON.parse. */
const parsed = (value: unknown): number[] =>
  [
    at(value, 'project', 'id'),
    at(value, 'project_id'),
    at(value, 'object_attributes', 'project_id'),
  ].filter((found) => typeof found === 'number');

describe('numbers in their places', () => {
  test.each<[string, number[]]>([
    ['{"project":{"id":7},"project_id":7}', [7]],
    ['{"project_id" :\n\t 7 }', [7]],
    ['{"project":{"name":{"id":8},"id":7},"object_attributes":{"id":1,"project_id":9}}', [7, 9]],
    ['{"project_id":7,"project_id":8}', [7, 8]],
    ['{"project":{"id":7},"project":null}', [7]],
    [String.raw`{"\u0070roject_id":7,"p\u0072oject":{"\u0069d":8}}`, [7, 8]],
    ['{"project_id":7e0}', [7]],
    ['{"project_id":-7.50E-1}', [-0.75]],
    [`{"project_id":7.${'0'.repeat(40)}}`, [Number.NaN]],
    ['{"project_id":"7"}', []],
    ['{"project_id":[7],"project":[{"id":8}],"object_attributes":["project_id",9]}', []],
    ['{"a":{"project_id":7,"id":8},"project":{"a":{"id":9}}}', []],
    ['{"project id":7,"id":8,"project_id":null,"x":9}', []],
    ['[{"project_id":7}]', []],
    ['["project_id",7]', []],
    [String.raw`{"a":"\",\"project_id\":7","b":"\\","project_id":8}`, [8]],
    ['{"project_id":7', [7]],
    ['{"project_id', []],
    ['7', []],
  ])('%s has %p', (text, expected) => {
    expect(numbers(text)).toEqual(expected);
    for (const step of [1, 2, 7, 30]) expect(numbers(text, step)).toEqual(expected);
  });

  test('property: at least those of JSON.parse, and those alone where no key is there twice', () => {
    const key = fc.constantFrom('project', 'project_id', 'object_attributes', 'id', 'a"\\b', 'é');
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof({ maxDepth: 4 }, fc.jsonValue({ maxDepth: 1 }), fc.integer(), tie('object')),
      object: fc.dictionary(key, tie('value')),
    }));
    const escaped = (text: string): string =>
      text.replaceAll('project', String.raw`\u0070r\u006fject`).replaceAll('"id"', '"\\u0069d"');
    fc.assert(
      fc.property(
        value,
        value,
        fc.boolean(),
        fc.integer({ min: 1, max: 40 }),
        (one, two, odd, step) => {
          const plain = JSON.stringify(one, null, odd ? 1 : 0);
          const text = odd ? escaped(plain) : plain;
          expect(JSON.parse(text)).toEqual(JSON.parse(plain));
          const said = new Set(parsed(JSON.parse(text)));
          expect(scan(text, step).numbers).toEqual(said);
          const twice = `{"project_id":${JSON.stringify(two)},"project":${plain},"project":${JSON.stringify(two)},"project_id":${plain}}`;
          const found = scan(twice, step).numbers;
          expect(parsed(JSON.parse(twice)).every((number) => found.has(number))).toBe(true);
        },
      ),
    );
  });

  test('property: in pieces as at once, whatever the text', () => {
    const part = fc.constantFrom(
      ...[
        '{',
        '}',
        '[',
        ']',
        ',',
        ':',
        '"',
        '\\',
        '\\"',
        ' ',
        '7',
        '-',
        '"project_id"',
        '"project"',
      ],
      ...['"id"', 'x'.repeat(23), 'x'.repeat(24), '\\\\'],
    );
    fc.assert(
      fc.property(
        fc.array(part, { maxLength: 60 }),
        fc.integer({ min: 1, max: 50 }),
        (parts, step) => {
          const text = parts.join('');
          const bounds = { depth: 5, items: 12 };
          const [whole, pieces] = [scan(text, Infinity, bounds), scan(text, step, bounds)];
          expect([pieces.broken, pieces.numbers]).toEqual([whole.broken, whole.numbers]);
        },
      ),
    );
  });
});

test('a text of many escaped quotes is read on where the piece before ended', () => {
  const raw = Buffer.from(`{"a":"${'\\"'.repeat(100_000)}","project_id":7}`);
  const found = new JsonScan(raw, WIDE, PLACES);
  found.run(1_000);
  expect(found.numbers.size).toBe(0);
  found.run(raw.length);
  expect([...found.numbers]).toEqual([7]);
});
