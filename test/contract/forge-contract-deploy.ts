/**
 * What every driver does for deployments (ForgeDeploy). Continues forge-contract.ts; a test file gives the
 * world, see forge-gitlab-deploy.test.ts.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { DeployJob } from '../../bot/domain/deploys.ts';
import type { Forge } from '../../bot/forge/forge.ts';
import { kindOf, type Trouble } from './forge-contract.ts';

/**
 * A project whose default branch has the jobs `unit` and the manual `autodev-deploy-staging` and
 * `autodev-deploy-guarded`; the bot may start all of them but the last.
 */
export interface DeployWorld {
  forge: Forge;
  /** With the token of somebody who may see the project and start nothing. */
  onlooker: Forge;
  projectId: number;
  defaultBranch: string;
  /** A new commit on the default branch whose pipeline has passed; `breaks`: its deployment fails. */
  commit(options?: { breaks?: boolean }): Promise<{ sha: string; pipelineId: number }>;
  trouble(method: string, path: RegExp, trouble: Trouble): void;
  close(): Promise<void>;
}

const STAGING = 'autodev-deploy-staging';
const OVER = new Set(['success', 'failed', 'canceled']);
const PATIENCE_MS = 60_000;

/** Defines the suite. `make` is called once, before the first test. */
export function defineDeployContract(label: string, make: () => Promise<DeployWorld>): void {
  describe(`forge contract, deployments: ${label}`, () => {
    let world: DeployWorld;
    let good: { sha: string; pipelineId: number; job: DeployJob };
    beforeAll(async () => {
      world = await make();
      const made = await world.commit();
      good = { ...made, job: await jobNamed(made.pipelineId, STAGING) };
    });
    afterAll(async () => {
      await world?.close();
    });

    const deploy = (): Forge['deploy'] => world.forge.deploy;

    async function jobNamed(pipelineId: number, name: string): Promise<DeployJob> {
      const jobs = await deploy().jobs(world.projectId, pipelineId);
      const found = jobs.find((job) => job.name === name);
      if (!found) throw new Error(`no job ${name} among ${jobs.map((job) => job.name).join(', ')}`);
      return found;
    }

    async function over(jobId: number): Promise<DeployJob> {
      const end = Date.now() + PATIENCE_MS;
      for (;;) {
        const job = await deploy().job(world.projectId, jobId);
        if (OVER.has(job.status)) return job;
        if (Date.now() > end) throw new Error(`job ${jobId} stayed ${job.status}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }

    test('jobs of a pipeline, with what a deployment needs to know of them', async () => {
      const jobs = await deploy().jobs(world.projectId, good.pipelineId);
      expect(jobs.map(({ name, status, allowFailure }) => [name, status, allowFailure])).toEqual(
        expect.arrayContaining([
          ['unit', 'success', false],
          [STAGING, 'manual', true],
        ]),
      );
      expect(good.job).toEqual(await deploy().job(world.projectId, good.job.id));
      expect(good.job).toMatchObject({ pipelineId: good.pipelineId, failureReason: null });
      expect(good.job.url).toMatch(/^https?:/);
      expect(await kindOf(deploy().job(world.projectId, 999_999))).toBe('not_found');
    });

    test('what the configuration of a commit has, before any pipeline of it', async () => {
      const names = await deploy().configuredJobs(world.projectId, good.sha);
      expect(names).toEqual(expect.arrayContaining(['unit', STAGING]));
      expect(names?.every((name) => !name.startsWith('.'))).toBe(true);
    });

    test('who may not start a job is denied', async () => {
      const guarded = await jobNamed(good.pipelineId, 'autodev-deploy-guarded');
      expect(await kindOf(deploy().play(world.projectId, guarded.id))).toBe('denied');
      expect(await kindOf(world.onlooker.deploy.play(world.projectId, good.job.id))).toBe('denied');
      const after = await deploy().job(world.projectId, guarded.id);
      expect(after.status).toBe('manual');
    });

    test('a job that is not manual cannot be played', async () => {
      const unit = await jobNamed(good.pipelineId, 'unit');
      expect(await kindOf(deploy().play(world.projectId, unit.id))).toBe('invalid');
      expect(await kindOf(deploy().play(world.projectId, 999_999))).toBe('not_found');
    });

    test('play, deployment, failure and the way back by a retry', async () => {
      const { projectId } = world;
      expect(await deploy().deployments(projectId, { environment: 'staging' })).toEqual([]);
      const played = await deploy().play(projectId, good.job.id);
      expect(played).toMatchObject({ id: good.job.id, name: STAGING });
      expect(await over(played.id)).toMatchObject({ status: 'success' });
      const bad = await world.commit({ breaks: true });
      const badJob = await jobNamed(bad.pipelineId, STAGING);
      await deploy().play(projectId, badJob.id);
      expect(await over(badJob.id)).toMatchObject({
        status: 'failed',
        failureReason: 'script_failure',
      });
      const again = await deploy().retry(projectId, good.job.id);
      expect(again.id).toBeGreaterThan(good.job.id);
      expect(await over(again.id)).toMatchObject({
        status: 'success',
        pipelineId: good.pipelineId,
      });
      // The newest of its name is the one a pipeline shows, and the only one that can be retried.
      expect((await jobNamed(good.pipelineId, STAGING)).id).toBe(again.id);
      expect(await kindOf(deploy().retry(projectId, good.job.id))).toBe('denied');

      const past = await deploy().deployments(projectId, { environment: 'staging' });
      expect(past.map(({ status, sha, job }) => [status, sha, job?.id])).toEqual([
        ['success', good.sha, again.id],
        ['failed', bad.sha, badJob.id],
        ['success', good.sha, good.job.id],
      ]);
      expect(past[0]).toMatchObject({
        environment: 'staging',
        job: { name: STAGING, pipelineId: good.pipelineId },
      });
      const won = await deploy().deployments(projectId, {
        environment: 'staging',
        status: 'success',
      });
      expect(won.map(({ id }) => id)).toEqual([past[0]?.id, past[2]?.id]);
      expect(await deploy().deployments(projectId, { environment: 'nowhere' })).toEqual([]);
    });

    test('an answer that is lost is ambiguous, and nothing is sent again', async () => {
      const { projectId } = world;
      const made = await world.commit();
      const job = await jobNamed(made.pipelineId, STAGING);
      world.trouble('POST', /\/play$/, { kind: 'drop_reply' });
      expect(await kindOf(deploy().play(projectId, job.id))).toBe('ambiguous');
      expect(await over(job.id)).toMatchObject({ status: 'success' });
      world.trouble('POST', /\/retry$/, { kind: 'drop_reply' });
      expect(await kindOf(deploy().retry(projectId, job.id))).toBe('ambiguous');
      const newest = await jobNamed(made.pipelineId, STAGING);
      expect(newest.id).toBeGreaterThan(job.id);
      await over(newest.id);
      const past = await deploy().deployments(projectId, { environment: 'staging' });
      expect(past.filter(({ sha }) => sha === made.sha)).toHaveLength(2);
    });
  });
}
