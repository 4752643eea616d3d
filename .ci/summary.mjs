// Prints what a test run came to, from jest's JSON report, and exits 1 unless all is well.
//
//   node .ci/summary.mjs <report.json> <steps that failed outside the tests> [<outcome of the proof.json>]
//
// What failed is told once more, shortly, so that the end of a long log is enough. The last line is `N passed, N failed, N skipped`. A test file that could not run counts as one
// failure, and so does a skipped test that needs a service, because CI has the services.
import { readFileSync } from 'node:fs';
import { stripVTControlCharacters } from 'node:util';

const SERVICE = /\b(postgres(ql)?|redis)\b/i;

/** Lines of a failure that are told. */
const TOLD_LINES = 12;
const TOLD_CHARS = 300;

function readReport(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return null;
  }
}

/** Prints what failed and the beginning of why. */
function tell(what, reasons) {
  const lines = stripVTControlCharacters(reasons.join('\n')).split('\n');
  const some = lines.filter((line) => line.trim() !== '').slice(0, TOLD_LINES);
  console.log(
    [`failed: ${what}`, ...some.map((line) => `  ${line.slice(0, TOLD_CHARS)}`)].join('\n'),
  );
}

const [path, failedSteps = '0', proofPath] = process.argv.slice(2);
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

const root = process.cwd();
for (const { name, message, assertionResults } of report.testResults) {
  const file = name.replace(`${root}/`, '');
  const bad = assertionResults.filter(({ status }) => status === 'failed');
  for (const { fullName, failureMessages } of bad) tell(`${file}: ${fullName}`, failureMessages);
  if (bad.length === 0 && message !== '') tell(file, [message]);
}
for (const { id, backend = '', broken } of readReport(proofPath)?.promises ?? []) {
  if (broken !== undefined) tell(`proof: ${id} ${backend}`, broken);
}

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
