/** Epics where the tier has them: children hang below one and wait for each other. */
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { ACCESS } from '../../sandbox/gitlab/state/access-levels.ts';
import { approvePlan, childrenOf, linksOf, planOf } from '../support/epic-story.ts';
import { startStage, type Stage } from '../support/story.ts';
import { hireTeam } from '../support/team.ts';

jest.setTimeout(180000);

let stage: Stage;
beforeAll(async () => {
  stage = await startStage({ gitlab: { edition: 'ee' } });
});
afterAll(async () => stage.close());

test('with epics children hang below one and wait for each other', async () => {
  const [first, second] = ['Import of CSV', 'Import of XML'];
  const title = 'Everything about imports';
  const project = await stage.project('stories/epic');
  const { api } = stage.world.gitlab;
  api.addGroupMember('stories', stage.world.people.autodev.user, ACCESS.developer);
  hireTeam(stage, title, { plan: planOf(first, second) });
  // It asks at its first triage; once that is answered all is clear.
  const asks = (round: number) => (round === 1 ? { missing: ['Which columns?'] } : {});
  hireTeam(stage, first, { triage: asks });
  await stage.tell(title, { project }, async (story) => {
    await approvePlan(story);
    const [one, two] = await childrenOf(stage, story);
    await one.ends('needs-human');
    const status = await story.ends('needs-human');
    const [a, b] = [one.issue.iid, two.issue.iid];
    expect(status).toContain(`#${a} did not end well; each says why.`);
    expect(status).toContain(`#${b} waits for it and was not started.`);
    const [epic] = api.epics('stories');
    expect(epic).toMatchObject({ title, children: [one.issue.id, two.issue.id] });
    expect(status).toContain(`/groups/stories/-/epics/${epic?.iid}`);
    expect(await linksOf(stage, story, b)).toEqual([`is_blocked_by #${a}`]);
    // Going on starts again what failed; stopping the epic stops what it started.
    await story.comment('sam', '/autodev retry');
    await one.status(/^\| spec-gate \| waits for you/m);
    await story.comment('sam', '/autodev cancel');
    const cancelled = await story.ends('cancelled');
    expect(cancelled).toContain('Children that were at work are cancelled, too.');
    const why = `The epic #${story.issue.iid}, which this was started for, has ended.`;
    expect(await one.ends('cancelled')).toContain(why);
    expect([(await one.runs()).length, await two.runs()]).toEqual([2, []]);
    await one.over();
    await two.over();
    expect(stage.world.gitlab.problems).toEqual([]);
  });
});
