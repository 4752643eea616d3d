// Prints what a test run came to, from jest's JSON report, and exits 1 unless all is well.
//
//   node .ci/summary.mjs <report.json> <steps that failed outside the tests>
//
// The last line is `N passed, N failed, N skipped`. A test file that could not run counts as one
// failure, and so does a skipped test that needs a service, because CI has the services.
import { readFileSync } from 'node:fs';

const SERVICE = /\b(postgres(ql)?|redis)\b/i;

function readReport(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return null;
  }
}

const [path, failedSteps = '0'] = process.argv.slice(2);
const report = readReport(path);
if (report === null) {
  console.log('Tests:       no report was written\n0 passed, 1 failed, 0 skipped');
  process.exit(1);
}

const tests = report.testResults.flatMap((file) => file.assertionResults);
const missed = tests.filter(
  ({ status, fullName }) => status === 'pending' && SERVICE.test(fullName),
);
for (const { fullName } of missed) console.log(`skipped although CI has its service: ${fullName}`);

const { numPassedTests: passed, numPendingTests: pending, numTodoTests: todo } = report;
const skipped = pending + todo;
const suites = `${report.numFailedTestSuites} failed, ${report.numPassedTestSuites} passed`;
console.log(`Test Suites: ${suites}, ${report.numTotalTestSuites} total`);
console.log(
  `Tests:       ${report.numFailedTests} failed, ${skipped} skipped, ${passed} passed, ${report.numTotalTests} total`,
);
const failed = report.numFailedTests + report.numRuntimeErrorTestSuites;
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
const good = failed === 0 && report.numFailedTestSuites === 0 && missed.length === 0 && passed > 0;
process.exitCode = good && failedSteps === '0' ? 0 : 1;
