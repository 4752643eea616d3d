// Ends a test run with what it ran on and what it left out: a suite that passed because half of it was
// skipped must not look like one that passed.

const BACKENDS = { PGlite: /\bpglite\b/i, PostgreSQL: /\bpostgres(ql)?\b/i, Redis: /\bredis\b/i };
/** Names of skipped tests that are printed before the rest is only counted. */
const SKIPPED_SHOWN = 12;

/** How many tests ran and were skipped, by the backend their full name mentions. */
function countBackends(tests) {
  return Object.entries(BACKENDS).map(([backend, pattern]) => {
    const named = tests.filter((test) => pattern.test(test.fullName));
    const skipped = named.filter((test) => test.status === 'pending').length;
    return { backend, ran: named.length - skipped, skipped };
  });
}

/** Jest insists on a default export for reporters. */
export default class BackendReporter {
  onRunComplete(_contexts, results) {
    const tests = results.testResults.flatMap((file) => file.testResults);
    const lines = [];
    const counts = countBackends(tests).filter(({ ran, skipped }) => ran + skipped > 0);
    if (counts.length > 0) {
      const parts = counts.map(
        ({ backend, ran, skipped }) =>
          `${backend} ${ran} tests${skipped > 0 ? ` (${skipped} skipped)` : ''}`,
      );
      lines.push(`Backends: ${parts.join(', ')}`);
    }
    const skipped = tests.filter((test) => test.status === 'pending');
    for (const test of skipped.slice(0, SKIPPED_SHOWN)) lines.push(`Skipped: ${test.fullName}`);
    if (skipped.length > SKIPPED_SHOWN) lines.push(`… ${skipped.length - SKIPPED_SHOWN} more`);
    if (lines.length > 0) process.stderr.write(`\n${lines.join('\n')}\n`);
  }
}
