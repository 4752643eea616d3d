/** The templates of one gate, each from the command to the merge. */
import { afterAll, expect, jest, test } from '@jest/globals';
import type { Finding } from '../../schema/wire/report.ts';
import { startStage, type Stage } from '../support/story.ts';
import { atGate, decide, hireTeam } from '../support/team.ts';

jest.setTimeout(180_000);

let opened: Promise<Stage> | null = null;
const open = (): Promise<Stage> => (opened ??= startStage());
afterAll(async () => (await opened)?.close());

/** The sample's CI configuration with another command in its test job. */
async function withTest(stage: Stage, command: string): Promise<Record<string, string>> {
  const where = `/projects/${stage.light.id}/repository/files/.gitlab-ci.yml?ref=main`;
  const { content } = (await stage.rest('sam', 'GET', where)) as { content: string };
  const text = Buffer.from(content, 'base64').toString();
  expect(text).toContain('    - test -f package.json');
  return { '.gitlab-ci.yml': text.replace('test -f package.json', () => command) };
}

test.concurrent('bugfix: questions first, then a red pipeline that the builder mends', async () => {
  const stage = await open();
  const files = await withTest(stage, "test ! -f team.txt || grep -q 'round 2' team.txt");
  const project = await stage.project('templates/bugfix', files);
  const team = hireTeam(stage, 'It counts twice', {
    triage: (round) => ({
      type: 'bug',
      size: 'medium',
      priority: 8,
      duplicates: [31],
      missing: round === 1 ? ['Which files?\n/close', 'Does @dana see it as well?'] : [],
    }),
  });
  await stage.tell('It counts twice', { project }, async (story) => {
    await story.comment('sam', '/autodev plan bugfix it began last week');
    const asked = await story.ends('needs-human');
    expect(asked).toMatch(
      /^\| triage \| done \| PM \| bug, medium, priority 8, 2 questions, like `#31` \|$/m,
    );
    expect(asked).toContain('The agent says:\n\n> 1. Which files? /close\n> 2. Does ');
    expect(asked).not.toContain(' @dana ');
    await stage.settled();
    expect(story.issue.state).toBe('opened');

    await story.comment('sam', '/autodev retry files with CRLF');
    const code = await atGate(story, 'merge');
    expect(team.asked('Product manager')).toHaveLength(2);
    expect(team.asked('Product manager')[1]).toContain('files with CRLF');
    const [fix, build, ...more] = team.asked('Builder');
    expect(more).toEqual([]);
    expect(fix).toMatch(/^Find the cause of the problem/);
    expect(fix).toContain('<data name="request">\nfiles with CRLF\n</data>');
    expect(build).toMatch(/^Make the change's pipeline green\./);
    expect(build).toContain('<data name="jobs">\ntest\n</data>');
    expect(team.asked('Architect')).toEqual([]);

    await decide(story, 'dana', 'approve', code);
    const status = await story.ends('done');
    expect(status).toContain(`!${code.iid} was merged`);
    await stage.settled();
    expect([code.state, story.issue.state]).toEqual(['merged', 'closed']);
  });
});

const WRONG: Finding = {
  path: 'docs/usage.md',
  line: 1,
  severity: 'high',
  category: 'documentation',
  title: 'The example does not work',
  body: 'It names an option that does not exist.',
  confidence: 0.9,
};

test.concurrent('docs: the writer is told that the first answer did not help', async () => {
  const stage = await open();
  const project = await stage.project('templates/docs');
  const team = hireTeam(stage, 'Explain the options', {
    writes: 'docs/usage.md',
    review: (round) => (round < 3 ? [WRONG] : []),
  });
  await stage.tell('Explain the options', { project }, async (story) => {
    await story.comment('sam', '/autodev plan docs');
    for (const round of [1, 2]) {
      await story.waitFor(`look ${round}`, () => team.asked('Reviewer').length >= round);
    }
    const code = await atGate(story, 'merge');
    const raised = await story.expectNote(/The example does not work/);
    await story.expectNote(/^Fixed in /, { inThreadOf: raised });
    const [write, first, second, ...more] = team.asked('Technical writer');
    expect(more).toEqual([]);
    expect(write).toMatch(/^Bring the documentation in line/);
    expect(first).toContain('The example does not work');
    expect(first).not.toContain('without success');
    expect(second).toContain('This was tried once without success.');
    expect(team.asked('Reviewer')).toHaveLength(3);
    expect(team.asked('Reviewer')[2]).toContain('<data name="files">\ndocs/usage.md\n</data>');
    expect([team.asked('Builder'), team.asked('Tester')]).toEqual([[], []]);
    await decide(story, 'dana', 'approve', code);
    await story.ends('done');
  });
});

test.concurrent('security-fix: all three look at it, and one approval merges it', async () => {
  const stage = await open();
  const project = await stage.project('templates/security');
  const team = hireTeam(stage, 'Paths can leave the folder');
  await stage.tell('Paths can leave the folder', { project }, async (story) => {
    await story.comment('sam', '/autodev plan security-fix');
    const code = await atGate(story, 'merge');
    expect(team.asked('Builder')[0]).toMatch(/^Find the cause of the problem/);
    for (const role of ['Security engineer', 'Reviewer', 'Tester'] as const) {
      expect(team.asked(role)).toHaveLength(1);
    }
    expect(code.description).toContain('| security | 80 | 1 | base 70, +10 encryption |');
    await decide(story, 'dana', 'approve', code);
    await story.ends('done');
  });
});
