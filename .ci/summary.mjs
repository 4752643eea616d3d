// Prints what a test run came to, from jest's JSON report, and exits 1 unless all is well.
//
//   node .ci/summary.mjs <report.json> <steps that failed outside the tests> [<proof.json> [<again.json>]]
//   node .ci/summary.mjs --failed-files <report.json>
//
// `proof.json` is the outcome of the proof. `again.json` is jest's report on files that failed and were run once
// more by themselves; what it says of them counts, and what passed only then is named. What failed is told once
// more, shortly, so that the end of a long log is enough. The last line is `N passed, N failed, N skipped`. A
// test file that could not run counts as one failure, and so does a skipped test that needs a service, because
// CI has the services. With --failed-files it prints the files in which something failed, a line each.
import { readFileSync } from 'node:fs';
import { stripVTControlCharacters } from 'node:util';

const SERVICE = /\b(postgres(ql)?|redis)\b/i;

/** Lines of a failure that are told. */
const TOLD_LINES = 12;
const TOLD_CHARS = 300;
/** Lines of a stack that lie in nobody's test. */
const FOREIGN = /^\s+at .*(node_modules|node:internal)/;

function readReport(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return null;
  }
}

/** Prints what happened to what, and the beginning of why. */
function tell(how, what, reasons) {
  const lines = stripVTControlCharacters(reasons.join('\n')).split('\n');
  const some = lines
    .filter((line) => line.trim() !== '' && !FOREIGN.test(line))
    .slice(0, TOLD_LINES);
  console.log(
    [`${how}: ${what}`, ...some.map((line) => `  ${line.slice(0, TOLD_CHARS)}`)].join('\n'),
  );
}

const withStatus = ({ assertionResults }, ...wanted) =>
  assertionResults.filter(({ status }) => wanted.includes(status));

/** Tells the failures of one file; one that could not run failed as a whole. */
function tellFile(how, file) {
  const name = file.name.replace(`${process.cwd()}/`, '');
  const bad = withStatus(file, 'failed');
  for (const { fullName, failureMessages } of bad) {
    tell(how, `${name}: ${fullName}`, failureMessages);
  }
  if (bad.length === 0) tell(how, name, [file.message]);
}

function summarize([path, failedSteps = '0', proofPath, againPath]) {
  const first = readReport(path)?.testResults;
  if (first === undefined) {
    console.log('Tests:       no report was written\n0 passed, 1 failed, 0 skipped');
    return false;
  }
  const again = new Map(
    (readReport(againPath)?.testResults ?? []).map((file) => [file.name, file]),
  );
  const files = first.map((file) => again.get(file.name) ?? file);
  const missed = files
    .flatMap((file) => withStatus(file, 'pending'))
    .filter(({ fullName }) => SERVICE.test(fullName));
  for (const { fullName } of missed)
    console.log(`skipped although CI has its service: ${fullName}`);

  const failedFiles = files.filter(({ status }) => status === 'failed');
  for (const file of first) {
    if (again.get(file.name)?.status === 'passed') tellFile('passed only when run alone', file);
  }
  for (const file of failedFiles) tellFile('failed', file);
  for (const { id, backend = '', broken } of readReport(proofPath)?.promises ?? []) {
    if (broken !== undefined) tell('failed', `proof: ${id} ${backend}`, broken);
  }

  const count = (...wanted) => files.flatMap((file) => withStatus(file, ...wanted)).length;
  const passed = count('passed');
  const skipped = count('pending', 'todo');
  const failedTests = count('failed');
  const notRun = failedFiles.filter((file) => withStatus(file, 'failed').length === 0).length;
  const failed = failedTests + notRun;
  console.log(
    `Test Suites: ${failedFiles.length} failed, ${files.length - failedFiles.length} passed, ${files.length} total`,
  );
  console.log(
    `Tests:       ${failedTests} failed, ${skipped} skipped, ${passed} passed, ${failedTests + skipped + passed} total`,
  );
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
  return failed === 0 && missed.length === 0 && passed > 0 && failedSteps === '0';
}

const args = process.argv.slice(2);
if (args[0] === '--failed-files') {
  for (const { name, status } of readReport(args[1])?.testResults ?? []) {
    if (status === 'failed') console.log(name);
  }
} else if (!summarize(args)) process.exitCode = 1;
