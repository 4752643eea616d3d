/** Recorded cases of deployments: asked for, played, followed, put back; and what stands in their way. */
import type { DeployFacts, DeployJob, PastDeployment } from '../../../bot/domain/deploys.ts';
import type { Receipt } from '../../../bot/domain/effects.ts';
import type { Event } from '../../../bot/domain/events.ts';
import type { Deployment, Run } from '../../../bot/domain/runs.ts';
import type { Snapshot } from '../../../bot/domain/snapshot.ts';
import { codeChange, HEAD, issue, note, project, run, sam, SHA, snapshot } from './builders.ts';
import type { Case } from './case.ts';

const OLD = 'c'.repeat(40);
const wake: Event = { kind: 'wake', runId: 11 };
const closed = { ...issue, state: 'closed' } as const;

export function deployJob(patch: Partial<DeployJob> = {}): DeployJob {
  return {
    id: 300,
    name: 'autodev-deploy-staging',
    status: 'manual',
    pipelineId: 950,
    allowFailure: true,
    url: 'https://gitlab.example.com/j/300',
    failureReason: null,
    ...patch,
  };
}

export function past(
  id: number,
  status: string,
  sha: string,
  environment = 'staging',
): PastDeployment {
  const job = { id: 200 + id, name: `autodev-deploy-${environment}`, pipelineId: 900 + id };
  return { id, environment, status, sha, job };
}

export function deployFacts(patch: Partial<DeployFacts> = {}): DeployFacts {
  return {
    sha: SHA,
    pipeline: { id: 950, status: 'success', url: 'https://gitlab.example.com/p/950' },
    jobs: [deployJob()],
    failedJobs: [],
    configured: null,
    started: null,
    past: [],
    ...patch,
  };
}

const underWay: Deployment = {
  environment: 'staging',
  jobId: 300,
  pipelineId: 950,
  sha: SHA,
  url: 'https://gitlab.example.com/j/300',
  state: 'running',
  since: '2026-11-21T11:59:00.000Z',
};

/** A run whose change is merged and that deploys it now. */
export function deploying(patch: Partial<Run> = {}): Run {
  return run(
    {
      command: 'plan',
      stage: 'deploy',
      mergedSha: SHA,
      changes: { spec: null, code: codeChange },
      tasks: [],
      ...patch,
    },
    'feature',
  );
}

function wishOf(command: 'deploy' | 'rollback', patch: Partial<Run> = {}): Run {
  const workflow = command === 'deploy' ? 'release' : 'rollback';
  return run({ command, state: 'queued', stage: 'deploy', tasks: [], ...patch }, workflow);
}

function looked(of: Run, facts: Partial<DeployFacts>, patch: Partial<Snapshot> = {}): Case {
  return { event: wake, snapshot: snapshot({ run: of, deploy: deployFacts(facts), ...patch }) };
}

const started = (patch: Partial<DeployJob>, more: Partial<DeployFacts> = {}): Case =>
  looked(deploying({ deployment: underWay }), { started: deployJob(patch), ...more });

const played = (receipt: Receipt | null, error: string | null = null): Case => ({
  event: { kind: 'effect_settled', runId: 11, effectId: 5 },
  snapshot: snapshot({
    run: deploying({ deployment: { ...underWay, state: 'asked' } }),
    deploy: deployFacts({ jobs: [] }),
    effect: {
      effect: { kind: 'play_job', run: 11, how: 'play', jobId: 300, name: deployJob().name },
      state: receipt === null ? 'failed' : 'done',
      receipt,
      error,
    },
  }),
});

const asked = (body: string, patch: Partial<Snapshot> = {}): Case => ({
  event: note(body),
  snapshot: snapshot({ actorAccess: 40, issue: closed, ...patch }),
});

/** A command under the merged change of a run that is over. */
const underChange = (body: string, lastRun: Run | null): Case => ({
  event: note(body, {
    on: {
      type: 'change',
      change: {
        iid: 4,
        title: 'A change',
        description: '',
        state: 'merged',
        draft: false,
        sourceBranch: codeChange.branch,
        targetBranch: 'main',
        sourceProjectId: project.id,
        targetProjectId: project.id,
        headSha: HEAD,
        mergedSha: SHA,
        labels: [],
        authorId: 99,
        url: '',
      },
    },
  }),
  snapshot: snapshot({ actorAccess: 40, issue: closed, lastRun }),
});

const later = (minutes: number): Partial<Snapshot> => ({
  now: new Date(Date.parse('2026-11-21T11:55:00Z') + minutes * 60_000),
});
const finished = { state: 'completed', stage: 'end', stoppedAt: 'deploy' } as const;

export const DEPLOY_CASES: Readonly<Record<string, Case>> = {
  'deploy: the job waits, the pipeline is green': looked(deploying(), {}),
  'deploy: the pipeline still runs': looked(deploying(), {
    pipeline: { id: 950, status: 'running', url: '' },
    jobs: [deployJob({ status: 'created' })],
  }),
  'deploy: the pipeline never comes to its end': looked(
    deploying(),
    { pipeline: { id: 950, status: 'running', url: '' }, jobs: [deployJob({ status: 'created' })] },
    later(61),
  ),
  'deploy: the pipeline is red': looked(deploying(), {
    pipeline: { id: 950, status: 'failed', url: 'https://gitlab.example.com/p/950' },
    jobs: [deployJob({ status: 'skipped' })],
    failedJobs: ['unit', 'lint`'],
  }),
  'deploy: the pipeline was cancelled': looked(deploying(), {
    pipeline: { id: 950, status: 'canceled', url: 'https://gitlab.example.com/p/950' },
    jobs: [deployJob({ status: 'canceled' })],
  }),
  'deploy: no pipeline yet': looked(deploying(), {
    pipeline: null,
    jobs: [],
    configured: ['staging'],
  }),
  'deploy: no pipeline in time': looked(
    deploying(),
    { pipeline: null, jobs: [], configured: null },
    later(61),
  ),
  'deploy: no pipeline, and no deploy job to wait for': looked(deploying(), {
    pipeline: null,
    jobs: [],
    configured: [],
  }),
  'deploy: a pipeline without deploy job': looked(deploying(), { jobs: [] }),
  'deploy: two environments and none is named': looked(deploying(), {
    jobs: [deployJob(), deployJob({ id: 301, name: 'autodev-deploy-production' })],
  }),
  'deploy: the named one of two': looked(
    deploying({ context: { ...deploying().context, environment: 'production' } }),
    { jobs: [deployJob(), deployJob({ id: 301, name: 'autodev-deploy-production' })] },
  ),
  'deploy: the named one is not there': looked(
    deploying({ context: { ...deploying().context, environment: 'qa' } }),
    {},
  ),
  'deploy: somebody was faster and it runs': looked(deploying(), {
    jobs: [deployJob({ status: 'running' })],
  }),
  'deploy: somebody was faster and it succeeded': looked(deploying(), {
    jobs: [deployJob({ status: 'success' })],
    past: [past(2, 'success', SHA)],
  }),
  'deploy: somebody was faster and it failed': looked(deploying(), {
    jobs: [deployJob({ status: 'failed', failureReason: 'script_failure' })],
    past: [past(2, 'failed', SHA), past(1, 'success', OLD)],
  }),
  'deploy: it was asked for': looked(
    deploying({ deployment: { ...underWay, state: 'asked' } }),
    {},
  ),
  'deploy: the job was started': played({
    kind: 'play_job',
    outcome: 'started',
    jobId: 300,
    url: '',
    adopted: false,
  }),
  'deploy: the bot may not start it': played({
    kind: 'play_job',
    outcome: 'refused',
    cause: 'GitLab does not let @autodev start the job.',
    next: 'Give @autodev that role.',
  }),
  'deploy: it could not be started': played(null, 'GitLab answered 502 twenty-four times'),
  'deploy: it runs': started({ status: 'running' }),
  'deploy: it waits for another one': started({ status: 'waiting_for_resource' }),
  'deploy: no runner yet': started({ status: 'pending' }),
  'deploy: no runner in time': looked(
    deploying({ deployment: underWay }),
    { started: deployJob({ status: 'pending' }) },
    later(20),
  ),
  'deploy: another one never ends': looked(
    deploying({ deployment: underWay }),
    { started: deployJob({ status: 'waiting_for_resource' }) },
    later(80),
  ),
  'deploy: it succeeded': started({ status: 'success' }),
  'deploy: it failed after a good one': started(
    { status: 'failed', failureReason: 'script_failure' },
    { past: [past(2, 'failed', SHA), past(1, 'success', OLD)] },
  ),
  'deploy: the first one failed': started(
    { status: 'failed', failureReason: 'job_execution_timeout' },
    { past: [past(2, 'failed', SHA)] },
  ),
  'deploy: somebody cancelled the job': started(
    { status: 'canceled' },
    { past: [past(2, 'canceled', SHA), past(1, 'success', OLD)] },
  ),
  'deploy: the job is gone': looked(deploying({ deployment: underWay }), { started: null }),
  'deploy: cancelled while it runs': {
    event: note('/autodev cancel'),
    snapshot: snapshot({ run: deploying({ deployment: underWay }) }),
  },
  'deploy: the issue is closed by the merge': {
    event: {
      kind: 'issue',
      action: 'closed',
      project,
      actor: sam,
      issue: closed,
      at: '2026-11-21T12:00:00.000Z',
      labelsAdded: [],
      labelsRemoved: [],
      textChanged: false,
    },
    snapshot: snapshot({ run: wishOf('deploy', { deployment: underWay }), issue: closed }),
  },
  'deploy asked by a maintainer, on a closed issue': asked('/autodev deploy'),
  'deploy asked for an environment': asked('/autodev deploy eu/production-1'),
  'deploy asked for something else': asked('/autodev deploy to production; rm -rf /'),
  'deploy asked by a developer': asked('/autodev deploy', { actorAccess: 30 }),
  'deploy asked while a run is active': asked('/autodev deploy', { run: deploying() }),
  'deploy asked under the merged change': underChange('/autodev deploy', deploying(finished)),
  'deploy asked under somebody’s change': underChange('/autodev deploy', null),
  'deploy asked again by retry, without the right': asked('/autodev retry', {
    actorAccess: 30,
    lastRun: wishOf('deploy', {
      ...finished,
      verdict: { kind: 'needs-human', cause: 'It failed.', next: '' },
    }),
  }),
  'deploy asked again by retry, after a merge whose deployment failed': asked('/autodev retry', {
    lastRun: deploying({
      ...finished,
      context: { ...deploying().context, environment: 'staging' },
      verdict: { kind: 'needs-human', cause: 'It failed.', next: '' },
    }),
  }),
  'release: the head stands there already': looked(wishOf('deploy'), {
    jobs: [deployJob({ status: 'success' })],
    past: [past(2, 'success', SHA), past(1, 'success', OLD)],
  }),
  'release: the head stood there before a rollback': looked(wishOf('deploy'), {
    jobs: [deployJob({ status: 'success' })],
    past: [past(3, 'success', OLD), past(2, 'success', SHA), past(1, 'success', OLD)],
  }),
  'release: the head failed before': looked(wishOf('deploy'), {
    jobs: [deployJob({ status: 'failed' })],
    past: [past(2, 'failed', SHA)],
  }),
  'release: no deploy job': looked(wishOf('deploy'), { jobs: [] }),
  'release: no pipeline in time': looked(
    wishOf('deploy'),
    { pipeline: null, jobs: [], configured: ['staging'] },
    later(61),
  ),
  'rollback: after a failure the newest good one': looked(wishOf('rollback'), {
    sha: null,
    pipeline: null,
    jobs: [deployJob({ status: 'success' })],
    past: [past(2, 'failed', SHA), past(1, 'success', OLD)],
  }),
  'rollback: to the one before': looked(wishOf('rollback'), {
    sha: null,
    pipeline: null,
    jobs: [deployJob({ status: 'success' })],
    past: [past(2, 'success', SHA), past(1, 'success', OLD)],
  }),
  'rollback: somebody is at it already': looked(wishOf('rollback'), {
    sha: null,
    pipeline: null,
    jobs: [deployJob({ status: 'pending' })],
    past: [past(2, 'failed', SHA), past(1, 'success', OLD)],
  }),
  'rollback: a deployment is under way': looked(wishOf('rollback'), {
    sha: null,
    pipeline: null,
    jobs: [],
    past: [past(3, 'running', HEAD), past(2, 'success', SHA), past(1, 'success', OLD)],
  }),
  'rollback: nothing before': looked(wishOf('rollback'), {
    sha: null,
    pipeline: null,
    jobs: [],
    past: [past(1, 'success', SHA)],
  }),
  'rollback: nothing was deployed': looked(wishOf('rollback'), {
    sha: null,
    pipeline: null,
    jobs: [],
    past: [],
  }),
  'rollback: two environments': looked(wishOf('rollback'), {
    sha: null,
    pipeline: null,
    jobs: [],
    past: [past(2, 'success', SHA), past(1, 'success', OLD, 'production')],
  }),
  'rollback: it failed': looked(wishOf('rollback', { deployment: { ...underWay, sha: OLD } }), {
    started: deployJob({ status: 'failed', failureReason: 'forward_deployment_failure' }),
    past: [past(3, 'failed', OLD), past(2, 'failed', SHA), past(1, 'success', OLD)],
  }),
  'rollback: it succeeded': looked(wishOf('rollback', { deployment: { ...underWay, sha: OLD } }), {
    started: deployJob({ status: 'success' }),
  }),
};
