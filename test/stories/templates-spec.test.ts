/** The templates that begin with a specification. */
import { afterAll, expect, jest, test } from '@jest/globals';
import { startStage, type Stage } from '../support/story.ts';
import { atGate, decide, hireTeam, mergesOf } from '../support/team.ts';

jest.setTimeout(180_000);

let opened: Promise<Stage> | null = null;
const open = (): Promise<Stage> => (opened ??= startStage());
afterAll(async () => (await opened)?.close());

test.concurrent(
  'refactor: the shape is approved before the work, and sent back once after it',
  async () => {
    const stage = await open();
    const project = await stage.project('templates/refactor');
    const team = hireTeam(stage, 'One place for the counts');
    await stage.tell('One place for the counts', { project }, async (story) => {
      await story.comment('sam', '/autodev plan refactor');
      const spec = await atGate(story, 'spec-gate');
      await decide(story, 'dana', 'approve', spec);
      const code = await atGate(story, 'merge');
      const [first] = team.asked('Builder');
      expect(first).toMatch(/^Give the code the shape the specification describes\./);
      expect(first).toContain('# A file for the team');
      expect([team.asked('Tester').length, team.asked('Security engineer').length]).toEqual([1, 0]);
      const kept = code.versions.length;

      await story.comment('dana', '/autodev reject keep the old name', { change: code.iid });
      await story.waitFor('the answer to dana', () => code.versions.length > kept);
      await atGate(story, 'merge');
      expect(team.asked('Builder')).toHaveLength(2);
      expect(team.asked('Builder')[1]).toContain('keep the old name');
      await decide(story, 'dana', 'approve', code);
      const status = await story.ends('done');
      expect(status).not.toMatch(/^\| (triage|docs|deploy) \|/m);
      expect([mergesOf(spec), mergesOf(code)]).toEqual([1, 1]);
    });
  },
);

test.concurrent('spec: the approved page is all that was asked for', async () => {
  const stage = await open();
  const project = await stage.project('templates/spec');
  const team = hireTeam(stage, 'Think first');
  await stage.tell('Think first', { project }, async (story) => {
    await story.comment('sam', '/autodev spec');
    const spec = await atGate(story, 'spec-gate');
    await decide(story, 'dana', 'approve', spec);
    const status = await story.ends('done');
    expect(status).toContain(`!${spec.iid} with the specification was approved and merged.`);
    expect([story.changes(), team.asked('Builder')]).toEqual([[], []]);
    await stage.settled();
    expect([spec.state, story.issue.state]).toEqual(['merged', 'opened']);
  });
});

test.concurrent('the label autodev::plan starts the whole way', async () => {
  const stage = await open();
  const project = await stage.project('templates/label');
  const team = hireTeam(stage, 'By a label');
  await stage.tell('By a label', { project }, async (story) => {
    await story.label('sam', 'autodev::plan');
    const spec = await atGate(story, 'spec-gate');
    expect(team.asked('Product manager')).toHaveLength(1);
    expect(await story.status(/^\| triage \| done \|/m)).toContain(
      '| triage | done | PM | feature, small, priority 5 |',
    );
    await decide(story, 'dana', 'close', spec);
    await story.ends('cancelled');
  });
});
