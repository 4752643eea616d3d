/** The templates that begin with a specification. */
import { afterAll, expect, jest, test } from '@jest/globals';
import { startStage, type Stage } from '../support/story.ts';
import { atGate, decide, hireTeam, mergesOf } from '../support/team.ts';

jest.setTimeout(300_000);

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

test.concurrent(
  'refactor: the shape is approved before the work, and a red pipeline is mended',
  async () => {
    const stage = await open();
    const files = await withTest(stage, "test ! -f team.txt || grep -q 'round 2' team.txt");
    const project = await stage.project('templates/refactor', files);
    const team = hireTeam(stage, 'One place for the counts');
    await stage.tell('One place for the counts', { project }, async (story) => {
      await story.comment('sam', '/autodev plan refactor');
      const spec = await atGate(story, 'spec-gate');
      await decide(story, 'dana', 'approve', spec);
      await story.waitFor('the tester', () => team.asked('Tester').length > 0);
      await story.waitFor('the red pipeline', () => team.asked('Builder').length > 1);
      const code = await atGate(story, 'merge');
      const [first, build, ...more] = team.asked('Builder');
      expect(more).toEqual([]);
      expect(first).toMatch(/^Give the code the shape the specification describes\./);
      expect(first).toContain('# A file for the team');
      expect(build).toMatch(/^Make the pipeline green\./);
      expect(build).toContain('<data name="jobs">\ntest\n</data>');
      expect([team.asked('Tester').length, team.asked('Security engineer').length]).toEqual([2, 0]);
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
