/** What tasks are given besides their issue, read only where such a task may start. */
import { givenKinds, NOTHING_GIVEN, type BuildFacts, type Given } from '../domain/given.ts';
import type { Run } from '../domain/runs.ts';
import type { Workflow } from '../../schema/wire/workflow.ts';
import { deploymentsOf } from './deploy-facts.ts';
import type { WorkerDeps } from './deps.ts';

/** Open issues an agent is given to order, the newest first. */
const BACKLOG = 100;

/** Pipelines of agents run on the default branch too, and say nothing about its build. */
const OF_AGENTS: ReadonlySet<string> = new Set(['api', 'parent_pipeline']);

type Place = { projectId: number; defaultBranch: string };

/** The facts for a workflow's tasks from a stage on. */
export async function givenFacts(
  workflow: Workflow | undefined,
  from: number,
  place: Place,
  head: Promise<{ sha: string } | null>,
  deps: WorkerDeps,
): Promise<Given> {
  const kinds = workflow === undefined ? new Set() : givenKinds(workflow, from);
  if (kinds.size === 0) return NOTHING_GIVEN;
  const [backlog, build, deployments] = await Promise.all([
    kinds.has('backlog') ? backlogOf(place, deps) : null,
    kinds.has('build') ? buildOf(place, head, deps) : null,
    kinds.has('deployments') ? deploymentsOf(null, place, deps) : null,
  ]);
  return { backlog, build, deployments };
}

/** The facts for the stages that a run has still before it. */
export function givenAhead(
  run: Run,
  place: Place,
  head: Promise<{ sha: string } | null>,
  deps: WorkerDeps,
): Promise<Given> {
  const { workflow } = run.context;
  const here = workflow.stages.findIndex(({ id }) => id === run.stage);
  return givenFacts(workflow, here + 1, place, head, deps);
}

/**
 * Only what every reader of the project may read: an agent's order of the issues is public. The forge is
 * asked for no other, and its answer is looked through once more (threat B1).
 */
async function backlogOf({ projectId }: Place, deps: WorkerDeps): Promise<Given['backlog']> {
  const issues = await deps.forge.tracker.openIssues(projectId, BACKLOG);
  return issues.filter(({ confidential, state }) => !confidential && state === 'opened');
}

async function buildOf(
  { projectId, defaultBranch }: Place,
  head: Promise<{ sha: string } | null>,
  deps: WorkerDeps,
): Promise<BuildFacts | null> {
  const { ci, deploy } = deps.forge;
  const sha = (await head)?.sha;
  if (sha === undefined) return null;
  const all = await ci.pipelines(projectId, { ref: defaultBranch, sha });
  const newest = all.find(({ source }) => !OF_AGENTS.has(source));
  if (newest === undefined) return null;
  const jobs = newest.status === 'failed' ? await deploy.jobs(projectId, newest.id) : [];
  return {
    sha,
    status: newest.status,
    url: newest.url,
    failedJobs: jobs
      .filter(({ status, allowFailure }) => status === 'failed' && !allowFailure)
      .map(({ name }) => name),
  };
}
