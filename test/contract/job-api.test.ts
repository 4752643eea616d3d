/** The job API from plan to result, over real sockets and a real database (F1, F8). */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { attemptById, finishAttempt } from '../../bot/store/attempts.ts';
import { setPipeline } from '../../bot/store/launches.ts';
import { ApiError, ClaimResponse } from '../../schema/wire/job-api.ts';
import type { JobResult } from '../../schema/wire/result.ts';
import {
  AUDIENCE,
  resultOf,
  SHA,
  startJobStage,
  type Job,
  type JobStage,
} from '../support/job-api.ts';
import { newWork, nextAttempt, sha256, times } from '../support/store-rows.ts';
import type { Answer } from '../support/web.ts';
import { expectError } from '../support/expected.ts';

let stage: JobStage;
beforeAll(async () => {
  stage = await startJobStage();
});
afterAll(() => stage.close());

describe('from claim to result', () => {
  test('the whole way, each step once', async () => {
    const job = await stage.newJob();
    const { id } = job.work.attempt;
    const rung = stage.web.rung.length;
    const answer = await stage.claim(job);
    const { token, spec, ...rest } = ClaimResponse.parse(answer.json);
    expect(rest).toEqual({ heartbeatSeconds: 10, gateway: `${AUDIENCE}/gateway` });
    expect(spec).toMatchObject({ attempt: id, baseSha: SHA, task: { agent: 'builder' } });
    expect(answer.text).not.toMatch(/image|tags/);
    expect(await attemptById(stage.store, id)).toMatchObject({
      state: 'running',
      childPipelineId: job.child,
    });
    const [secret] = await stage.store.query<{ hash: Buffer }>(
      'select token_hash as hash from attempts where id = $1',
      [id],
    );
    expect(secret?.hash.equals(sha256(token))).toBe(true);

    expectError(await stage.claim(job), 409, 'taken');
    const again = stage.token({ ...job.claims, jti: randomUUID() });
    expectError(await stage.claim(job, again), 409, 'taken');

    const beat = await stage.call('heartbeat', token, { turn: 3, doing: 'run_command npm test' });
    expect(beat.json).toEqual({ cancel: false, messages: [], upTo: 0 });
    expect((await attemptById(stage.store, id))?.progress).toEqual({
      turn: 3,
      doing: 'run_command npm test',
    });

    const sent = await stage.call('result', token, resultOf(job));
    expect({ status: sent.status, json: sent.json }).toEqual({
      status: 202,
      json: { accepted: true },
    });
    expect(await attemptById(stage.store, id)).toMatchObject({
      state: 'finished',
      result: resultOf(job),
    });
    expectError(await stage.call('result', token, resultOf(job)), 401, 'attempt_over');
    expectError(await stage.call('heartbeat', token, { turn: 4, doing: '' }), 401, 'attempt_over');
    expectError(await stage.claim(job, again), 409, 'gone');
    const events = await stage.store.query<{ dedupe_key: string }>(
      `select dedupe_key from deliveries where source = 'autodev' and body like $1 order by received_at`,
      [`%"attemptId":${id}}`],
    );
    expect(events.map((one) => one.dedupe_key)).toEqual([`claimed:${id}`, `result:${id}`]);
    expect(stage.web.rung.length - rung).toBe(2);
  });

  test('20 claims at once: one gets the task', async () => {
    const job = await stage.newJob();
    const answers = await times(20, () =>
      stage.claim(job, stage.token({ ...job.claims, jti: randomUUID() })),
    );
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, ...Array(19).fill(409)]);
  });

  test('20 results at once: one is used', async () => {
    const job = await stage.newJob();
    const token = await stage.claimed(job);
    const answers = await times(20, () => stage.call('result', token, resultOf(job)));
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 202)).toHaveLength(1);
    for (const status of statuses) expect([202, 401, 409]).toContain(status);
  });

  test.each<[string, (job: Job) => Promise<unknown>]>([
    ['was replaced by a newer one', (job) => nextAttempt(stage.store, job.work)],
    [
      'was cancelled',
      (job) =>
        finishAttempt(stage.store, job.work.attempt.id, { state: 'cancelled', cause: 'by @sam' }),
    ],
    [
      'was given up as lost',
      (job) =>
        finishAttempt(stage.store, job.work.attempt.id, { state: 'lost', cause: 'no heartbeat' }),
    ],
    [
      'has run out of time',
      (job) =>
        stage.store.query(
          `update attempts set token_expires_at = now() - interval '1 s' where id = $1`,
          [job.work.attempt.id],
        ),
    ],
  ])('the token of an attempt that %s writes nothing (F1, F8)', async (_, end) => {
    const job = await stage.newJob();
    const token = await stage.claimed(job);
    await end(job);
    const before = await stage.stateOf(job);
    expectError(await stage.call('heartbeat', token, { turn: 1, doing: '' }), 401, 'attempt_over');
    expectError(await stage.call('result', token, resultOf(job)), 401, 'attempt_over');
    expect(await stage.stateOf(job)).toEqual(before);
  });

  test('an attempt that ended between heartbeat and write: the job is told to stop', async () => {
    const job = await stage.newJob();
    const token = await stage.claimed(job);
    await nextAttempt(stage.store, job.work);
    expectError(
      await stage.claim(job, stage.token({ ...job.claims, jti: randomUUID() })),
      409,
      'gone',
    );
    expect((await stage.call('heartbeat', token, { turn: 1, doing: '' })).status).toBe(401);
  });

  test('attempt tokens and id tokens do not stand in for each other', async () => {
    const job = await stage.newJob();
    const idToken = stage.token({ ...job.claims, jti: randomUUID() });
    const token = await stage.claimed(job);
    expectError(
      await stage.call('heartbeat', idToken, { turn: 1, doing: '' }),
      401,
      'attempt_over',
    );
    expectError(
      await stage.call('claim', token, { attempt: job.work.attempt.id }),
      401,
      'id_token_refused',
    );
    for (const wrong of [null, '', token.slice(0, -1), `${token}A`, token.toLowerCase()]) {
      expectError(
        await stage.call('heartbeat', wrong, { turn: 1, doing: '' }),
        401,
        'attempt_over',
      );
    }
  });

  const WRONG: [string, (job: Job) => unknown, RegExp][] = [
    ['another version', (job) => ({ ...resultOf(job), version: 2 }), /^version: /],
    ['an unknown outcome', (job) => ({ ...resultOf(job), outcome: 'merged' }), /^outcome: /],
    ['a verb that does not exist', (job) => ({ ...resultOf(job), approve: true }), /approve/],
    [
      'a symlink',
      (job) => ({
        ...resultOf(job),
        changes: [{ path: 'a', action: 'create', mode: '120000', content: '' }],
      }),
      /^changes\.0\.mode: /,
    ],
    [
      'content that is no base64',
      (job) => ({
        ...resultOf(job),
        changes: [{ path: 'a', action: 'create', mode: '100644', content: '***' }],
      }),
      /^changes\.0\.content: /,
    ],
    ['too long a summary', (job) => resultOf(job, { summary: 'x'.repeat(20_001) }), /^summary: /],
    ['a short commit', (job) => resultOf(job, { baseSha: 'abc' }), /^baseSha: /],
    ['no stats', (job) => ({ ...resultOf(job), stats: undefined }), /^stats: /],
    ['nothing', () => undefined, /^body: /],
  ];
  test.each(WRONG)('a result with %s: 422 names the field', async (_, make, message) => {
    const job = await stage.newJob();
    const token = await stage.claimed(job);
    const answer = await stage.call('result', token, make(job));
    expectError(answer, 422, 'wrong_body');
    expect(ApiError.parse(answer.json).error.message).toMatch(message);
    expect((await stage.call('result', token, resultOf(job))).status).toBe(202);
  });

  test.each<[string, Partial<JobResult>]>([
    ['attempt', { attempt: 1 }],
    ['commit', { baseSha: 'b'.repeat(40) }],
  ])('a result for another %s: 403', async (_, more) => {
    const job = await stage.newJob();
    const token = await stage.claimed(job);
    expectError(await stage.call('result', token, resultOf(job, more)), 403, 'not_yours');
    expect((await attemptById(stage.store, job.work.attempt.id))?.state).toBe('running');
  });

  test('characters that PostgreSQL refuses cost neither a heartbeat nor a result', async () => {
    const job = await stage.newJob();
    const token = await stage.claimed(job);
    const odd = 'a\0b\ud83d and \\u0000';
    expect((await stage.call('heartbeat', token, { turn: 1, doing: odd })).status).toBe(200);
    const sent = resultOf(job, { summary: odd, cause: odd });
    expect((await stage.call('result', token, sent)).status).toBe(202);
    const kept = await attemptById(stage.store, job.work.attempt.id);
    const mended = 'a\uFFFDb\uFFFD and \\u0000';
    expect(kept).toMatchObject({ cause: mended, result: { summary: mended } });
  });

  test('bodies are capped, and read for nobody unknown', async () => {
    const job = await stage.newJob();
    const token = await stage.claimed(job);
    const long = { turn: 1, doing: 'x'.repeat(70_000) };
    expectError(await stage.call('heartbeat', token, long), 413);
    expectError(await stage.call('heartbeat', token, { turn: 1, doing: 'x'.repeat(201) }), 422);
    expectError(await stage.call('result', token, 'x'.repeat(16 * 1024 * 1024 + 1)), 413);
    expectError(await stage.call('result', token, '{"version":'), 400);
    expectError(await stage.call('heartbeat', null, long), 401, 'attempt_over');
    expectError(await stage.call('result', 'wrong', '{"version":'), 401, 'attempt_over');
  });
});

describe('plan', () => {
  const plan = (claims: object): Promise<Answer> => stage.call('plan', stage.token(claims));
  const parentClaims = (job: Job): Record<string, unknown> => ({
    ...job.claims,
    jti: randomUUID(),
    pipeline_id: String(job.parent),
    pipeline_source: 'api',
  });
  beforeEach(async () => {
    await stage.store.query(`update attempts set state = 'lost' where state = 'requested'`);
  });

  test('the pipeline of an attempt gets its child pipeline: ids and constants only', async () => {
    const job = await stage.newJob();
    const answer = await plan(parentClaims(job));
    expect(answer.status).toBe(200);
    expect(answer.headers['content-type']).toContain('text/yaml');
    const yaml = parse(answer.text) as Record<string, Record<string, unknown>>;
    expect(Object.keys(yaml)).toEqual(['workflow', 'autodev-agent']);
    expect(yaml['autodev-agent']).toMatchObject({
      inherit: { default: false, variables: false },
      id_tokens: { AUTODEV_ID_TOKEN: { aud: AUDIENCE } },
      variables: { AUTODEV_ATTEMPT: String(job.work.attempt.id), AUTODEV_SERVER: AUDIENCE },
    });
    expect(answer.text).not.toContain('Add --json output');
    // Asking twice changes nothing: GitLab may run the job again.
    expect((await plan(parentClaims(job))).text).toBe(answer.text);
  });

  const harmless = (answer: Answer): void => {
    expect(answer.status).toBe(200);
    expect(Object.keys(parse(answer.text) as object)).toEqual([
      'workflow',
      'autodev-nothing-to-do',
    ]);
    expect(answer.text).not.toMatch(/id_token|AUTODEV_|autodev-job/);
  };

  test('a pipeline nobody asked for gets a harmless child', async () => {
    const job = await stage.newJob();
    harmless(await plan({ ...parentClaims(job), pipeline_id: '99999999' }));
    harmless(await plan({ ...parentClaims(job), project_id: '5', job_project_id: '5' }));
  });

  test('so does the pipeline of an attempt that is over', async () => {
    const job = await stage.newJob();
    await finishAttempt(stage.store, job.work.attempt.id, { state: 'cancelled', cause: 'by @sam' });
    harmless(await plan(parentClaims(job)));
  });

  test('while a pipeline of the project is being recorded: 503, then the plan', async () => {
    const work = await newWork(stage.store);
    const parent = stage.newId();
    const claims = { ...stage.claimsOf(work, parent), pipeline_source: 'api' };
    const answer = await plan(claims);
    expectError(answer, 503, 'not_ready');
    expect(answer.headers['retry-after']).toBe('2');
    const pipeline = { pipelineId: parent, pipelineUrl: null, sha: SHA, claimSeconds: null };
    await setPipeline(stage.store, work.attempt.launchId, pipeline);
    expect((await plan(claims)).text).toContain(`AUTODEV_ATTEMPT: "${work.attempt.id}"`);
  });

  test('a pipeline that is recorded while its plan is looked up gets the plan', async () => {
    const work = await newWork(stage.store);
    const parent = stage.newId();
    const claims = { ...stage.claimsOf(work, parent), pipeline_source: 'api' };
    const pipeline = { pipelineId: parent, pipelineUrl: null, sha: SHA, claimSeconds: null };
    let looked = false;
    const between: typeof stage.store = {
      ...stage.store,
      query: async <Row>(text: string, ...rest: unknown[]): Promise<Row[]> => {
        const rows = await stage.store.query<Row>(text, ...(rest as [unknown[]]));
        if (!looked && text.includes('from attempts')) {
          looked = true;
          await setPipeline(stage.store, work.attempt.launchId, pipeline);
        }
        return rows;
      },
    };
    const web = await stage.serve(stage.issuer, { db: between });
    const answer = await stage.call('plan', stage.token(claims), undefined, web);
    await web.close();
    expect(answer.text).toContain(`AUTODEV_ATTEMPT: "${work.attempt.id}"`);
    expect(looked).toBe(true);
  });
});
