/** From a wish to the merged change: specification, approval, three agents, a fix, the merge. */
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { SAMPLE_ISSUES } from '../../sandbox/sample-project.ts';
import type { MergeRequest } from '../../sandbox/gitlab/state/types.ts';
import type { Story } from '../support/one-story.ts';
import { startStage, type Stage } from '../support/story.ts';
import { atGate, decide, headOf, mergeCalls, mergesOf } from '../support/team.ts';

jest.setTimeout(300_000);

/** Writes to the forge for one feature with one round of fixes; three of them edit the status comment. */
const MAX_WRITES = 25;
/** The shipped pause between edits of the status comment that nobody waits for. */
const STATUS_SECONDS = 45;

let stage: Stage;
beforeAll(async () => {
  stage = await startStage({
    settings: (settings) => {
      settings.limits.statusSeconds = STATUS_SECONDS;
    },
  });
});
afterAll(async () => stage.close());

test('/autodev plan leads over two approvals to a merged change', async () => {
  const { title, description } = SAMPLE_ISSUES.feature;
  const { project } = stage.world;
  await stage.tell(title, { description, project }, async (story) => {
    const since = performance.now();
    const asked = await story.comment('sam', '/autodev plan');
    await story.waitFor('the specification', () => story.specs().length > 0);
    const spec = story.specs()[0] as MergeRequest;
    expectSpec(story);
    await decide(story, 'dana', 'approve', spec);
    const code = await atGate(story, 'merge');
    expectCode(story);
    await expectOneFixedThread(story);
    expect([spec.state, mergesOf(spec)]).toEqual(['merged', 1]);
    const approved = headOf(code);
    await decide(story, 'dana', 'approve', code);
    const status = await story.ends('done');
    await story.expectReactions(asked, ['eyes', 'white_check_mark']);
    expect([code.state, mergesOf(code), headOf(code)]).toEqual(['merged', 1, approved]);
    expect(new Set(mergeCalls(story, code).map(({ sha }) => sha))).toEqual(new Set([approved]));
    await story.waitFor('the issue to be closed', () => story.issue.state === 'closed');
    expect(status).toMatch(new RegExp(`\\*\\*done\\*\\*: !${code.iid} was merged`));
    expect(status).toMatch(/^\| triage \| done \| PM \| feature, small, priority 6 \|$/m);
    expect(status).toMatch(/\| spec-gate \| approved (.*\n){4}\| merge \| approved /);
    expect(status).toMatch(/^\| docs \| done \|.*, 1 file, /m);
    await stage.settled();
    expect(await fileOnMain(story, `docs/specs/`)).toContain('# JSON output of wordfreq');
    expect(await fileOnMain(story, 'src/cli.js')).toContain('JSON.stringify(counts, null, 2)');
    expect(await fileOnMain(story, 'README.md')).toContain('$ node src/cli.js --json words.txt');
    const pauses = Math.floor((performance.now() - since) / 1000 / STATUS_SECONDS);
    expectFewWrites(MAX_WRITES + pauses);
    expect(stage.world.gitlab.problems).toEqual([]);
  });
});

function expectSpec(story: Story): void {
  const [spec, ...more] = story.specs();
  expect(more).toEqual([]);
  const { iid } = story.issue;
  expect(spec?.title).toBe(`[AutoDev] Spec: ${story.issue.title} (#${iid})`);
  expect(spec?.description).toContain(
    `Approving this merge request starts the implementation of #${iid}; the bot merges it then.`,
  );
  expect(spec?.description).toContain('Closing it stops the work; `/autodev reject <reason>`');
  expect(spec?.description).toContain('Confidence of the architect: 9/10.');
  expect(spec?.description).toContain('1. `--json` keeps the order of the table');
  // Merging the specification must not close the issue.
  expect(spec?.description).not.toMatch(/\b(closes|fixes|resolves|implements) #/i);
}

function expectCode(story: Story): void {
  const [code, ...more] = story.changes();
  expect(more).toEqual([]);
  expect(code?.description).toMatch(new RegExp(`^Closes #${story.issue.iid}$`, 'm'));
  expect(code?.description).toContain(`Specification: !${story.specs()[0]?.iid}`);
  const table = code?.description?.split('\n').filter((line) => line.startsWith('|'));
  expect(table).toEqual([
    '| vote | score | weight | by |',
    '|---|---|---|---|',
    '| architect | 90 | 1 | spec confidence 9/10 |',
    '| builder | 88 | 1 | self |',
    '| reviewer | 90 | 1 | 0 of 1 findings open |',
    '| tester | 95 | 1 | 8 passed, coverage 100 % (±0) |',
    '| security | 70 | 1 | base 70 |',
    '| **consensus** | **86.6** | | approve (≥ 80) |',
  ]);
  const labels = story.project.labels.filter(({ id }) => code?.labelIds.includes(id));
  expect(labels.map(({ name }) => name).toSorted()).toEqual([
    'autodev',
    'autodev-phase::approval',
    'consensus-approved',
    'security-review',
  ]);
}

/** One thread at the line, with a suggestion that applies, answered with the commit and resolved. */
async function expectOneFixedThread(story: Story): Promise<void> {
  const [code] = story.changes();
  const short = headOf(code).slice(0, 8);
  const raised = await story.expectNote(/^\*\*high · correctness\*\* `--json` ignores `--top`/);
  expect(raised).toMatchObject({ type: 'DiffNote', resolvable: true });
  expect(raised.position).toMatchObject({ new_path: 'src/cli.js', new_line: 29 });
  expect(raised.body).toMatch(/\n```suggestion:-0\+0\n {2}if \(values\.json\) return .*\n```\n/);
  const reply = await story.expectNote(new RegExp(`^Fixed in ${short}\\.`), {
    inThreadOf: { id: raised.id, discussionId: raised.discussionId },
  });
  await story.waitFor('the thread to be resolved', () => raised.resolvedAt !== null);
  expect(reply.discussionId).toBe(raised.discussionId);
}

/** The text of the file on the default branch whose path is this, or starts with it. */
async function fileOnMain(story: Story, path: string): Promise<string> {
  const base = `/projects/${story.project.id}/repository`;
  const tree = (await stage.rest('sam', 'GET', `${base}/tree?recursive=true&per_page=100`)) as {
    path: string;
    type: string;
  }[];
  const found = tree.find((entry) => entry.type === 'blob' && entry.path.startsWith(path));
  const name = encodeURIComponent(found?.path ?? path);
  const file = (await stage.rest('sam', 'GET', `${base}/files/${name}?ref=main`)) as {
    content: string;
  };
  return Buffer.from(file.content, 'base64').toString();
}

/** Fails with the list of the bot's writes when there are more. */
function expectFewWrites(most: number): void {
  const writes = stage.world.gitlab.calls.all
    .filter(({ user, method, route }) => user === 'autodev' && method !== 'GET' && route !== null)
    .map(({ method, route }) => `${method} ${route}`)
    .filter((call) => !call.endsWith('/hooks'));
  if (writes.length <= most) return;
  throw new Error(`${writes.length} writes, not ${most}:\n${writes.toSorted().join('\n')}`);
}
