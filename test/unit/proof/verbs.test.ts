/** Writes of the bot are counted by what they ask for, reads not at all. */
import { expect, test } from '@jest/globals';
import type { Call } from '../../../proof/faults/history.ts';
import { countDrops } from '../../../proof/faults/verbs.ts';

const call = (method: string, route: string | null, replyDropped = false): Call => {
  return { method, route, path: '/projects/7/x', status: 201, replyDropped };
};

test('calls and dropped replies by verb', () => {
  const calls = [
    call('GET', '/projects/{id}', true),
    call('POST', '/projects/{id}/issues', true),
    call('POST', '/projects/{id}/issues'),
    call('PUT', null),
  ];
  expect(Object.fromEntries(countDrops(calls))).toEqual({
    'POST /projects/{id}/issues': { calls: 2, drops: 1 },
    'PUT /projects/7/x': { calls: 1, drops: 0 },
  });
});
