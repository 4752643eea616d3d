/** Pipelines and CI lint (gitlab-facts §3.1). */
import type { PipelineRecord } from '../../ci/contract.ts';
import { branchHead, readFileAt, resolveCommit } from '../git/read.ts';
import { commitActions } from '../git/write.ts';
import { canRunPipeline, levelOf } from '../services/access.ts';
import { effectiveStatus, findPipeline, pipelinesOf, shownRef } from '../services/pipeline-list.ts';
import { CI_FILE, createPipeline } from '../services/pipelines.ts';
import { testReport, testSummary } from '../services/test-report.ts';
import { needCode, needProject, needUser, page, type Call, type Route } from '../rest/call.ts';
import { badRequest, created, forbidden, notFound, ok, type Reply } from '../rest/reply.ts';
import { jobEntity, pipelineBasic, pipelineEntity } from '../present/ci.ts';
import { ACCESS } from '../state/access-levels.ts';
import type { Project, User } from '../state/types.ts';

function needPipeline(call: Call): { project: Project; pipeline: PipelineRecord } {
  const project = needCode(call);
  const pipeline = findPipeline(call.gl, project, Number(call.params['pipeline_id']));
  if (!pipeline) throw notFound();
  return { project, pipeline };
}

/** Lowest role that may pass pipeline variables; nobody by default, as on new projects. */
function mayPassVariables(project: Project, user: User): boolean {
  const role = project.settings.pipelineVariablesRole;
  return role !== 'no_one_allowed' && levelOf(project, user) >= ACCESS[role];
}

function variablesOf(call: Call): Record<string, string> {
  const raw = call.input.raw('variables');
  const entries = Array.isArray(raw) ? (raw as Record<string, unknown>[]) : [];
  return Object.fromEntries(entries.map((one) => [String(one['key']), String(one['value'] ?? '')]));
}

function inputsOf(call: Call): Record<string, string> {
  const raw = call.input.raw('inputs');
  if (typeof raw !== 'object' || raw === null) return {};
  return Object.fromEntries(
    Object.entries(raw).map(([key, value]) => [
      key,
      typeof value === 'string' ? value : JSON.stringify(value),
    ]),
  );
}

async function create(call: Call): Promise<unknown> {
  const project = needProject(call, ACCESS.developer);
  const user = needUser(call);
  const ref = call.input.need('ref');
  const variables = variablesOf(call);
  if (Object.keys(variables).length > 0 && !mayPassVariables(project, user)) {
    throw badRequest({ base: ['Insufficient permissions to set pipeline variables'] });
  }
  const sha = await branchHead(project.gitDir, ref);
  if (!sha) throw badRequest({ base: ['Reference not found'] });
  if (!canRunPipeline(project, user, ref)) {
    throw badRequest({
      base: [
        `You do not have sufficient permission to run a pipeline on '${ref}'. Please select a ` +
          'different branch or contact your administrator for assistance.',
      ],
    });
  }
  const inputs = inputsOf(call);
  const request = { ref, sha, source: 'api', variables, inputs };
  const outcome = await createPipeline(call.gl, project, user, request);
  if (!outcome.ok) throw badRequest({ base: outcome.errors });
  return pipelineEntity(call.gl, project, outcome.pipeline);
}

const SCOPES: Record<string, readonly string[]> = {
  running: ['running'],
  pending: ['pending'],
  finished: ['success', 'failed', 'canceled'],
};

function list(call: Call, project: Project): PipelineRecord[] {
  const { input } = call;
  const source = input.str('source');
  const scope = SCOPES[input.str('scope') ?? ''];
  const ref = input.str('ref');
  const sha = input.str('sha');
  const status = input.str('status');
  const username = input.str('username');
  const after = input.time('updated_after') ?? input.time('created_after');
  const rows = pipelinesOf(call.gl, project).filter((pipeline) => {
    const { spec } = pipeline;
    const now = effectiveStatus(project, pipeline);
    // Children are shown only when they are asked for.
    const shown = source === undefined ? spec.source !== 'parent_pipeline' : spec.source === source;
    const changed = pipeline.finishedAt ?? pipeline.startedAt ?? pipeline.createdAt;
    return (
      shown &&
      (ref === undefined || spec.ref === ref || shownRef(pipeline) === ref) &&
      (sha === undefined || spec.sha === sha) &&
      (status === undefined || now === status) &&
      (scope === undefined || scope.includes(now)) &&
      (username === undefined || spec.user.username === username) &&
      (after === undefined || Date.parse(changed) >= after)
    );
  });
  return input.str('sort') === 'asc' ? rows.toReversed() : rows;
}

async function control(call: Call, how: 'cancel' | 'retry'): Promise<unknown> {
  const { project, pipeline } = needPipeline(call);
  if (levelOf(project, needUser(call)) < ACCESS.developer) throw forbidden();
  await call.gl.ci?.[how](pipeline.id);
  return pipelineEntity(call.gl, project, pipeline);
}

const jobsRoute = (path: string, bridge: boolean): Route => ({
  method: 'GET',
  path,
  handler: (call) => {
    const { project, pipeline } = needPipeline(call);
    const scope = call.input.list('scope');
    const latest = new Map(pipeline.jobs.map((job) => [job.name, job.id]));
    const retried = call.input.bool('include_retried') ?? false;
    const rows = [...(retried ? pipeline.retried : []), ...pipeline.jobs]
      .toSorted((a, b) => a.id - b.id)
      .filter((job) => job.bridge === bridge)
      .filter((job) => retried || latest.get(job.name) === job.id)
      .filter((job) => !scope || scope.includes(job.status));
    return page(call, rows.toReversed(), (job) => jobEntity(call.gl, project, pipeline, job));
  },
});

export const pipelineRoutes: Route[] = [
  {
    method: 'POST',
    path: '/projects/:id/pipeline',
    handler: async (call) => created(await create(call)),
  },
  {
    method: 'GET',
    path: '/projects/:id/pipelines',
    jobToken: true,
    handler: (call) => {
      const project = needCode(call);
      return page(call, list(call, project), (one) => pipelineBasic(call.gl, project, one));
    },
  },
  {
    method: 'GET',
    path: '/projects/:id/pipelines/:pipeline_id',
    jobToken: true,
    handler: (call) => {
      const { project, pipeline } = needPipeline(call);
      return ok(pipelineEntity(call.gl, project, pipeline));
    },
  },
  {
    method: 'GET',
    path: '/projects/:id/pipelines/:pipeline_id/variables',
    handler: (call) => {
      const { project, pipeline } = needPipeline(call);
      if (levelOf(project, needUser(call)) < ACCESS.developer) throw forbidden();
      const rows = Object.entries(pipeline.spec.variables);
      return page(call, rows, ([key, value]) => ({ variable_type: 'env_var', key, value }));
    },
  },
  jobsRoute('/projects/:id/pipelines/:pipeline_id/jobs', false),
  jobsRoute('/projects/:id/pipelines/:pipeline_id/bridges', true),
  {
    method: 'POST',
    path: '/projects/:id/pipelines/:pipeline_id/cancel',
    handler: async (call) => ok(await control(call, 'cancel')),
  },
  {
    method: 'POST',
    path: '/projects/:id/pipelines/:pipeline_id/retry',
    handler: async (call) => created(await control(call, 'retry')),
  },
  {
    method: 'GET',
    path: '/projects/:id/pipelines/:pipeline_id/test_report',
    handler: async (call) => {
      const { pipeline } = needPipeline(call);
      return ok(await testReport(pipeline));
    },
  },
  {
    method: 'GET',
    path: '/projects/:id/pipelines/:pipeline_id/test_report_summary',
    handler: async (call) => {
      const { pipeline } = needPipeline(call);
      return ok(await testSummary(pipeline));
    },
  },
];

/** Lints `.gitlab-ci.yml` of a commit; without an engine no project has one. */
async function lintAt(call: Call, project: Project, sha: string): Promise<Reply> {
  const { id, path, defaultBranch, gitDir } = project;
  const result = (await call.gl.ci?.lint({ id, path, defaultBranch, gitDir }, sha)) ?? {
    valid: false,
    errors: [`Please provide content of ${CI_FILE}`],
    mergedYaml: '',
  };
  return ok({
    valid: result.valid,
    errors: result.errors,
    warnings: [],
    merged_yaml: result.mergedYaml,
    includes: [],
  });
}

async function lintRef(call: Call, project: Project): Promise<string> {
  const { input } = call;
  const wanted = input.str('content_ref') ?? input.str('ref') ?? input.str('dry_run_ref');
  const sha = await resolveCommit(project.gitDir, wanted ?? project.defaultBranch);
  if (!sha) throw notFound('Reference');
  return sha;
}

export const lintRoutes: Route[] = [
  {
    method: 'GET',
    path: '/projects/:id/ci/lint',
    handler: async (call) => {
      const project = needProject(call, ACCESS.developer);
      return lintAt(call, project, await lintRef(call, project));
    },
  },
  {
    method: 'POST',
    path: '/projects/:id/ci/lint',
    handler: async (call) => {
      const project = needProject(call, ACCESS.developer);
      const user = needUser(call);
      const content = Buffer.from(call.input.need('content'));
      const parent = await lintRef(call, project);
      const there = await readFileAt(project.gitDir, parent, CI_FILE);
      // A commit that no ref names: the text sees the includes of the ref, and nobody sees the text.
      const action = { action: there ? 'update' : 'create', path: CI_FILE, content } as const;
      const committer = { name: user.name, email: user.email };
      const stamp = { message: 'Lint', committer, when: call.gl.clock() };
      return lintAt(call, project, await commitActions(project.gitDir, parent, [action], stamp));
    },
  },
];
