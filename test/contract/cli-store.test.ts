/** `autodev replay` and `autodev explain` over a database with a story in it. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { tell } from '../../bot/cli/explain/prose.ts';
import { readStory } from '../../bot/cli/explain/story.ts';
import type { Target } from '../../bot/domain/runs.ts';
import { normaliseGitLab } from '../../bot/forge/gitlab/events/normalise.ts';
import { appendAudit } from '../../bot/store/audit.ts';
import {
  claimDelivery,
  deliveryById,
  dueDeliveries,
  insertDelivery,
  recentDeliveriesWith,
  replayDelivery,
  settleDelivery,
  type DeliveryState,
} from '../../bot/store/deliveries.ts';
import { allRepos, repoByPath, upsertRepo, type RepoRow } from '../../bot/store/repos.ts';
import { updateRun } from '../../bot/store/runs.ts';
import type { Store } from '../../bot/store/store.ts';
import { newStore } from '../support/prepared-data.ts';
import { dueIds, newWork, type Work } from '../support/store-rows.ts';

let db: Store;
let close: () => Promise<void>;

beforeAll(async () => {
  ({ store: db, close } = await newStore());
});
afterAll(() => close());

/** A delivery of GitLab as intake stores it, settled as asked. */
async function delivery(
  state: Exclude<DeliveryState, 'held'>,
  reason: string | null,
  body: object = { object_kind: 'wiki_page' },
  header = 'Note Hook',
): Promise<string> {
  const { id } = await insertDelivery(db, {
    source: 'gitlab',
    dedupeKey: randomUUID(),
    eventName: header,
    headers: { 'x-gitlab-event': header },
    body: JSON.stringify(body),
  });
  if (state !== 'new') {
    await claimDelivery(db, id, 'w', 60);
    await settleDelivery(db, id, 'w', { state, reason });
  }
  return id;
}

describe('replay', () => {
  test.each(['done', 'ignored', 'parked'] as const)('a %s delivery is due again', async (state) => {
    const id = await delivery(state, 'why');
    const first = await replayDelivery(db, id);
    const second = await replayDelivery(db, id);
    if (first === null || first === 'waiting' || second === null || second === 'waiting') {
      throw new Error('not replayed');
    }
    expect([first.number, second.number]).toEqual([1, 2]);
    const [original, copy] = [await deliveryById(db, id), await deliveryById(db, first.id)];
    expect(original).toMatchObject({ state, reason: 'why' });
    const { source, eventName, headers, body } = original!;
    expect(copy).toMatchObject({ source, eventName, headers, body, state: 'new', attempts: 0 });
    expect(copy?.dedupeKey).toBe(`replay:${id}:1`);
    expect(await dueIds(dueDeliveries, db, 1000)).toEqual(
      expect.arrayContaining([first.id, second.id]),
    );
  });

  test('one that waits is left alone, and an unknown one is said to be', async () => {
    expect(await replayDelivery(db, await delivery('new', null))).toBe('waiting');
    expect(await replayDelivery(db, randomUUID())).toBeNull();
  });

  test('two at once are two replays', async () => {
    const id = await delivery('parked', 'why');
    const copies = await Promise.all([replayDelivery(db, id), replayDelivery(db, id)]);
    expect(copies.map((copy) => (copy as { number: number }).number).toSorted()).toEqual([1, 2]);
  });
});

test('projects are found by path whatever its case, the newest first, and listed', async () => {
  const make = (projectId: number): Promise<RepoRow> =>
    upsertRepo(db, {
      forge: 'gitlab',
      projectId,
      path: 'Group/Sub.Project',
      defaultBranch: 'main',
      webUrl: 'http://forge.test/g',
    });
  await make(71);
  await make(72);
  expect(await repoByPath(db, 'gitlab', 'group/sub.project')).toMatchObject({ projectId: 72 });
  expect(await repoByPath(db, 'gitlab', 'group/subxproject')).toBeNull();
  expect(await repoByPath(db, 'github', 'group/sub.project')).toBeNull();
  expect((await allRepos(db, 'gitlab', 1)).length).toBe(1);
});

describe('explain', () => {
  const webhooks = { normalise: normaliseGitLab };
  const issue: Target = { type: 'issue', iid: 1 };

  /** A note as GitLab sends it, on issue 1 or on another. */
  const note = (work: Work, iid: number, text: string): object => ({
    object_kind: 'note',
    event_type: 'note',
    user: { id: 8, username: 'gus', name: 'Gus' },
    project_id: work.repo.projectId,
    project: {
      id: work.repo.projectId,
      path_with_namespace: work.repo.path,
      default_branch: 'main',
      web_url: work.repo.webUrl,
    },
    object_attributes: {
      id: 5,
      note: text,
      noteable_type: 'Issue',
      system: false,
      action: 'create',
    },
    issue: { id: 900, iid, title: 'Add --json', state: 'opened', labels: [], author_id: 7 },
  });

  async function decided(work: Work, deliveryId: string): Promise<void> {
    await appendAudit(db, {
      repoId: work.repo.id,
      runId: work.run.id,
      deliveryId,
      targetType: 'issue',
      targetIid: 1,
      entry: {
        event: 'note',
        actor: { id: 7, username: 'sam' },
        known: {
          access: 30,
          run: null,
          headSha: 'abcdef0123456789',
          changeState: 'opened',
          changePipeline: { id: 31, status: 'success' },
        },
        reasons: ['@sam may give this command'],
        writes: ['create_run'],
        effects: ['create_pipeline', 'status_comment'],
      },
    });
  }

  test('tells runs, decisions and what was ignored, oldest first', async () => {
    const work = await newWork(db, 10_000_000);
    const done = await delivery('done', 'started', note(work, 1, '/autodev implement'));
    await decided(work, done);
    const ignored = await delivery('ignored', 'no command in the note', note(work, 1, 'hello'));
    const parked = await delivery('parked', '403 Forbidden', note(work, 1, '/autodev status'));
    await delivery('ignored', 'another issue', note(work, 11, 'hello'));
    await updateRun(db, work.run.id, work.run.version, {
      state: 'completed',
      changeIid: 4,
      changeUrl: 'http://forge.test/mr/4',
      verdict: { kind: 'done', cause: 'The change is there.', next: 'Review !4.' },
    });

    const story = await readStory(db, webhooks, work.repo, issue, 20);
    const text = tell(story).join('\n');
    const { run, task, attempt } = work;
    const expected = [
      `group/project#1, issue 1 of project ${work.repo.projectId}`,
      `Run ${run.id}: /autodev implement, asked by @sam (id 7), is completed in stage implement.`,
      'merge request !4 http://forge.test/mr/4',
      `task ${task.id}: implement_feature by builder, queued, $0.00 of $10.00`,
      `attempt ${attempt.id} (fence 1): requested`,
      'It ended done, $0.00: The change is there. Review !4.',
      `note event by @sam (id 7), delivery ${done} (Note Hook)`,
      'known: access Developer (30), no run was active, head abcdef01, the change was opened, its pipeline 31 was success',
      'decided: @sam may give this command',
      'did: create run, create pipeline, status comment',
      `delivery ${ignored}\n  ignored: no command in the note`,
      `delivery ${parked}\n  given up: 403 Forbidden\n  once more: autodev replay ${parked}`,
    ];
    let from = 0;
    for (const part of expected) {
      const at = text.indexOf(part, from);
      expect({ part, found: at >= 0 }).toEqual({ part, found: true });
      from = at;
    }
    expect(text).not.toContain('another issue');
    expect(JSON.parse(JSON.stringify(story))).toMatchObject({ runs: [{ run: { id: run.id } }] });
    expect((await readStory(db, webhooks, work.repo, issue, 1)).steps).toHaveLength(1);
  });

  test('of a change it tells the run that made it', async () => {
    const work = await newWork(db);
    await decided(work, await delivery('done', 'x'));
    await updateRun(db, work.run.id, work.run.version, { changeIid: 6 });
    const story = await readStory(db, webhooks, work.repo, { type: 'change', iid: 6 }, 20);
    expect(story.runs.map((view) => view.run.id)).toEqual([work.run.id]);
    expect(tell(story)[0]).toBe(
      `group/project!6, merge request 6 of project ${work.repo.projectId}`,
    );
    expect(story.steps).toMatchObject([{ kind: 'decision', runId: work.run.id }]);
  });

  test('entries of another shape are shown as they are', async () => {
    const work = await newWork(db);
    await appendAudit(db, {
      repoId: work.repo.id,
      targetType: 'issue',
      targetIid: 9,
      entry: { old: 1 },
    });
    const story = await readStory(db, webhooks, work.repo, { type: 'issue', iid: 9 }, 20);
    expect(tell(story).join('\n')).toMatch(/No run was ever started[^]*\{"old":1\}/);
  });

  test('where nothing is known it says where to look', async () => {
    const work = await newWork(db);
    const story = await readStory(db, webhooks, work.repo, { type: 'issue', iid: 77 }, 20);
    expect(tell(story).join('\n')).toMatch(/No event about it is stored[^]*replay --list/);
  });

  test('deliveries are searched among the newest only, and huge ones not at all', async () => {
    const id = await delivery('ignored', 'x', { marker: 'needle', pad: '' });
    await delivery('ignored', 'x', { marker: 'needle', pad: 'x'.repeat(1_000_001) });
    const find = (among: number) => recentDeliveriesWith(db, { text: 'needle', among, limit: 10 });
    expect((await find(10)).map((row) => row.id)).toEqual([id]);
    expect(await find(1)).toEqual([]);
  });
});
