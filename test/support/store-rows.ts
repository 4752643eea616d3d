/** Rows for tests of the store: the smallest that the tables accept, with what a test cares about on top. */
import { createHash, randomInt, randomUUID } from 'node:crypto';
import type { AttemptSpec, RunContext } from '../../bot/domain/runs.ts';
import { type AttemptRow, insertAttempt } from '../../bot/store/attempts.ts';
import type { CallKey } from '../../bot/store/budgets.ts';
import type { Db } from '../../bot/store/db.ts';
import type { NewDelivery } from '../../bot/store/deliveries.ts';
import type { NewEffect } from '../../bot/store/effects.ts';
import { insertLaunch } from '../../bot/store/launches.ts';
import { type RepoRow, upsertRepo } from '../../bot/store/repos.ts';
import { type NewRun, type RunRow, insertRun } from '../../bot/store/runs.ts';
import { type TaskRow, insertTask } from '../../bot/store/tasks.ts';
import type { CallUsage } from '../../bot/store/usage.ts';

export const CONTEXT: RunContext = {
  title: 'Add --json output',
  text: 'So that scripts can read it.',
  issueUrl: 'http://forge.test/a/b/-/issues/1',
  defaultBranch: 'main',
  taskCapMicrousd: 10_000_000,
  repoDayCapMicrousd: 100_000_000,
  estimate: null,
  protectedPaths: [],
  tags: [],
  image: 'node:24',
  attemptsPerTask: 2,
  isolation: { sandbox: 'auto', network: 'gateway' },
  whenMissing: { codex: 'builtin', claude: 'builtin' },
  autonomy: 'guided',
  reports: false,
  environment: null,
  workflow: {
    name: 'quick',
    version: 1,
    title: 'Implement',
    stages: [
      {
        id: 'implement',
        kind: 'task',
        task: 'implement_feature',
        agent: 'builder',
        aside: false,
        optional: false,
      },
    ],
  },
};

export const SPEC: AttemptSpec = {
  taskType: 'implement_feature',
  agent: 'builder',
  image: 'node:24',
  tags: [],
  project: { path: 'group/project', defaultBranch: 'main' },
  instructions: 'Write code.',
  input: 'Add --json output.',
  engine: 'builtin',
  whenMissing: 'builtin',
  isolation: { sandbox: 'auto', network: 'gateway' },
  models: [{ provider: 'openai', model: 'test' }],
  tools: ['finish'],
  report: 'build',
  reports: ['build'],
  limits: { turns: 1, minutes: 1, commandSeconds: 1, toolResultBytes: 1, maxOutputTokens: 1 },
};

/** A project of its own, so that tests on one database do not meet. */
export function newRepo(db: Db): Promise<RepoRow> {
  return upsertRepo(db, {
    forge: 'gitlab',
    projectId: randomInt(1, 2 ** 47),
    path: 'group/project',
    defaultBranch: 'main',
    webUrl: 'http://forge.test/group/project',
  });
}

export function runFor(repo: RepoRow, fields: Partial<NewRun> = {}): NewRun {
  return {
    repoId: repo.id,
    targetType: 'issue',
    targetIid: 1,
    command: 'implement',
    requesterId: 7,
    requesterName: 'sam',
    state: 'running',
    stage: 'implement',
    capMicrousd: 25_000_000,
    context: CONTEXT,
    ...fields,
  };
}

export interface Work {
  repo: RepoRow;
  run: RunRow;
  task: TaskRow;
  attempt: AttemptRow;
}

/** A project with one run, one task and its first attempt. */
export async function newWork(db: Db, capMicrousd = 1_000_000): Promise<Work> {
  const repo = await newRepo(db);
  const run = await insertRun(db, runFor(repo));
  if (run === null) throw new Error('a new project cannot have an active run');
  const task = await insertTask(db, {
    runId: run.id,
    stage: 'implement',
    round: 0,
    type: 'implement_feature',
    agent: 'builder',
    capMicrousd,
  });
  return { repo, run, task, attempt: await nextAttempt(db, { repo, run, task }) };
}

export async function nextAttempt(db: Db, work: Omit<Work, 'attempt'>): Promise<AttemptRow> {
  const launchId = await insertLaunch(db, { runId: work.run.id, repoId: work.repo.id });
  return insertAttempt(db, {
    launchId,
    taskId: work.task.id,
    runId: work.run.id,
    repoId: work.repo.id,
    spec: SPEC,
    ref: 'main',
    sha: 'a'.repeat(40),
  });
}

/** What a call used, for a test that cares about its money only. */
export const usageOf = (call: CallKey, costMicrousd: number): CallUsage => ({
  ...{ callId: call.callId, attemptId: call.attemptId, provider: 'openai', model: 'test' },
  ...{ inputTokens: 10, cachedInputTokens: 0, outputTokens: 1, costMicrousd, outcome: 'ok' },
});

/** Shortest lease that a test can wait for and that a slow machine does not lose at once. */
export const SHORT_LEASE = 0.3;
export const LONG_LEASE = 60;

export const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();

/** Ids of what is due, longest due first. */
export const dueIds = async <T>(
  due: (db: Db, limit: number) => Promise<{ id: T }[]>,
  db: Db,
  limit: number,
): Promise<T[]> => (await due(db, limit)).map((row) => row.id);

/** Runs `fn` `count` times at once. */
export const times = <T>(count: number, fn: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => fn(index)));

export function delivery(fields: Partial<NewDelivery> = {}): NewDelivery {
  return {
    source: 'gitlab',
    dedupeKey: randomUUID(),
    eventName: 'Note Hook',
    headers: { 'x-gitlab-event': 'Note Hook' },
    body: '{}',
    ...fields,
  };
}

export function reply(work: Work, fields: Partial<NewEffect> = {}): NewEffect {
  return {
    repoId: work.repo.id,
    runId: work.run.id,
    kind: 'reply',
    key: randomUUID(),
    payload: {
      kind: 'reply',
      target: { type: 'issue', iid: 1 },
      discussionId: null,
      internal: false,
      body: 'Hello',
      about: 'note/1',
    },
    ...fields,
  };
}

export function statusComment(work: Work, run: number, fields: Partial<NewEffect> = {}): NewEffect {
  return reply(work, {
    kind: 'status_comment',
    key: `status_comment/${work.run.id}`,
    payload: { kind: 'status_comment', run, urgent: true },
    ...fields,
  });
}
