/**
 * Six things that can be under way at once while a run verifies, in every order, each once or twice:
 * the end is the same. What an order leaves undone, the sweeper's wake-ups do.
 */
import { expect, test } from '@jest/globals';
import {
  atOrders,
  endOf,
  ENDS,
  permutations,
  playOrder,
  WAYS,
  type Way,
} from '../../support/orders.ts';

const ORDERS = permutations([0, 1, 2, 3, 4, 5]);

test('there are 720 orders', () => {
  expect(new Set(ORDERS.map((order) => order.join(''))).size).toBe(720);
});

for (const { name, found, stage, verdict } of ENDS) {
  test.each(WAYS)(`${name}: 720 orders, $name, end alike`, (way) => {
    const base = atOrders(found);
    const wanted = endOf(playOrder(base, [0, 1, 2, 3, 4, 5], WAYS[0] as Way));
    expect(wanted).toMatchObject({ run: { stage, verdict }, faults: [] });
    const expected = JSON.stringify(wanted);
    const other = ORDERS.find(
      (order) => JSON.stringify(endOf(playOrder(base, order, way))) !== expected,
    );
    if (other)
      expect({ order: other, ...(endOf(playOrder(base, other, way)) as object) }).toEqual(wanted);
  });
}
