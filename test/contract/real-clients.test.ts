/**
 * The sandbox under clients of GitLab that others made: python-gitlab, GitLab's own Go library, and its command
 * glab. Each does the whole round of two people; what it is told has to be what
 * the sandbox holds, and what it cannot read is a fault of the sandbox.
 */
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { declareMissing } from '../support/missing.ts';
import { openApiFile } from '../support/open-api-file.ts';
import { requestFaults } from '../support/open-api.ts';
import { realClient, ROUND_PROJECT, startRound, type Round } from '../support/real-clients.ts';

jest.setTimeout(90_000);

const SUITE = 'rounds of real clients';
const openApi = openApiFile();
let round: Round | null = null;
afterEach(async () => {
  await round?.close();
  round = null;
});

/** What the libraries are told. */
const SEEN = {
  version: '18.9.0',
  user: 'sam',
  projects: [ROUND_PROJECT],
  // Paging: three pages of 20, and the totals of the headers.
  paged: { all: 45, total: 45, pages: 2 },
  labels: ['area::07', 'area::08'],
  notes: ['I take it now.'],
  events: ['area::07', 'area::08'],
  found: [1],
  content: 'one\ntwo\n',
  pipeline: ['success', true, 'success'],
  job: ['words', 'success', 'test'],
  log: expect.stringMatching(/\$ echo counting\ncounting\n(.*\n)*one\ntwo\nJob succeeded\n$/),
  statuses: [['words', 'success']],
  stale: 409,
  approved: [true, ['dana']],
  late: 409,
  changed: ['README.md', 'words.txt'],
  commits: ['Count words'],
  resolved: [true, true],
  merged: ['merged', 'dana'],
  issue: 'closed',
  branches: ['main'],
  absent: 404,
  stranger: 401,
};

/** What the command prints is for people: some of it says how the round went. */
const PRINTED = {
  user: 'sam',
  url: `/${ROUND_PROJECT}/-/issues/1`,
  labels: ['area::07', 'area::08'],
  comments: 1,
  found: [1],
  pipeline: ['success', true],
  log: '$ echo counting\ncounting\n$ cat words.txt || true\none\ntwo\nJob succeeded\n',
  diff: '@@ -0,0 +1,2 @@\n+one\n+two\n',
  stale: 409,
  approved: true,
  late: 409,
  merged: true,
  absent: 404,
};

/** Where glab looks for limits of requests: in the headers of the front page, which the sandbox has not. */
const FRONT_PAGE = '/';

describe.each([
  ['python-gitlab', SEEN, 'I take it now.'],
  ['client-go', SEEN, 'I take it now.'],
  ['glab', PRINTED, 'I take it.'],
] as const)('%s', (kind, seen, said) => {
  const client = realClient(kind);
  if (client === null) return void declareMissing(kind, SUITE);

  test.each(['ce', 'ee'] as const)('does a whole round on GitLab %s', async (edition) => {
    round = await startRound(edition);
    const { gitlab } = round;
    expect(await round.run(client)).toEqual(seen);

    const asked = gitlab.calls.all.filter(({ path }) => path !== FRONT_PAGE);
    // What clients of others send is taken by GitLab: this also holds the check itself to the real world.
    if (openApi !== null) expect(requestFaults(asked, openApi)).toEqual([]);
    const unknown = gitlab.calls.unknown().filter(({ path }) => path !== FRONT_PAGE);
    expect(unknown).toEqual([]);
    const mr = gitlab.api.mergeRequest(ROUND_PROJECT, 1);
    expect([mr.state, mr.title, mr.approvals.length]).toEqual(['merged', 'Count words', 1]);
    const issue = gitlab.api.issue(ROUND_PROJECT, 1);
    expect([issue.state, gitlab.api.notes(issue).map(({ body }) => body)]).toEqual([
      'closed',
      [said],
    ]);
  });
});
