/** Defects and holes: one gate, from the command to the merge. */
import { afterAll, expect, jest, test } from '@jest/globals';
import { startStage, type Stage } from '../support/story.ts';
import { atGate, decide, hireTeam } from '../support/team.ts';

jest.setTimeout(300_000);

let opened: Promise<Stage> | null = null;
const open = (): Promise<Stage> => (opened ??= startStage());
afterAll(async () => (await opened)?.close());

test.concurrent(
  'bugfix: the product manager asks first, and is asked again with the answers',
  async () => {
    const stage = await open();
    const project = await stage.project('templates/bugfix');
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
      const [fix, ...more] = team.asked('Builder');
      expect(more).toEqual([]);
      expect(fix).toMatch(/^Find the cause of the problem/);
      expect(fix).toContain('<data name="request">\nfiles with CRLF\n</data>');
      expect(team.asked('Architect')).toEqual([]);

      await decide(story, 'dana', 'approve', code);
      const status = await story.ends('done');
      expect(status).toContain(`!${code.iid} was merged`);
      await stage.settled();
      expect([code.state, story.issue.state]).toEqual(['merged', 'closed']);
    });
  },
);

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
