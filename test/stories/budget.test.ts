/** Money: work stops at a cap, keeps its half, and goes on when a maintainer adds to it (threat G1). */
import { afterAll, expect, jest, test } from '@jest/globals';
import type { Answer, Conversation } from '../../sandbox/model/types.ts';
import { edit, finish, shell, type Story } from '../support/one-story.ts';
import { startStage, type Stage } from '../support/story.ts';

jest.setTimeout(300_000);

/** How often an agent's job asks for messages here. */
const HEARTBEAT_SECONDS = 0.3;

let opened: Promise<Stage> | null = null;
const open = (): Promise<Stage> =>
  (opened ??= startStage({
    settings: (settings) => {
      settings.limits.heartbeatSeconds = HEARTBEAT_SECONDS;
    },
  }));
afterAll(async () => (await opened)?.close());

/** An answer that is said to have cost so much, at ten dollars a million tokens of output. */
const costing = (answer: Answer, usd: number): Answer => ({
  ...answer,
  usage: { inputTokens: 100, outputTokens: Math.round(usd * 100_000) },
});

const texts = ({ messages }: Conversation): string =>
  messages.map((message) => ('text' in message ? message.text : '')).join('\n');

interface Money {
  cap: number;
  spent: number;
  reserved: number;
}

/** The run's money and that of its tasks, oldest first. */
async function moneyOf(story: Story): Promise<{ run: Money; tasks: Money[] }> {
  const id = (await story.runs()).at(-1)?.id;
  const [run] = await story.stage.rows<Money>(
    `select cap_microusd as cap, spent_microusd as spent, reserved_microusd as reserved
     from runs where id = $1`,
    [id],
  );
  const tasks = await story.stage.rows<Money>(
    `select cap_microusd as cap, spent_microusd as spent, reserved_microusd as reserved
     from tasks where run_id = $1 order by id`,
    [id],
  );
  return { run: run as Money, tasks };
}

const ONE_CALL = 170_000;

test.concurrent(
  'a model that spends without end stops at the cap, and goes on when paid for',
  async () => {
    const stage = await open();
    const project = await stage.project('budget/endless', {
      '.autodev.yml': 'budget:\n  task_usd: 0.5\n',
    });
    const title = 'Spends without end';
    let calls = 0;
    stage.script(title, {
      answer: (conversation, turn) => {
        calls += 1;
        const resumed = texts(conversation).includes('stopped at its budget');
        if (resumed) return turn === 1 ? edit('rest.txt', 'rest\n') : finish('The rest is done.');
        const step = turn === 1 ? edit('half.txt', 'half\n') : shell(`echo ${turn}`);
        return costing(step, ONE_CALL / 1e6);
      },
    });
    await stage.tell(title, { project }, async (story) => {
      const asked = await story.comment('sam', '/autodev implement');
      const status = await story.ends('budget');
      expect(status).toContain('Stopped at $0.50, the cap of one task.');
      expect(status).toContain('`/autodev budget +5` continues; that needs Maintainer.');
      const [draft] = story.changes();
      const name = `[AutoDev] ${title} (#${story.issue.iid})`;
      expect(draft?.title).toBe(`Draft: ${name}`);
      expect(status).toContain(`What was done so far is in draft !${draft?.iid}.`);
      const stopped = await moneyOf(story);
      expect(stopped.tasks).toHaveLength(1);
      expect(stopped.tasks[0]?.cap).toBe(500_000);
      // Whatever was answered was held before; the provider was not asked again after the refusal.
      expect(stopped.run.spent).toBe(stopped.tasks[0]?.spent);
      expect(stopped.run.spent).toBeLessThanOrEqual(500_000);
      expect(stopped.run.reserved).toBe(0);
      expect(calls).toBe(Math.round(stopped.run.spent / ONE_CALL));

      const refused = await story.comment('lee', '/autodev budget +5');
      await story.expectNote(/`\/autodev budget` needs Maintainer here; @lee is Developer\./);
      await story.expectReactions(refused, ['x']);
      const nonsense = await story.comment('dana', '/autodev budget lots');
      await story.expectNote(/`lots` is not an amount\./, { inThreadOf: nonsense });

      const paid = await story.comment('dana', '/autodev budget +5');
      await story.expectReactions(paid, ['white_check_mark']);
      await story.status(/^### AutoDev · .* · (running|done)/m);
      const done = await story.ends('done');
      expect(done).toContain(' of $30.00');
      expect(await story.runs()).toHaveLength(1);
      const [change, ...more] = story.changes();
      expect(more).toEqual([]);
      expect(change?.iid).toBe(draft?.iid);
      await story.waitFor('the draft mark to go', () => change?.title === name);
      expect(await filesOn(story, change?.sourceBranch ?? '')).toEqual(
        expect.arrayContaining(['half.txt', 'rest.txt']),
      );
      await story.expectReactions(asked, ['eyes', 'white_check_mark', 'x']);
      const after = await moneyOf(story);
      expect(after.run.cap).toBe(30_000_000);
      // What the first task had left, and what was added.
      expect(after.tasks[1]?.cap).toBe(500_000 - (stopped.tasks[0]?.spent ?? 0) + 5_000_000);
      expect(done).toMatch(/^- implement, Builder: \$0\.\d\d$/m);
    });
  },
);

async function filesOn(story: Story, branch: string): Promise<string[]> {
  const ref = encodeURIComponent(branch);
  const tree = (await story.stage.rest(
    'sam',
    'GET',
    `/projects/${story.project.id}/repository/tree?ref=${ref}&per_page=100`,
  )) as { path: string }[];
  return tree.map(({ path }) => path);
}

test.concurrent('money that is added while the agent works counts at once', async () => {
  const stage = await open();
  const project = await stage.project('budget/raised', {
    '.autodev.yml': 'budget:\n  task_usd: 0.5\n',
  });
  const title = 'Paid for in time';
  let raised = false;
  /** Calls that are left: more than the first cap allows, fewer than the second. */
  let left = 4;
  stage.script(title, {
    answer: (_conversation, turn) => {
      if (turn === 1) return costing(edit('a.txt', 'a\n'), 0.17);
      if (turn < 60 && !raised) return shell(`sleep 0.3; echo ${turn}`);
      left -= 1;
      return left >= 0 ? costing(shell(`echo ${turn}`), 0.17) : finish();
    },
  });
  await stage.tell(title, { project }, async (story) => {
    await story.comment('sam', '/autodev implement');
    await story.status(/\| implement \| running/);
    await story.comment('dana', '/autodev budget $2.50');
    await story.status(/ of \$27\.50/);
    const { run, tasks } = await moneyOf(story);
    expect([run.cap, tasks[0]?.cap]).toEqual([27_500_000, 3_000_000]);
    raised = true;
    await story.ends('done');
    expect((await moneyOf(story)).tasks[0]?.spent).toBeGreaterThan(500_000);
  });
});

test.concurrent('at 80 % of the budget the agent is told to come to an end', async () => {
  const stage = await open();
  const project = await stage.project('budget/told', {
    '.autodev.yml': 'budget:\n  task_usd: 2\n',
  });
  const title = 'Told in time';
  const heard: number[] = [];
  stage.script(title, {
    answer: (conversation, turn) => {
      heard.push(texts(conversation).split('80 % of the budget is spent').length - 1);
      if (turn === 1) return costing(edit('a.txt', 'a\n'), 1.62);
      if (heard.at(-1) === 0 && turn < 40) return shell(`sleep 0.3; echo ${turn}`);
      // Time for further heartbeats, which say nothing more.
      return turn < 40 && heard.filter((count) => count > 0).length < 4
        ? shell(`sleep 0.4; echo ${turn}`)
        : finish('Ended in time.');
    },
  });
  await stage.tell(title, { project }, async (story) => {
    await story.comment('sam', '/autodev implement');
    await story.ends('done');
    expect(heard.at(0)).toBe(0);
    expect(heard.at(-1)).toBe(1);
    expect(story.changes()).toHaveLength(1);
  });
});

test.concurrent(
  'a day that is used up stops work, and lets none begin until it is over',
  async () => {
    const stage = await open();
    const project = await stage.project('budget/day', {
      '.autodev.yml': 'budget:\n  day_usd: 0.5\n',
    });
    const title = 'Spends the day';
    stage.script(title, {
      answer: (_conversation, turn) =>
        costing(turn === 1 ? edit('half.txt', 'half\n') : shell(`echo ${turn}`), 0.17),
    });
    await stage.tell(title, { project }, async (story) => {
      await story.comment('sam', '/autodev implement');
      const status = await story.ends('budget');
      expect(status).toContain('Stopped at $0.50, what this repository may spend in a day.');
      expect(status).toMatch(
        /It opens again at \d{4}-\d\d-\d\d 00:00 UTC; `\/autodev retry` then\./,
      );
      for (const [who, command] of [
        ['sam', '/autodev retry'],
        ['dana', '/autodev budget +5'],
      ] as const) {
        const said = await story.comment(who, command);
        const note = await story.expectNote(
          /^This repository may spend \$0\.50 a day, and today that is used up\. Nothing was started\./,
          { inThreadOf: said },
        );
        expect(note.body).toMatch(
          /Ask again at \d{4}-\d\d-\d\d 00:00 UTC, or let a maintainer raise/,
        );
        expect(note.body).toContain('`budget.day_usd`');
      }
      expect(await story.runs()).toHaveLength(1);
    });
  },
);

test.concurrent('an estimate comes from what such work cost here before', async () => {
  const stage = await open();
  const project = await stage.project('budget/estimate');
  const turns = [edit('last.txt', 'l\n'), finish()];
  await stage.tell('Estimated', { project, turns }, async (story) => {
    await story.comment('sam', '/autodev status');
    await story.expectNote(/^Nothing ran here yet\./);
    for (const [iid, microusd] of [
      [9001, 100_000],
      [9002, 200_000],
      [9003, 300_000],
    ]) {
      await stage.rows(
        `insert into runs (repo_id, target_type, target_iid, command, requester_id, requester_name,
           state, stage, cap_microusd, spent_microusd, context)
         select id, 'issue', $2, 'implement', 1, 'sam', 'completed', 'end', 1000000, $3,
           '{"workflow": {"name": "quick"}}' from repos where project_id = $1`,
        [project.id, iid, microusd],
      );
    }
    await story.comment('sam', '/autodev implement');
    const status = await story.ends('done');
    expect(status).toMatch(/\*\*Cost\*\* \S+ of \$25\.00 · estimate \$0\.15–0\.25/);
    expect(status).toContain('- estimate: the middle half of 3 finished runs of the same workflow');
  });
});
