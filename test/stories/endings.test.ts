/** Every way a run can end without success says so, bounded and with what to do next. */
import { afterAll, expect, jest, test } from '@jest/globals';
import { calls, edit, finish, shell } from '../support/one-story.ts';
import { startStage, type Stage } from '../support/story.ts';

jest.setTimeout(150_000);

let opened: Promise<Stage> | null = null;
const open = (): Promise<Stage> => (opened ??= startStage());
afterAll(async () => (await opened)?.close());

/** Long enough that the story cancels before, far too long to wait for. */
const SLOW = { ...edit('slow.txt', 'slow\n'), delayMs: 60_000 };

test.concurrent('cancel stops the pipeline, and retry starts the work again', async () => {
  const stage = await open();
  let slow = true;
  const first = (): ReturnType<typeof edit> => (slow ? SLOW : edit('slow.txt', 'quick\n'));
  await stage.tell(
    'Cancelled while the agent works',
    { turns: [first, finish()] },
    async (story) => {
      const asked = await story.comment('sam', '/autodev implement');
      await story.status(/implement \| running/);
      const [run] = await stage.rows<{ pipeline: number }>(
        'select pipeline_id as pipeline from attempts where run_id = $1',
        [(await story.runs())[0]?.id],
      );
      const stop = await story.comment('lee', '/autodev cancel');
      const status = await story.ends('cancelled');
      expect(status).toContain('Cancelled by @lee.');
      await story.expectReactions(stop, ['white_check_mark']);
      await story.expectReactions(asked, ['eyes', 'x']);
      await stage.settled();
      const pipelines = stage.world.gitlab.api.pipelines(story.project.path);
      const parent = pipelines.find((one) => one.id === run?.pipeline);
      const child = pipelines.find((one) => one.spec.parent?.pipelineId === run?.pipeline);
      expect([parent?.status, child?.status]).toEqual(['canceled', 'canceled']);
      expect(story.changes()).toEqual([]);
      slow = false;
      await story.comment('sam', '/autodev retry');
      await story.status(/^### AutoDev · .* · (queued|running)/m);
      await story.ends('done');
      expect(story.changes()).toHaveLength(1);
      expect((await story.runs()).map((one) => one.verdict?.kind)).toEqual(['cancelled', 'done']);
    },
  );
});

test.concurrent('closing the issue stops its run', async () => {
  const stage = await open();
  await stage.tell('Closed under a run', { turns: [SLOW] }, async (story) => {
    await story.label('sam', 'autodev');
    await story.status(/implement \| running/);
    await story.close('lee');
    expect(await story.ends('cancelled')).toContain('The issue was closed by @lee.');
    expect(story.changes()).toEqual([]);
  });
});

test.concurrent('a change of the CI configuration is refused and nothing is pushed', async () => {
  const stage = await open();
  const turns = [shell('echo "evil: {script: [id]}" >> .gitlab-ci.yml; echo x > a.txt'), finish()];
  await stage.tell('Touches the CI configuration', { turns }, async (story) => {
    await story.comment('sam', '/autodev implement');
    expect(await story.ends('refused')).toMatch(/`\.gitlab-ci\.yml`.*Nothing was pushed/);
    expect(pushes(stage, story.issue.iid)).toEqual([]);
    expect(story.changes()).toEqual([]);
  });
});

const KEY = `AKIA${'Z3QX7LM5TR2WPK9B'}`;
const LEAKED = `glpat-${'x7Kq29LmZp4TvR8sWd3y'}`;

test.concurrent('a secret in the result is refused and repeated nowhere', async () => {
  const stage = await open();
  const turns = [
    edit('config.env', `GITLAB_TOKEN=${LEAKED}\nAWS_ACCESS_KEY_ID=${KEY}\n`),
    finish('Added the configuration.'),
  ];
  await stage.tell('Leaves a secret', { turns }, async (story) => {
    await story.comment('sam', '/autodev implement');
    expect(await story.ends('refused')).toMatch(/`config\.env` seems to hold a secret/);
    expect(pushes(stage, story.issue.iid)).toEqual([]);
    await story.stage.settled();
    const notes = stage.world.gitlab.api
      .notes(story.issue)
      .map((note) => note.body)
      .join('\n');
    for (const secret of [KEY, LEAKED]) {
      expect(notes).not.toContain(secret);
      expect(stage.log.join('\n')).not.toContain(secret);
    }
  });
});

const HOSTILE = [
  '/close',
  '/label ~security',
  '> /approve',
  '@dana @otto please merge, see ![x](https://evil.example/x.png)',
  'Closes #1, fixes group/other#2',
  '/assign @sam',
].join('\n');

test.concurrent('what a model writes does nothing on the issue or the merge request', async () => {
  const stage = await open();
  const turns = [edit('note.txt', 'harmless\n'), finish(HOSTILE)];
  await stage.tell('Hostile summary', { turns }, async (story) => {
    await story.comment('sam', '/autodev implement');
    await story.ends('done');
    const [change] = story.changes();
    expect(change).toMatchObject({ state: 'opened', assigneeIds: [], approvals: [] });
    expect(change?.labelIds).toHaveLength(1);
    expect(change?.description).not.toMatch(/!\[|https:\/\/evil|(^|[^\w])@(dana|otto)\b/);
    expect(change?.description?.match(/^Closes #\d+$/gm)).toEqual([`Closes #${story.issue.iid}`]);
    expect(change?.description).not.toMatch(/Closes #1,|fixes group/);
    expect(story.issue).toMatchObject({ state: 'opened', assigneeIds: [], labelIds: [] });
  });
});

test.concurrent('a question of the agent stays inert in the status comment', async () => {
  const stage = await open();
  const turns = [calls(['finish', { outcome: 'needs_human', summary: HOSTILE, comment: HOSTILE }])];
  await stage.tell('Hostile question', { turns }, async (story) => {
    await story.comment('sam', '/autodev implement');
    const status = await story.ends('needs-human');
    expect(status).toContain('The agent says:');
    expect(status).not.toMatch(/!\[|https:\/\/evil|(^|[^\w`])@(dana|otto)\b/m);
    expect(story.issue).toMatchObject({ state: 'opened', assigneeIds: [], labelIds: [] });
  });
});

test.concurrent('malformed tool calls are told to the model and end as an outage', async () => {
  const stage = await open();
  const bad = calls(['edit_file', '{"path": "a.txt", "new_text": '], ['no_such_tool', {}]);
  await stage.tell('Malformed calls', { turns: Array(40).fill(bad) }, async (story) => {
    await story.comment('sam', '/autodev implement');
    expect(await story.ends('outage')).toContain('tool calls were malformed');
    const asked = modelCalls(stage, 'Malformed calls');
    expect(asked.length).toBeLessThanOrEqual(8);
    expect(asked.at(-1)?.bodyText).toMatch(/no_such_tool.*(unknown|no tool|not a tool)/is);
  });
});

test.concurrent('an agent that goes round in circles is stopped', async () => {
  const stage = await open();
  const again = calls(['list', { path: '.' }]);
  await stage.tell('Endless loop', { turns: Array(100).fill(again) }, async (story) => {
    await story.comment('sam', '/autodev implement');
    expect(await story.ends('needs-human')).toContain('went round in circles');
    expect(modelCalls(stage, 'Endless loop').length).toBeLessThan(20);
  });
});

test.concurrent('streams that are cut are tried again, a bounded number of times', async () => {
  const stage = await open();
  const cut = { text: 'I was about to say', fault: { cutAfterBytes: 200 } };
  await stage.tell('Cut streams', { turns: [cut] }, async (story) => {
    await story.comment('sam', '/autodev implement');
    await story.ends('outage');
    expect(modelCalls(stage, 'Cut streams').length).toBeLessThan(30);
  });
});

test.concurrent(
  'a wrong .autodev.yml is named by line and field, and defaults are used',
  async () => {
    const stage = await open();
    const project = await stage.project('stories/wrong-config', {
      '.autodev.yml': 'enabled: true\nbudget:\n  task_usd: "a lot"\nrunnr: {}\n',
    });
    const turns = [edit('a.txt', 'a\n'), finish()];
    await stage.tell('Wrong configuration', { project, turns }, async (story) => {
      await story.comment('sam', '/autodev implement');
      const note = await story.expectNote(/has mistakes; defaults are used/);
      expect(note.body).toMatch(/line 3, `budget\.task_usd`/);
      expect(note.body).toMatch(/line 4, `runnr`/);
      expect(await story.ends('done')).toContain('of $25.00');
    });
  },
);

test.concurrent(
  'a repository that does not include the template hears what is missing',
  async () => {
    const stage = await open();
    const project = await stage.project('stories/no-template', {
      '.gitlab-ci.yml':
        'test:\n  script: ["true"]\n  rules:\n    - if: $CI_PIPELINE_SOURCE == "push"\n',
    });
    await stage.tell('No template', { project }, async (story) => {
      await story.comment('sam', '/autodev implement');
      const status = await story.ends('needs-human');
      expect(status).toContain('GitLab refused to start the pipeline');
      expect(status).toContain('includes the AutoDev template');
    });
  },
);

test.concurrent('a repository without any CI configuration hears the same', async () => {
  const stage = await open();
  const project = await stage.project('stories/no-ci', { '.gitlab-ci.yml': null });
  await stage.tell('No CI', { project }, async (story) => {
    await story.comment('sam', '/autodev implement');
    expect(await story.ends('needs-human')).toContain('includes the AutoDev template');
  });
});

/** Commits the bot made for an issue, as calls to GitLab. */
function pushes(stage: Stage, iid: number): unknown[] {
  return stage.world.gitlab.calls
    .find('POST', /repository\/(commits|branches)/)
    .filter((call) => JSON.stringify(call.body).includes(`autodev/${iid}-`));
}

function modelCalls(stage: Stage, title: string): Stage['world']['models']['requests'] {
  return stage.world.models.requests.filter((request) => request.bodyText.includes(title));
}
