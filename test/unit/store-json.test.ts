/** jsonb refuses a few characters that JSON knows; they are replaced, everything else stays as it is. */
import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { jsonb } from '../../bot/store/json.ts';

const mended = (text: string): string => text.replaceAll('\0', '\uFFFD').toWellFormed();

test('any text comes back, with U+FFFD for NUL and for halves of pairs', () => {
  const unit = fc.oneof(
    fc.constantFrom('\0', '\\', '\\u0000', '\ud83d', '\ude00', '😀', '"', 'u0000', '\n'),
    fc.string({ unit: 'binary', maxLength: 3 }),
  );
  const text = fc.array(unit).map((parts) => parts.join(''));
  fc.assert(
    fc.property(text, text, (key, value) => {
      const told = jsonb({ [key]: [value] });
      expect(told).not.toMatch(/(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/);
      expect(JSON.parse(told)).toEqual({ [mended(key)]: [mended(value)] });
    }),
    { numRuns: 2_000 },
  );
});

test('plain values are told as JSON.stringify tells them', () => {
  for (const value of [null, 1, true, [], {}, { a: ['\t\\ \u001f é 😀', null] }]) {
    expect(jsonb(value)).toBe(JSON.stringify(value));
  }
});
