// The order of the test files: those that may take minutes first, so that no worker is left alone with one at
// the end. Jest itself goes by durations it has seen, and a fresh clone has seen none.
import { statSync } from 'node:fs';

/** Folders whose tests start no servers and take seconds. */
const QUICK = /\/test\/(unit|repo)\//;

const rank = ({ path }) => (QUICK.test(path) ? 1 : 0);
/** A long file is a hint at a long test; there is no better one. */
const sizeOf = ({ path }) => statSync(path).size;

const inOrder = (tests) =>
  tests.toSorted((one, other) => rank(one) - rank(other) || sizeOf(other) - sizeOf(one));

/** What Jest asks of a sequencer; this one keeps nothing between two runs. */
export default class QuickOnesLast {
  sort(tests) {
    return inOrder(tests);
  }

  shard(tests, { shardIndex, shardCount }) {
    return inOrder(tests).filter((_, index) => index % shardCount === shardIndex - 1);
  }

  allFailedTests() {
    throw new Error('No results of earlier runs are kept: name the files instead.');
  }

  cacheResults() {}
}
