import { expect, test } from '@jest/globals';
import { repeatGuard } from '../../../jobs/engines/builtin/repeat-guard.ts';

/** Each letter is a call; an upper-case result marks where the guard speaks. */
test.each([
  ['aaa', 'aaA'],
  ['aabaa', 'aabaa'],
  ['aaaa', 'aaAA'],
  ['ababab', 'ababaB'],
  ['abababa', 'ababaBA'],
  ['abcabcabc', 'abcabcabc'],
  ['abab', 'abab'],
])('%s → %s', (calls, expected) => {
  const guard = repeatGuard();
  const seen = [...calls].map((call) => (guard.circles(call, '{}') ? call.toUpperCase() : call));
  expect(seen.join('')).toBe(expected);
});

test('arguments count by value: order of keys and nulls do not matter, order of items does', () => {
  const guard = repeatGuard();
  expect(guard.circles('t', '{"a":1,"b":{"c":2}}')).toBe(false);
  expect(guard.circles('t', '{"b":{"c":2,"d":null},"a":1}')).toBe(false);
  expect(guard.circles('t', ' {"a": 1, "b": {"c": 2}, "e": null}')).toBe(true);
  const lists = repeatGuard();
  expect(['[1,2]', '[2,1]', '[1,2]'].map((args) => lists.circles('t', args))).toEqual([
    false,
    false,
    false,
  ]);
});
