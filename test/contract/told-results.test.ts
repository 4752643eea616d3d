/**
 * Results that become a comment or issues: once each, found again after a lost answer, and refused where
 * their readers or their maker's rights have changed.
 */
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { TaskType } from '../../schema/wire/agent.ts';
import type { Report } from '../../schema/wire/report.ts';
import type { Attachment } from '../../schema/wire/result.ts';
import { loadWorkflows } from '../../bot/config/settings.ts';
import { NOTHING_GIVEN } from '../../bot/domain/given.ts';
import type { Receipt } from '../../bot/domain/effects.ts';
import { finishAttempt } from '../../bot/store/attempts.ts';
import type { EffectRow } from '../../bot/store/effects.ts';
import type { Store } from '../../bot/store/store.ts';
import { insertTask } from '../../bot/store/tasks.ts';
import type { WorkerDeps } from '../../bot/worker/deps.ts';
import { raiseIssues } from '../../bot/worker/effects/raise.ts';
import { givenFacts } from '../../bot/worker/given-facts.ts';
import { tellReport } from '../../bot/worker/effects/told.ts';
import { png } from '../support/png.ts';
import { newStore } from '../support/prepared-data.ts';
import { newWork, nextAttempt, type Work } from '../support/store-rows.ts';
import { SAMPLE_REPORTS } from '../support/sample-reports.ts';
import { issue, result } from '../unit/decide/builders.ts';

/** A first start may have to set the database up, on a machine that has other work. */
const BUSY_MS = 120_000;
const BOT = { id: 99, username: 'autodev' };

interface Made {
  iid: number;
  title: string;
  description: string;
  labels: readonly string[];
  authorId: number;
  open: boolean;
}

/** The forge as far as these effects use it. `lose`: how many answers get lost after the write. */
class Forge {
  issues: Made[] = [];
  uploads: Buffer[] = [];
  notes: { id: number; authorId: number; body: string }[] = [];
  confidential = false;
  access = 30;
  lose = 0;

  readonly port = {
    read: {
      accessLevel: async () => this.access,
      issue: async () => ({ ...issue, iid: 1, confidential: this.confidential }),
      notes: async () => this.notes,
    },
    write: {
      createNote: async (_project: number, _target: unknown, body: string) => {
        const id = this.notes.length + 1;
        this.notes.push({ id, authorId: BOT.id, body });
        this.answer();
        return { id };
      },
      updateNote: async (_project: number, _target: unknown, id: number, body: string) => {
        this.notes = this.notes.map((note) => (note.id === id ? { ...note, body } : note));
        this.answer();
      },
    },
    review: {
      attach: async (_project: number, name: string, png: Buffer) => {
        this.uploads.push(png);
        return `/uploads/${'0'.repeat(32)}/${name}`;
      },
    },
    tracker: {
      issues: async () => [issue, { ...issue, iid: 13, confidential: true, title: 'Secret plan' }],
      findIssues: async (_project: number, by: { label: string; authorId: number }) =>
        this.issues
          .filter((one) => one.labels.includes(by.label) && one.authorId === by.authorId)
          .map((one) => ({ ...one, url: `u/${one.iid}` })),
      createIssue: async (
        _project: number,
        made: Pick<Made, 'title' | 'description' | 'labels'>,
      ) => {
        const iid = 20 + this.issues.length;
        this.issues.push({ ...made, iid, authorId: BOT.id, open: true });
        this.answer();
        return { iid, url: `u/${iid}` };
      },
    },
  };

  private answer(): void {
    if (this.lose === 0) return;
    this.lose -= 1;
    throw new Error('the answer got lost');
  }
}

let store: Store;
let close: () => Promise<void>;
let forge: Forge;
beforeAll(async () => {
  ({ store, close } = await newStore());
}, BUSY_MS);
afterAll(() => close());
beforeEach(() => {
  forge = new Forge();
});

/** A run with a task of that type, whose result holds the report. */
async function worked(
  type: TaskType,
  report: Report,
  attachments: Attachment[] = [],
): Promise<{ work: Work; attempt: number }> {
  const work = await newWork(store);
  const row = { runId: work.run.id, stage: 'x', round: 0, capMicrousd: 1_000_000 };
  const task = await insertTask(store, { ...row, type, agent: 'pm' });
  const { id } = await nextAttempt(store, { ...work, task });
  await finishAttempt(store, id, {
    state: 'finished',
    cause: null,
    result: result({ attempt: id, changes: [], report, attachments }),
  });
  return { work, attempt: id };
}

type Kind = 'raise_issues' | 'report_note';

function contextOf<K extends Kind>(kind: K, work: Work, attempt: number) {
  const deps = {
    db: store,
    forge: forge.port,
    bot: async () => BOT,
    forgeHost: 'gitlab.example.com',
    ownSecrets: ['glpat-very-secret-token'],
  } as unknown as WorkerDeps;
  const effect = { kind, run: work.run.id, attempt };
  return {
    effect,
    repo: work.repo,
    row: {} as EffectRow,
    again: false,
    begin: async () => {},
    deps,
  };
}

const raise = (work: Work, attempt: number): Promise<Receipt> =>
  raiseIssues(contextOf('raise_issues', work, attempt) as Parameters<typeof raiseIssues>[0]);
const tell = (work: Work, attempt: number): Promise<Receipt> =>
  tellReport(contextOf('report_note', work, attempt) as Parameters<typeof tellReport>[0]);

const stories = SAMPLE_REPORTS.stories;
const two: Report = {
  kind: 'issues',
  issues: SAMPLE_REPORTS.issues.issues.flatMap((one) => [
    one,
    { ...one, title: 'Document it', dependsOn: [0] },
  ]),
};

test('issues are made in order, labelled so that nothing starts, and name what they come after', async () => {
  const { work, attempt } = await worked('create_implementation_issue', two);
  const receipt = await raise(work, attempt);
  expect(receipt).toMatchObject({
    outcome: 'raised',
    issues: [
      { place: 0, iid: 20, as: 'made' },
      { place: 1, iid: 21, as: 'made' },
    ],
  });
  expect(forge.issues.map(({ labels }) => labels)).toEqual([
    ['autodev-raised'],
    ['autodev-raised'],
  ]);
  expect(forge.issues[1]?.description).toContain('From #1, asked for by @sam.');
  expect(forge.issues[1]?.description).toContain('Comes after #20.');
  expect(forge.issues[1]?.description).toContain('- [ ] It is listed in the help.');
});

test('a lost answer leaves one issue of each, whatever the moment', async () => {
  for (const lose of [1, 2]) {
    forge = new Forge();
    const { work, attempt } = await worked('create_implementation_issue', two);
    forge.lose = lose;
    for (let tries = 0; tries < lose; tries += 1) {
      await expect(raise(work, attempt)).rejects.toThrow('the answer got lost');
    }
    const receipt = await raise(work, attempt);
    expect(receipt).toMatchObject({ issues: [{ as: 'made' }, { as: 'made' }] });
    expect(forge.issues.map(({ title }) => title)).toEqual(['Add the option', 'Document it']);
  }
});

test('an open issue about the same is named and not made again; a closed one is', async () => {
  const first = await worked('create_user_story', stories);
  await raise(first.work, first.attempt);
  const second = await worked('create_user_story', stories);
  expect(await raise(second.work, second.attempt)).toMatchObject({
    issues: [{ iid: 20, as: 'there' }],
  });
  forge.issues = forge.issues.map((one) => ({ ...one, open: false }));
  const third = await worked('create_user_story', stories);
  expect(await raise(third.work, third.attempt)).toMatchObject({
    issues: [{ iid: 21, as: 'made' }],
  });
});

test('a marker that somebody else copied hides nothing', async () => {
  const first = await worked('create_user_story', stories);
  await raise(first.work, first.attempt);
  forge.issues = forge.issues.map((one) => ({ ...one, authorId: 5 }));
  const second = await worked('create_user_story', stories);
  expect(await raise(second.work, second.attempt)).toMatchObject({ issues: [{ as: 'made' }] });
});

const LEAK = {
  ...stories,
  stories: stories.stories.map((one) => ({ ...one, text: 'glpat-very-secret-token' })),
};

test.each<[string, (forge: Forge) => void, Report, string]>([
  ['whoever asked lost the rights', (at) => (at.access = 20), stories, 'may not write'],
  ['the issue became confidential', (at) => (at.confidential = true), stories, 'confidential'],
  ['a secret is in the words', () => {}, LEAK, 'seems to hold a secret'],
])('nothing is made when %s', async (_what, change, report, cause) => {
  change(forge);
  const { work, attempt } = await worked('create_user_story', report);
  const receipt = await raise(work, attempt);
  expect(receipt).toMatchObject({ outcome: 'refused', cause: expect.stringContaining(cause) });
  expect(forge.issues).toEqual([]);
});

test('the comment is posted once and edited from then on', async () => {
  const { work, attempt } = await worked('analyze_repo', SAMPLE_REPORTS.analysis);
  forge.lose = 1;
  await expect(tell(work, attempt)).rejects.toThrow('the answer got lost');
  expect(await tell(work, attempt)).toEqual({ kind: 'report_note', noteId: 1 });
  expect(forge.notes).toHaveLength(1);
  expect(forge.notes[0]?.body).toContain('### AutoDev · Repository analysis');
});

test('the comment names no confidential issue, and no secret', async () => {
  const [entry] = SAMPLE_REPORTS.backlog.order;
  if (!entry) throw new Error('the sample names an issue');
  const report = { ...SAMPLE_REPORTS.backlog, order: [entry, { ...entry, iid: 13 }] };
  const backlog = await worked('prioritize_backlog', report);
  await tell(backlog.work, backlog.attempt);
  expect(forge.notes[0]?.body).toContain('#12');
  expect(forge.notes[0]?.body).not.toMatch(/#13|Secret plan/);
  const purpose = 'It holds glpat-very-secret-token.';
  const leak = await worked('analyze_repo', { ...SAMPLE_REPORTS.analysis, purpose });
  await tell(leak.work, leak.attempt);
  expect(forge.notes[1]?.body).toContain('seems to hold a secret (a secret of the bot itself)');
  expect(forge.notes[1]?.body).not.toContain('glpat');
});

test('an agent is given no confidential or closed issue to order, whatever the forge answers', async () => {
  const workflow = loadWorkflows('config/workflows')['backlog'];
  const place = { projectId: 1, defaultBranch: 'main' };
  const deps = {
    forge: {
      tracker: {
        openIssues: async () => [
          issue,
          { ...issue, iid: 13, confidential: true },
          { ...issue, iid: 14, state: 'closed' },
        ],
      },
    },
  } as unknown as WorkerDeps;
  const head = Promise.resolve({ sha: 'a' });
  const given = await givenFacts(workflow, 0, place, head, deps);
  expect(given.backlog?.map(({ iid }) => iid)).toEqual([issue.iid]);
  // Nobody is asked where no task needs it.
  expect(await givenFacts(workflow, 1, place, head, deps)).toEqual(NOTHING_GIVEN);
});

test('the newest pipeline of the head counts, those of agents do not', async () => {
  const workflow = loadWorkflows('config/workflows')['fix-build'];
  const jobs = [
    { name: 'unit', status: 'failed', allowFailure: false },
    { name: 'lint', status: 'failed', allowFailure: true },
    { name: 'build', status: 'success', allowFailure: false },
  ];
  const pipelines = ['parent_pipeline', 'api', 'push'].map((source, id) => ({
    id,
    source,
    status: source === 'push' ? 'failed' : 'success',
    url: `u/${id}`,
  }));
  const deps = {
    forge: {
      ci: { pipelines: async () => pipelines },
      deploy: { jobs: async () => jobs },
    },
  } as unknown as WorkerDeps;
  const place = { projectId: 1, defaultBranch: 'main' };
  const given = await givenFacts(workflow, 0, place, Promise.resolve({ sha: 'a' }), deps);
  expect(given.build).toEqual({ sha: 'a', status: 'failed', url: 'u/2', failedJobs: ['unit'] });
});

const picture = (title: string): Attachment => ({
  name: 'picture-1.png',
  title,
  mediaType: 'image/png',
  content: png(4, 4).toString('base64'),
});

test('pictures of a validation are uploaded and stand in its one comment', async () => {
  const { work, attempt } = await worked('validate_feature', SAMPLE_REPORTS.validation, [
    picture('The table'),
  ]);
  await tell(work, attempt);
  expect(forge.uploads).toEqual([png(4, 4)]);
  expect(forge.notes).toHaveLength(1);
  expect(forge.notes[0]?.body).toContain(
    `Picture 1: The table\n\n![picture 1](/uploads/${'0'.repeat(32)}/picture-1.png)`,
  );
});

test('a secret in the words of a picture holds the comment and the picture back', async () => {
  const { work, attempt } = await worked('validate_feature', SAMPLE_REPORTS.validation, [
    picture('glpat-very-secret-token'),
  ]);
  await tell(work, attempt);
  expect(forge.uploads).toEqual([]);
  expect(forge.notes[0]?.body).toMatch(/seems to hold a secret/);
});
