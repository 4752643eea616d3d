/** Runs that people put to sleep: what happens meanwhile is kept, also over a restart, and nothing is lost. */
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import type { Story } from '../support/one-story.ts';
import { startStage, type Stage } from '../support/story.ts';
import { atGate, decide, hireTeam, mergesOf } from '../support/team.ts';

jest.setTimeout(300_000);

let stage: Stage;
beforeAll(async () => {
  stage = await startStage();
});
afterAll(async () => stage.close());

/** Events that are kept for the story's run now. */
async function kept(story: Story): Promise<string[]> {
  const [run] = await story.runs();
  const rows = await stage.rows<{ event: string }>(
    `select event_name as event from deliveries where state = 'held' and held_for = $1
     order by received_at`,
    [run?.id],
  );
  return rows.map(({ event }) => event);
}

test('a decision is put off, and the approval of that time counts when the date comes', async () => {
  const title = 'Not before Christmas';
  const team = hireTeam(stage, title);
  await stage.tell(title, {}, async (story) => {
    await story.comment('sam', '/autodev plan refactor');
    const spec = await atGate(story, 'spec-gate');

    const never = await story.comment('lee', '/autodev defer 2020-01-01');
    await story.expectNote(/is not in the future\. Write `2026-12-01`/, { inThreadOf: never });
    const later = await story.comment('dana', '/autodev defer 3 days');
    await story.expectNote(
      /^Deferred until 2\d{3}-\d\d-\d\d \d\d:\d\d UTC\. An approval .* is kept/,
      {
        inThreadOf: later,
      },
    );
    await story.expectReactions(later, ['white_check_mark']);
    const asleep = await story.status(/^### AutoDev · .* · deferred · spec-gate$/m);
    expect(asleep).toMatch(/^\| spec-gate \| deferred until 2.* UTC by @dana \| you \| !\d+ \|$/m);
    expect(asleep).toMatch(/deferred until 2.* UTC by @dana · .*`\/autodev resume` goes on/);
    expect(asleep).toMatch(/^`\/autodev resume` · `\/autodev cancel` · `\/autodev help`$/m);

    await decide(story, 'dana', 'approve', spec);
    await story.waitFor('the approval to be kept', async () => (await kept(story)).length > 0);
    await stage.settled();
    expect([spec.state, team.asked('Builder')]).toEqual(['opened', []]);

    // It sleeps in its row: no process has to live that long.
    await stage.stop();
    await stage.start();
    await stage.settled();
    expect(await kept(story)).toContain('Merge Request Hook');
    const [run] = await story.runs();
    await stage.rows('update runs set paused_until = now() where id = $1', [run?.id]);
    await story.status(/^\| implement \| (starting|waiting|running) /m);
    expect([spec.state, mergesOf(spec), await kept(story)]).toEqual(['merged', 1, []]);
    await story.comment('sam', '/autodev cancel');
    await story.ends('cancelled');
  });
});

test('paused while an agent works: it finishes, nothing follows until somebody resumes', async () => {
  const title = 'A little break';
  hireTeam(stage, title);
  await stage.tell(title, {}, async (story) => {
    await story.comment('sam', '/autodev plan refactor');
    const spec = await atGate(story, 'spec-gate');
    const dear = await story.comment('lee', '/autodev assign-agent builder openai/gpt-5.4-mini');
    await story.expectNote(/needs Maintainer here; @lee is Developer/, { inThreadOf: dear });
    const no = await story.comment('dana', '/autodev assign-agent builder openai/gpt-1');
    await story.expectNote(/`openai\/gpt-1` cannot be used here.*`openai\/gpt-5\.4-mini`/, {
      inThreadOf: no,
    });
    const other = await story.comment('dana', '/autodev assign-agent builder openai/gpt-5.4-mini');
    await story.expectNote(/^From its next task on `builder` works with/, { inThreadOf: other });

    await decide(story, 'dana', 'approve', spec);
    await story.status(/^\| implement \| (starting|waiting|running) /m);
    const stop = await story.comment('sam', '/autodev pause');
    await story.expectReactions(stop, ['white_check_mark']);
    await story.status(/^### AutoDev · .* · paused · implement$/m);
    await story.waitFor('the result to be kept', async () =>
      (await kept(story)).includes('job_result'),
    );
    const told = await story.comment('lee', '/autodev status');
    await story.expectNote(/`\/autodev plan` is paused by @sam, stage implement/, {
      inThreadOf: told,
    });
    const twice = await story.comment('lee', '/autodev implement');
    await story.expectNote(/The work here is paused by @sam\. `\/autodev resume` goes on/, {
      inThreadOf: twice,
    });
    expect(story.changes()).toEqual([]);

    await story.comment('lee', '/autodev resume');
    const status = await story.status(/^\| implement \| done \|.* !\d+ at /m);
    expect(status).toContain('- builder works with `openai/gpt-5.4-mini`, as @dana asked');
    const [built] = await stage.rows<{ route: unknown }>(
      `select spec->'models'->0 as route from attempts join tasks on tasks.id = task_id
       where agent = 'builder' and attempts.run_id = $1`,
      [(await story.runs())[0]?.id],
    );
    expect(built?.route).toEqual({ provider: 'openai', model: 'gpt-5.4-mini' });
    expect([story.changes().length, await kept(story)]).toEqual([1, []]);

    // A paused run ends like any other, and what was kept for it is no burden.
    await story.comment('sam', '/autodev pause');
    await story.status(/· paused · /);
    await story.comment('sam', '/autodev cancel');
    await story.ends('cancelled');
    await stage.settled();
    expect(await kept(story)).toEqual([]);
  });
});
