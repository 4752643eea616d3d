/** Autonomy `full`: gates that open by themselves, and one that names what it misses. */
import { afterAll, expect, jest, test } from '@jest/globals';
import type { Project } from '../../sandbox/gitlab/state/types.ts';
import { startStage, type Stage } from '../support/story.ts';
import { atGate, decide, headOf, hireTeam, mergeCalls, push } from '../support/team.ts';

jest.setTimeout(420_000);

let opened: Promise<Stage> | null = null;
const open = (): Promise<Stage> =>
  (opened ??= startStage({ settings: (settings) => void (settings.autonomy = 'full') }));
afterAll(async () => (await opened)?.close());

/** A project that asks for it, and whose pipeline tells its coverage. */
async function covered(stage: Stage, name: string, percent: number): Promise<Project> {
  const where = `/projects/${stage.light.id}/repository/files/.gitlab-ci.yml?ref=main`;
  const { content } = (await stage.rest('sam', 'GET', where)) as { content: string };
  const text = Buffer.from(content, 'base64').toString();
  const line = '    - test -f package.json\n';
  expect(text).toContain(line);
  // What the sample's own `coverage:` expression finds in the log.
  const own = text.replace(line, () => `    - echo 'all files | ${percent}.0 |'\n`);
  return stage.project(name, { '.gitlab-ci.yml': own, '.autodev.yml': 'autonomy: full\n' });
}

test.concurrent('both gates open by themselves when every condition holds', async () => {
  const stage = await open();
  const project = await covered(stage, 'autonomy/full', 87);
  hireTeam(stage, 'By itself');
  await stage.tell('By itself', { project }, async (story) => {
    await story.comment('sam', '/autodev plan refactor');
    await story.status(/^\| spec \| done /m);
    await story.status(/^\| spec-gate \| approved /m);
    await story.status(/^\| implement \| done /m);
    await story.status(/^\| verify \| .* Tester \d/m);
    const status = await story.ends('done');
    const [code] = story.changes();
    expect(status).toContain(`!${code?.iid} was merged`);
    expect([story.specs()[0]?.state, code?.state]).toEqual(['merged', 'merged']);
    expect([story.specs()[0]?.approvals, code?.approvals]).toEqual([[], []]);
    const audit = await stage.rows<{ said: string }>(
      `select entry->>'reasons' as said from audit where repo_id in
         (select id from repos where project_id = $1)`,
      [project.id],
    );
    expect(JSON.stringify(audit)).toContain('opened by full autonomy: architect 9/10, reviewer 90');
    expect(JSON.stringify(audit)).toContain('coverage 87 %');
  });
});

test.concurrent('a gate that misses something says what, and waits for a person', async () => {
  const stage = await open();
  const project = await covered(stage, 'autonomy/misses', 71);
  hireTeam(stage, 'Too little covered');
  await stage.tell('Too little covered', { project }, async (story) => {
    await story.comment('sam', '/autodev plan refactor');
    await story.status(/^\| spec \| done /m);
    await story.status(/^\| implement \| done /m);
    await story.status(/^\| verify \| .* Tester \d/m);
    const code = await atGate(story, 'merge');
    await story.status(/full autonomy does not apply: coverage 71 % < 80 %/);
    expect(mergeCalls(story, code)).toEqual([]);
    // A push by a person makes it a matter of people.
    await push(story, 'lee', code);
    await story.status(/full autonomy does not apply: .*people worked on the change/);
    expect(mergeCalls(story, code)).toEqual([]);
    const approved = headOf(code);
    await decide(story, 'dana', 'approve', code);
    await story.ends('done');
    expect(mergeCalls(story, code)).toEqual([{ sha: approved, status: 200 }]);
  });
});
