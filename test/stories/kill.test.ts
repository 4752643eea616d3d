/**
 * A bot that is killed with -9 at every named failpoint, one after the other, and started again each time,
 * leaves one pipeline, one branch, one merge request, one status comment and one run.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, expect, jest, test } from '@jest/globals';
import type { Project } from '../../sandbox/gitlab/state/types.ts';
import { startLife, type BotLife } from '../support/bot-process.ts';
import { calls } from '../support/one-story.ts';
import { addScript, createProject, restOf, startScene, type Scene } from '../support/story.ts';
import { until } from '../support/until.ts';

jest.setTimeout(300_000);

const FULL = process.env['AUTODEV_TEST_FULL'] === '1';
const SEED = Number(process.env['AUTODEV_TEST_SEED'] ?? Date.now() % 1_000_000);
const LIFE_MS = 60_000;
const DONE_MS = 90_000;

function phases(kind: string): string[] {
  return ['claimed', 'started', 'done', 'settled'].map((phase) => `${kind}.${phase}`);
}

const START = ['intake.stored', 'delivery.claimed', 'decision.made', 'decision.before_commit'];

/** All of them, or a few by chance; the same ones for the same seed. */
function some(names: string[], count: number): string[] {
  if (FULL) return names;
  const rank = (name: string): number =>
    [...`${SEED}${name}`].reduce(
      (hash, char) => Math.imul(hash ^ char.charCodeAt(0), 16_777_619),
      SEED,
    );
  const chosen = new Set(names.toSorted((a, b) => rank(a) - rank(b)).slice(0, count));
  return names.filter((name) => chosen.has(name));
}

let opened: Promise<Scene> | null = null;
const open = (): Promise<Scene> => (opened ??= startScene({}));
afterAll(async () => {
  const scene = await opened;
  await scene?.close();
  if (!FULL) process.stdout.write(`kill -9 stories: seed ${SEED} (AUTODEV_TEST_SEED)\n`);
});

/** One issue in a project of its own, and the lives of the bot that work on it. */
async function journey(name: string, env: Record<string, string> = {}) {
  const scene = await open();
  const { world, port } = scene;
  const project = await createProject(world, port, `kill/${name}`);
  const rest = restOf(world);
  const base = `/projects/${project.id}`;
  const title = `Survives ${name}`;
  const { iid } = (await rest('sam', 'POST', `${base}/issues`, { title })) as { iid: number };
  const issue = world.gitlab.api.issue(project.path, iid);
  const bot = world.people.autodev.user.id;
  const logFile = path.join(scene.dir, `${name}.log`);
  let life: BotLife | null = null;
  const start = async (failpoint: string | null): Promise<BotLife> => {
    const fault = failpoint === null ? {} : { AUTODEV_FP: `${failpoint}:kill9@1` };
    return (life = await startLife({ ...scene.env, ...env, ...fault }, { logFile }));
  };
  const notes = () => world.gitlab.api.notes(issue).filter((note) => note.authorId === bot);
  return {
    scene,
    project,
    issue,
    title,
    notes,
    comment: (body: string) =>
      rest('sam', 'POST', `${base}/issues/${iid}/notes`, { body }) as Promise<{ id: number }>,
    label: () => rest('sam', 'PUT', `${base}/issues/${iid}`, { add_labels: 'autodev' }),
    start,
    stop: async () => life?.stop(),
    log: () => readFileSync(logFile, 'utf8').split('\n').slice(-40).join('\n'),
    /** Kills the bot at each failpoint; `trigger` is called once the first life is ready. */
    dieAt: async (failpoints: string[], trigger: () => Promise<unknown>): Promise<void> => {
      let triggered: Promise<unknown> | null = null;
      for (const failpoint of failpoints) {
        const one = await start(failpoint);
        triggered ??= trigger();
        await triggered;
        await until(() => one.over(), LIFE_MS, `the bot to be killed at ${failpoint}`);
        expect(`${failpoint} ${one.killed()}`).toBe(`${failpoint} true`);
      }
      await start(null);
    },
    ends: (verdict: string) =>
      until(
        () => notes().some((note) => note.body.includes(` · ${verdict}\n`)),
        DONE_MS,
        `the verdict ${verdict}`,
      ),
  };
}

type Journey = Awaited<ReturnType<typeof journey>>;

/** Plays, stops the bot, and shows its log when something failed. */
async function play(one: Journey, story: () => Promise<void>): Promise<void> {
  try {
    await story();
  } catch (error) {
    throw new Error(`${String(error)}\n${one.log()}`, { cause: error });
  } finally {
    await one.stop();
  }
}

/** What one run leaves behind in its project, however often the bot died. */
function left(project: Project, scene: Scene): Record<string, unknown> {
  const { api } = scene.world.gitlab;
  const branches = execFileSync('git', [
    '--git-dir',
    project.gitDir,
    'branch',
    '--list',
    'autodev/*',
  ])
    .toString()
    .trim();
  return {
    pipelines: api.pipelines(project.path).filter((one) => one.spec.source === 'api').length,
    agents: api.pipelines(project.path).filter((one) => one.spec.source === 'parent_pipeline')
      .length,
    branches: branches === '' ? 0 : branches.split('\n').length,
    changes: project.mergeRequests.length,
  };
}

const ONE_OF_EACH = { pipelines: 1, agents: 1, branches: 1, changes: 1 };
const TURNS = [
  calls(['edit_file', { path: 'a.txt', new_text: 'a\n' }]),
  calls([
    'finish',
    { outcome: 'done', summary: 'Done.', report: { kind: 'build', selfScore: 80 } },
  ]),
];

function quickAgent(scene: Scene, title: string, delayMs = 0): void {
  addScript(scene.scripts, title, {
    answer: (_conversation, turn) => ({ ...(TURNS[turn - 1] ?? TURNS[1]), delayMs }),
  });
}

test.each([
  ['start', [...START, 'decision.committed', ...phases('create_pipeline')], 2],
  ['status', phases('status_comment'), 1],
  ['publish', ['result.stored', ...phases('commit_changes'), ...phases('open_change')], 2],
] as const)('killed on the way (%s): one of each', async (name, failpoints, count) => {
  const one = await journey(name);
  quickAgent(one.scene, one.title);
  await play(one, async () => {
    await one.dieAt(some([...failpoints], count), () => one.label());
    await one.ends('done');
    expect(left(one.project, one.scene)).toEqual(ONE_OF_EACH);
    expect(one.notes()).toHaveLength(1);
  });
});

test('killed while it answers: one reply, one reaction', async () => {
  const one = await journey('answer');
  await play(one, async () => {
    for (const kind of ['react', 'reply']) {
      let noteId = 0;
      const before = one.notes().length;
      const ask = async (): Promise<void> => {
        noteId = (await one.comment('/autodev help')).id;
      };
      await one.dieAt(some(phases(kind), 1), ask);
      const note = () => one.issue.notes.find(({ id }) => id === noteId);
      await until(
        () => one.notes().length > before && (note()?.awards.length ?? 0) > 0,
        DONE_MS,
        'the answer',
      );
      await one.stop();
      expect(one.notes()).toHaveLength(before + 1);
      expect(note()?.awards.map((award) => award.name)).toEqual(['white_check_mark']);
    }
  });
});

test('killed while it cancels: the pipeline is stopped, nothing is published', async () => {
  const one = await journey('cancel');
  quickAgent(one.scene, one.title, 60_000);
  const cancelWhileRunning = async (): Promise<void> => {
    await one.label();
    await until(
      () => one.notes().some((note) => /implement \| running/.test(note.body)),
      DONE_MS,
      'the agent to run',
    );
    await one.comment('/autodev cancel');
  };
  await play(one, async () => {
    await one.dieAt(some(phases('cancel_pipeline'), 1), cancelWhileRunning);
    await one.ends('cancelled');
    const live = () =>
      one.scene.world.gitlab.api
        .pipelines(one.project.path)
        .filter(({ status }) => ['created', 'pending', 'running'].includes(status));
    await until(() => live().length === 0, DONE_MS, 'the pipelines to stop');
    expect(left(one.project, one.scene)).toEqual({ ...ONE_OF_EACH, branches: 0, changes: 0 });
    expect(one.notes()).toHaveLength(1);
  });
});
