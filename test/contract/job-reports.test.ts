/** What a job may fetch and bring besides its own commit: reports of a pipeline, work on a change's head. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { noReports } from '../../bot/domain/reports.ts';
import { putEffect } from '../../bot/store/effects.ts';
import { lastGate, reportPipelines } from '../../bot/store/reports.ts';
import { updateRun } from '../../bot/store/runs.ts';
import { ClaimResponse, ReportsResponse } from '../../schema/wire/job-api.ts';
import { BOT, resultOf, SHA, startJobStage, type JobStage } from '../support/job-api.ts';
import { newWork, type Work } from '../support/store-rows.ts';
import { expectError } from '../support/expected.ts';

const HEAD = 'b'.repeat(40);
let stage: JobStage;
beforeAll(async () => {
  stage = await startJobStage();
});
afterAll(() => stage.close());

const FILES = { junit: '<testsuites/>', codequality: '[]', sast: '{}' };

const NO_SCANS = {
  dependencyScanning: null,
  secretDetection: null,
  sarif: null,
  cobertura: null,
  coverage: null,
};

/** An effect that started a pipeline for reports; without one it is under way. */
async function published(work: Work, pipelineId: number | null): Promise<void> {
  const { id } = await putEffect(stage.store, {
    repoId: work.repo.id,
    runId: work.run.id,
    kind: 'publish_reports',
    key: `publish_reports/${work.run.id}/0`,
    payload: { kind: 'publish_reports', run: work.run.id, round: 0, sha: HEAD },
  });
  const receipt = { kind: 'publish_reports', pipelineId, url: '', reports: FILES };
  await stage.store.query(
    pipelineId === null
      ? 'update effects set started_at = now() where id = $1'
      : `update effects set started_at = now(), state = 'done', receipt = $2 where id = $1`,
    pipelineId === null ? [id] : [id, JSON.stringify(receipt)],
  );
}

const mergeRequestJob = (work: Work, pipelineId: number, more: object = {}): string =>
  stage.token({
    ...stage.claimsOf(work, pipelineId),
    pipeline_source: 'merge_request_event',
    ref: 'autodev/12',
    ...more,
  });

describe('reports', () => {
  test('go to the pipeline that was started for them, and to no other one', async () => {
    const work = await newWork(stage.store);
    const [own, other] = [stage.newId(), stage.newId()];
    await published(work, own);
    const answer = await stage.call('reports', mergeRequestJob(work, own));
    // A receipt from before there were scanners is read as one without them.
    expect(ReportsResponse.parse(answer.json)).toEqual({ ...FILES, ...NO_SCANS });
    const strange = await stage.call('reports', mergeRequestJob(work, other));
    const empty = ReportsResponse.parse(strange.json);
    expect(JSON.parse(empty.codequality)).toEqual([]);
    expect(empty.junit).toBe(noReports(new Date()).junit);
  });

  test('are not for pipelines of another project or another user', async () => {
    const [work, stranger] = [await newWork(stage.store), await newWork(stage.store)];
    const own = stage.newId();
    await published(work, own);
    const answer = await stage.call('reports', mergeRequestJob(stranger, own));
    expect(JSON.parse(ReportsResponse.parse(answer.json).codequality)).toEqual([]);
    const user = { user_id: String(BOT + 1) };
    expectError(await stage.call('reports', mergeRequestJob(work, own, user)), 403, 'not_yours');
    expectError(await stage.call('reports', null), 401);
  });

  test('wait while the pipeline is being recorded', async () => {
    const work = await newWork(stage.store);
    await published(work, null);
    const answer = await stage.call('reports', mergeRequestJob(work, stage.newId()));
    expectError(answer, 503, 'not_ready');
    expect(answer.headers['retry-after']).toBe('2');
  });

  test('their pipelines are known by the change, so that they are no facts about it', async () => {
    const work = await newWork(stage.store);
    const own = stage.newId();
    await published(work, own);
    const { repo, run } = work;
    expect(await reportPipelines(stage.store, repo.id, 77)).toEqual(new Set());
    await updateRun(stage.store, run.id, run.version, { changeIid: 77 });
    expect(await reportPipelines(stage.store, repo.id, 77)).toEqual(new Set([own]));
    expect(await reportPipelines(stage.store, repo.id + 1, 77)).toEqual(new Set());
  });

  test('the gate of the head is what was said last of it', async () => {
    const { repo, run } = await newWork(stage.store);
    const gate = (asked: number, state: 'pending' | 'success', sha: string) =>
      putEffect(stage.store, {
        repoId: repo.id,
        runId: run.id,
        kind: 'set_gate',
        key: `set_gate/${run.id}/code/${sha}/${asked}`,
        payload: {
          kind: 'set_gate',
          run: run.id,
          change: 'code',
          sha,
          state,
          text: `t${asked}`,
          asked,
        },
      });
    expect(await lastGate(stage.store, run.id, HEAD)).toBeNull();
    await gate(1, 'pending', HEAD);
    await gate(2, 'success', HEAD);
    await gate(3, 'pending', SHA);
    expect(await lastGate(stage.store, run.id, HEAD)).toEqual({ state: 'success', text: 't2' });
  });
});

describe('work on the head of a change', () => {
  test('the claim is bound to the pipeline, the work to the head that comes with it', async () => {
    const job = await stage.newJob();
    const { id } = job.work.attempt;
    await stage.store.query('update attempts set work_sha = $2 where id = $1', [id, HEAD]);
    // A job that runs at the head itself is not the one the bot started.
    expectError(
      await stage.claim(job, stage.token({ ...job.claims, sha: HEAD })),
      403,
      'not_yours',
    );
    const answer = await stage.claim(job);
    const { spec, token } = ClaimResponse.parse(answer.json);
    expect(spec.baseSha).toBe(HEAD);
    expectError(await stage.call('result', token, resultOf(job)), 403, 'not_yours');
    const sent = await stage.call('result', token, resultOf(job, { baseSha: HEAD }));
    expect(sent.status).toBe(202);
  });
});
