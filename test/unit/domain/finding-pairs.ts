/**
 * Pairs of remarks as reviewers really word them on two looks, with what a person would say of each:
 * the same finding or another one. `[path:line, category, title]`.
 */
export type Remark = readonly [at: string, category: string, title: string];

export const SAME: readonly (readonly [Remark, Remark])[] = [
  [
    ['a.js:10', 'bug', 'Off-by-one in the loop'],
    ['a.js:10', 'bug', 'Off-by-one in the loop'],
  ],
  [
    ['a.js:10', 'bug', 'Loop skips the last item'],
    ['a.js:10', 'bug', 'The last item is never seen'],
  ],
  [
    ['a.js:10', 'bug', 'Null is not checked'],
    ['a.js:10', 'correctness', 'Missing null check'],
  ],
  [
    ['a.js:10', 'security', 'SQL injection via name'],
    ['a.js:12', 'security', 'Possible SQL injection through `name`'],
  ],
  [
    ['a.js:10', 'security', 'SQL injection in query'],
    ['a.js:10', 'vulnerability', 'Query is open to injection'],
  ],
  [
    ['a.js:10', 'bug', '--top is ignored'],
    ['a.js:13', 'bug', 'The --top option is ignored'],
  ],
  [
    ['a.js:10', 'bug', 'Crash on empty input'],
    ['a.js:11', 'bug', 'Throws when the input is empty'],
  ],
  [
    ['a.js:10', 'test', 'No test for the empty file'],
    ['a.js:10', 'testing', 'Empty file is untested'],
  ],
  [
    ['a.js:10', 'performance', 'Quadratic loop over words'],
    ['a.js:14', 'perf', 'Loop over words is quadratic'],
  ],
  [
    ['a.js:10', 'style', 'Misleading name `tmp`'],
    ['a.js:10', 'naming', 'Rename tmp'],
  ],
  [
    ['a.js:10', 'bug', 'Promise is not awaited'],
    ['a.js:10', 'bug', 'Missing await'],
  ],
  [
    ['a.js:10', 'security', 'Path traversal in download'],
    ['a.js:15', 'security', 'download allows path traversal'],
  ],
  [
    ['a.js:10', 'bug', 'Unhandled rejection of fetch'],
    ['a.js:12', 'bug', 'fetch rejection is unhandled'],
  ],
  [
    ['a.js:10', 'bug', 'Error is swallowed'],
    ['a.js:10', 'security', 'Swallowed error'],
  ],
  [
    ['a.js:10', 'docs', 'README does not name --json'],
    ['a.js:10', 'documentation', '--json is missing in README'],
  ],
  [
    ['a.js:10', 'bug', 'parseArgs drops negative numbers'],
    ['a.js:8', 'bug', 'Negative numbers dropped by parseArgs'],
  ],
  [
    ['a.js:10', 'security', 'Secret is written to the log'],
    ['a.js:11', 'security', 'Log contains the secret'],
  ],
  [
    ['a.js:10', 'bug', 'Wrong exit code'],
    ['a.js:10', 'bug', 'Exit status 0 on failure'],
  ],
];

export const DIFFERENT: readonly (readonly [Remark, Remark])[] = [
  [
    ['a.js:10', 'bug', 'Off-by-one in the loop'],
    ['b.js:10', 'bug', 'Off-by-one in the loop'],
  ],
  [
    ['a.js:10', 'bug', 'Missing null check'],
    ['a.js:90', 'bug', 'Missing null check of user'],
  ],
  [
    ['a.js:10', 'bug', 'Off-by-one in the loop'],
    ['a.js:13', 'bug', 'File handle is leaked'],
  ],
  [
    ['a.js:10', 'security', 'SQL injection via name'],
    ['a.js:14', 'security', 'Password is logged'],
  ],
  [
    ['a.js:10', 'performance', 'Quadratic loop over words'],
    ['a.js:10', 'security', 'Prototype pollution'],
  ],
  [
    ['a.js:10', 'style', 'Misleading name'],
    ['a.js:10', 'bug', 'Division by zero'],
  ],
  [
    ['a.js:10', 'test', 'No test for the empty file'],
    ['a.js:14', 'test', 'No test for Windows line ends'],
  ],
  [
    ['a.js:10', 'bug', 'Crash on empty input'],
    ['a.js:17', 'bug', 'Crash on huge numbers in --top'],
  ],
  [
    ['a.js:10', 'docs', 'Outdated comment'],
    ['a.js:10', 'performance', 'Reads the file twice'],
  ],
  [
    ['a.js:10', 'bug', 'Timeout is never cleared'],
    ['a.js:16', 'bug', 'Callback runs twice'],
  ],
  [
    ['a.js:10', 'bug', 'Error is swallowed'],
    ['a.js:30', 'security', 'Error is swallowed'],
  ],
  [
    ['a.js:10', 'security', 'Token in the URL'],
    ['a.js:15', 'bug', 'URL is built without encoding'],
  ],
  [
    ['a.js:10', 'bug', 'Wrong exit code'],
    ['a.js:15', 'style', 'Wrong indentation'],
  ],
  [
    ['a.js:10', 'bug', 'Date is parsed in local time'],
    ['a.js:12', 'bug', 'Wrong unit of the timeout'],
  ],
];
