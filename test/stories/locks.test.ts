/** Runs that want the same file, and changes that somebody else has made already. */
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { edit, finish } from '../support/one-story.ts';
import { startStage, type Stage } from '../support/story.ts';
import { atGate, decide, hireTeam } from '../support/team.ts';

jest.setTimeout(300_000);

let stage: Stage;
beforeAll(async () => {
  stage = await startStage();
});
afterAll(async () => stage.close());

/** CI whose test job no runner takes, so that a run with a change stays active. */
async function endlessChecks(): Promise<string> {
  const where = `/projects/${stage.light.id}/repository/files/.gitlab-ci.yml?ref=main`;
  const { content } = (await stage.rest('sam', 'GET', where)) as { content: string };
  const text = Buffer.from(content, 'base64').toString();
  const line = 'test:\n  stage: test\n';
  expect(text).toContain(line);
  return text.replace(line, () => `${line}  tags: [nobody]\n`);
}

test('a second run waits for the first one’s file, a quick one is told, and a twin is not pushed', async () => {
  const project = await stage.project('locks/shared', { '.gitlab-ci.yml': await endlessChecks() });
  hireTeam(stage, 'Second come');
  const turns = (text: string) => [edit('team.txt', text), finish()];
  await stage.tell('First come', { project, turns: turns('round 1\n') }, async (first) => {
    await first.comment('sam', '/autodev implement');
    await first.status(/^- locks held: `team\.txt`, until \d\d:\d\d UTC or the end$/m);
    const has = `#${first.issue.iid}`;

    await stage.tell('Quick come', { project, turns: turns('quick\n') }, async (quick) => {
      await quick.comment('sam', '/autodev implement');
      const told = new RegExp(
        `^- changed here and elsewhere: \`team\\.txt\`, claimed by ${has} until`,
        'm',
      );
      await quick.status(told);
      await quick.waitFor('its change', () => quick.changes().length === 1);
      expect(quick.changes()[0]?.description).toMatch(
        new RegExp(`^Other work meets this one: \`team\\.txt\`, claimed by ${has} until`, 'm'),
      );
      await quick.comment('sam', '/autodev cancel');
      await quick.ends('cancelled');
    });

    await stage.tell('Second come', { project }, async (second) => {
      await second.comment('sam', '/autodev plan refactor');
      await decide(second, 'dana', 'approve', await atGate(second, 'spec-gate'));
      await second.status(
        new RegExp(
          `^\\| implement \\| waiting \\| Builder \\| waits for \`team\\.txt\`, claimed by ${has} ` +
            'until \\d\\d:\\d\\d UTC · `/autodev unlock` \\|$',
          'm',
        ),
      );
      const no = await second.comment('sam', '/autodev unlock');
      await second.expectNote(/needs Maintainer here; @sam is Developer/, { inThreadOf: no });
      const yes = await second.comment('dana', '/autodev unlock team.txt');
      await second.expectNote(
        new RegExp(
          `^${has}, asked for by @sam, had claimed \`team\\.txt\`\\. The claim is released`,
        ),
        { inThreadOf: yes },
      );
      const status = await second.ends('needs-human');
      expect(status).toContain(
        `!${first.changes()[0]?.iid}, opened for ${has}, has exactly these changes already. ` +
          'Nothing was pushed.',
      );
      expect(second.changes()).toEqual([]);
    });
    const told = await stage.rows<{ entry: { reasons: string[] } }>(
      `select entry from audit where run_id = $1 and entry->>'event' = 'files_released'`,
      [(await first.runs())[0]?.id],
    );
    expect(told.map(({ entry }) => entry.reasons)).toEqual([
      [expect.stringMatching(/^team\.txt released for run \d+ by dana \(id \d+\)$/)],
    ]);
    await first.comment('sam', '/autodev cancel');
    await first.ends('cancelled');
    expect(await stage.rows('select path from locks')).toEqual([]);
  });
});

test('what somebody pushed to the default branch meanwhile is not pushed again', async () => {
  const title = 'Solved by hand';
  const project = await stage.project('locks/solved');
  const turns = [edit('solved.txt', 'solved\n'), finish()];
  await stage.tell(title, { project, turns }, async (story) => {
    await story.comment('sam', '/autodev implement');
    await story.status(/^\| implement \| (starting|waiting|running) /m);
    await stage.rest('dana', 'POST', `/projects/${project.id}/repository/commits`, {
      branch: project.defaultBranch,
      commit_message: 'Solve it by hand',
      actions: [{ action: 'create', file_path: 'solved.txt', content: 'solved\n' }],
    });
    const status = await story.ends('done');
    expect(status).toMatch(/`main` has exactly these changes already, at `[0-9a-f]{8}`/);
    expect(story.changes()).toEqual([]);
  });
});
