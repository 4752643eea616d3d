/** Documentation alone, and the label that starts the whole way. */
import { afterAll, expect, jest, test } from '@jest/globals';
import type { Finding } from '../../schema/wire/finding.ts';
import { startStage, type Stage } from '../support/story.ts';
import { atGate, decide, hireTeam } from '../support/team.ts';

jest.setTimeout(300_000);

let opened: Promise<Stage> | null = null;
const open = (): Promise<Stage> => (opened ??= startStage());
afterAll(async () => (await opened)?.close());

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
    await story.expectNote(/^Still there at \w+: it was raised again\.$/, { inThreadOf: raised });
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

test.concurrent('the label autodev::plan starts the whole way', async () => {
  const stage = await open();
  const project = await stage.project('templates/label');
  const team = hireTeam(stage, 'By a label');
  await stage.tell('By a label', { project }, async (story) => {
    await story.label('sam', 'autodev::plan');
    const status = await story.status(/^\| triage \| done \|/m);
    expect(status).toContain('| triage | done | PM | feature, small, priority 5 |');
    expect(team.asked('Product manager')).toHaveLength(1);
    await story.comment('sam', '/autodev cancel');
    await story.ends('cancelled');
  });
});
