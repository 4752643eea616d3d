/** Follows an issue through the workflow with specification, as two people who use the API. */
import {
  costOf,
  createUntil,
  statusBody,
  verdictOf,
  type Client,
  type Until,
  type Where,
} from './follow.ts';
import type { View } from './view.ts';

interface Change {
  iid: number;
  title: string;
  web_url: string;
  state: string;
  description: string;
  source_branch: string;
}

interface Thread {
  notes: { body: string; resolvable: boolean; resolved?: boolean }[];
}

export interface FeatureJourney {
  spec: Change;
  change: Change;
  /** The environment and commit of the deployment; null when there was none. */
  deployment: string | null;
  findings: { raised: number; fixed: number };
  /** One line: role and score of every vote, and the consensus. */
  votes: string;
  cost: string;
  verdict: string;
}

interface Tour {
  sam: Client;
  dana: Client;
  view: View;
  base: string;
  where: Where;
  until: Until;
}

/**
 * Narrates the journey until the run has a verdict; Dana approves when a gate waits for her.
 * @throws Error when the verdict is not `done`, or none comes within `where.limitMs`.
 */
export async function followFeature(
  people: { sam: Client; dana: Client },
  view: View,
  where: Where,
): Promise<FeatureJourney> {
  const base = `/projects/${where.project}`;
  const tour: Tour = { ...people, view, base, where, until: createUntil(people.sam, where) };
  await narrateTask(tour, 'Product manager triages it', 1, 'clear enough to be specified');
  const spec = await narrateOpening(tour, 'Architect writes the spec', true);
  await approveAt(tour, 'Dana approves the spec', null, spec);
  const change = await narrateOpening(tour, 'Builder implements it', false);
  await narrateTask(tour, 'Writer updates the docs', 4, 'in the same merge request');
  await narrateReview(tour, change);
  await approveAt(tour, 'Dana approves the change', 'merge', change);
  const deployment = await narrateRow(tour, 'Deploy', 'deploy');
  const last = view.stage('Report');
  const verdict = await tour.until('verdict', () => verdictOf(tour.sam, base, where.iid));
  last.done(verdict);
  const threads = await threadsOf(tour, change);
  const merged = await changeOf(tour, change);
  return {
    spec: await changeOf(tour, spec),
    change: merged,
    deployment: deployment.startsWith('[') ? plain(deployment) : null,
    findings: { raised: threads.length, fixed: threads.filter(isResolved).length },
    votes: votesOf(merged.description),
    cost: costOf((await statusBody(tour.sam, base, where.iid)) ?? ''),
    verdict,
  };
}

/** Waits until the agents' pipeline after the n-th has begun: the n-th task is done then. */
async function narrateTask(tour: Tour, title: string, nth: number, done: string): Promise<void> {
  const stage = tour.view.stage(title);
  await tour.until('next agent', async () => {
    stage.note(await jobsNow(tour));
    const begun = await tour.sam.get<unknown[]>(`${tour.base}/pipelines?source=api`);
    return begun.length > nth ? begun : null;
  });
  stage.done(done);
}

/** Waits until the status comment says that a stage is done; returns what it says about it. */
async function narrateRow(tour: Tour, title: string, stageId: string): Promise<string> {
  const stage = tour.view.stage(title);
  const row = new RegExp(
    `^\\| ${stageId} \\| (?:done|no deploy job)[^|]*\\| [^|]* \\| ([^|]*) \\|$`,
    'm',
  );
  const facts = await tour.until(`end of ${stageId}`, async () => {
    stage.note(await jobsNow(tour));
    const body = (await statusBody(tour.sam, tour.base, tour.where.iid)) ?? '';
    return row.exec(body)?.[1]?.trim() ?? null;
  });
  stage.done(plain(facts));
  return facts;
}

/** A cell of the status comment without its links and code marks. */
function plain(cell: string): string {
  return cell
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replaceAll('`', '')
    .replace(/^, /, '');
}

async function narrateOpening(tour: Tour, title: string, isSpec: boolean): Promise<Change> {
  const stage = tour.view.stage(title);
  const change = await tour.until('merge request', async () => {
    stage.note(await jobsNow(tour));
    const all = await tour.sam.get<Change[]>(`${tour.base}/merge_requests?state=all`);
    return all.find((one) => one.source_branch.startsWith('autodev/spec-') === isSpec) ?? null;
  });
  stage.done(`!${change.iid} ${change.title}`);
  return change;
}

/**
 * Waits until the status comment says that this gate waits (`null`: an open merge request says it by
 * itself), approves, and waits for the merge.
 */
async function approveAt(
  tour: Tour,
  title: string,
  gate: string | null,
  change: Change,
): Promise<void> {
  const stage = tour.view.stage(title);
  if (gate !== null) {
    const waits = new RegExp(`^\\| ${gate} \\| waits for you `, 'm');
    stage.note(`waits until the gate is open for a decision about !${change.iid}`);
    await tour.until('gate', async () => {
      const body = (await statusBody(tour.sam, tour.base, tour.where.iid)) ?? '';
      return waits.test(body) ? body : null;
    });
  }
  await tour.dana.send('POST', `${tour.base}/merge_requests/${change.iid}/approve`, {});
  stage.note(`approved !${change.iid}; the bot merges exactly that commit`);
  await tour.until('merge', async () =>
    (await changeOf(tour, change)).state === 'merged' ? change : null,
  );
  stage.done(`!${change.iid} approved and merged`);
}

/** Rounds of verify: the first ends with findings or at the gate, each further one at the gate. */
async function narrateReview(tour: Tour, change: Change): Promise<void> {
  const first = tour.view.stage('Review, tests, security');
  const threads = await tour.until('review', async () => {
    first.note(await jobsNow(tour));
    const found = await threadsOf(tour, change);
    return found.length > 0 || (await isAtMerge(tour)) ? found : null;
  });
  if (threads.length === 0) {
    first.done('nothing to mend');
    return;
  }
  first.done(`${threads.length} finding: ${headline(threads[0])}`);
  const fix = tour.view.stage('Fix, and look again');
  await tour.until('fix', async () => {
    fix.note(await jobsNow(tour));
    return (await isAtMerge(tour)) ? true : null;
  });
  const fixed = (await threadsOf(tour, change)).filter(isResolved).length;
  fix.done(`${fixed} of ${threads.length} fixed`);
}

async function isAtMerge(tour: Tour): Promise<boolean> {
  const body = (await statusBody(tour.sam, tour.base, tour.where.iid)) ?? '';
  return /^\| merge \| (waits for you|approved) /m.test(body);
}

/** The jobs of the newest pipeline, as `test: running`. */
async function jobsNow(tour: Tour): Promise<string> {
  const [newest] = await tour.sam.get<{ id: number }[]>(`${tour.base}/pipelines`);
  if (!newest) return 'webhook, rights, decision';
  type Job = { name: string; status: string };
  const jobs = await tour.sam.get<Job[]>(`${tour.base}/pipelines/${newest.id}/jobs`);
  return jobs.map(({ name, status }) => `${name}: ${status}`).join(', ');
}

async function changeOf(tour: Tour, change: Change): Promise<Change> {
  return tour.sam.get<Change>(`${tour.base}/merge_requests/${change.iid}`);
}

/** Threads that hold a finding. */
async function threadsOf(tour: Tour, change: Change): Promise<Thread[]> {
  const path = `${tour.base}/merge_requests/${change.iid}/discussions`;
  const threads = await tour.sam.get<Thread[]>(path);
  return threads.filter((thread) => thread.notes[0]?.body.includes('autodev:finding:'));
}

function isResolved(thread: Thread): boolean {
  return thread.notes[0]?.resolved === true;
}

function headline(thread: Thread | undefined): string {
  return (thread?.notes[0]?.body.split('\n')[0] ?? '').replaceAll(/[*`]/g, '');
}

/** The table of votes in a change's description, in one line. */
function votesOf(description: string): string {
  return [...description.matchAll(/^\| (\**)([a-z]+)\1 \| \**([\d.]+)\** \|/gm)]
    .map(([, , role, score]) => `${role} ${score}`)
    .join(', ');
}
