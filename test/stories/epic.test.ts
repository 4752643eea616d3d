/** Epics: a plan that people approve, issues made of it, and children that are worked on in order. */
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { approvePlan, childrenOf, issuesBy, linksOf, planOf } from '../support/epic-story.ts';
import { startStage, type Stage } from '../support/story.ts';
import { hireTeam } from '../support/team.ts';

jest.setTimeout(300000);

let stage: Stage;
beforeAll(async () => {
  stage = await startStage();
});
afterAll(async () => stage.close());

test('without epics children are linked issues, worked on one after the other', async () => {
  const [first, second] = ['Export as CSV', 'Export as XML'];
  const title = 'Everything about exports';
  const project = await stage.project('stories/epic');
  hireTeam(stage, title, { plan: planOf(first, second) });
  hireTeam(stage, first);
  hireTeam(stage, second, { triage: () => ({ missing: ['Which version of XML?'] }) });
  await stage.tell(title, { project }, async (story) => {
    // The answer to the first issue that is made gets lost: it is found again, not made twice.
    const lost = { method: 'POST', path: /^\/projects\/\d+\/issues$/ };
    stage.world.gitlab.weather.calls(lost, { kind: 'drop_reply' });
    await approvePlan(story);
    const [one, two] = await childrenOf(stage, story);
    const epic = story.issue.iid;
    expect(one.issue).toMatchObject({ title: first, state: 'opened' });
    expect(one.issue.description).toMatch(
      new RegExp(
        `^<!-- autodev:child:${epic}:[0-9a-f]{16} -->\nPart of #${epic}[.] Priority 5 of 10[.]\n\n` +
          '\\\\/close\nSay it to @\u200Bdana[.]\n\n## Acceptance criteria\n\n' +
          '- \\[ \\] It is written[.]\n- \\[ \\] \\\\/close$',
      ),
    );
    expect(two.issue.description).toContain(`Comes after #${one.issue.iid}.`);
    const related = [`relates_to #${one.issue.iid}`, `relates_to #${two.issue.iid}`];
    await story.waitFor(
      'the links',
      async () => (await linksOf(stage, story, epic)).join() === related.join(),
    );
    await story.status(/\| children \| running \| {2}\| 2 children: 1 running, 1 waiting \|/);
    expect(await two.runs()).toEqual([]);
    // Somebody does the first by hand: it counts as done, and nobody goes on with it.
    await one.close('dana');
    await one.ends('cancelled');
    // The second starts by itself, asks, and the epic says which one needs people.
    await two.ends('needs-human');
    const status = await story.ends('needs-human');
    expect(status).toContain(`#${two.issue.iid} did not end well; each says why.`);
    expect(status).toMatch(
      new RegExp(`\\| #${one.issue.iid} .Export as CSV. \\| closed by people \\|`),
    );
    expect(status).toMatch(/\*\*Cost\*\* .*, \$\d+\.\d\d with its children/);
    await one.over();
    await two.over();
    expect(issuesBy(story).length).toBe(2);
    const sent = stage.world.gitlab.calls.find('POST', lost.path);
    expect(sent.filter(({ replyDropped }) => replyDropped).length).toBe(1);
    const trail = await stage.rows<{ told: string }>(
      "select kind || ' ' || author as told from task_comments order by id",
    );
    const asked = ['asked @sam', 'result pm'];
    expect(trail.map(({ told }) => told)).toEqual(expect.arrayContaining(asked));
    expect(stage.world.gitlab.problems).toEqual([]);
  });
});
