/** Follows one issue through the sandbox's API, as anybody with an account could. */
import type { View } from './view.ts';

const POLL_MS = 250;

export interface Client {
  get<T>(path: string): Promise<T>;
  /** An answer that is no JSON, such as a job's log. */
  text(path: string): Promise<string>;
  send<T>(method: 'POST' | 'PUT', path: string, body: unknown): Promise<T>;
}

/** A client of GitLab's REST API with a person's token. */
export function createClient(url: string, token: string): Client {
  const call = async (method: string, path: string, body?: unknown): Promise<string> => {
    const response = await fetch(`${url}/api/v4${path}`, {
      method,
      headers: { 'PRIVATE-TOKEN': token, 'Content-Type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text}`);
    return text;
  };
  const json = <T>(text: string): T => JSON.parse(text === '' ? 'null' : text) as T;
  return {
    get: async <T>(path: string) => json<T>(await call('GET', path)),
    text: (path) => call('GET', path),
    send: async <T>(method: string, path: string, body: unknown) =>
      json<T>(await call(method, path, body)),
  };
}

interface Pipeline {
  id: number;
  status: string;
  web_url: string;
  source: string;
}

interface Job {
  id: number;
  name: string;
  status: string;
  coverage: number | null;
}

export interface Journey {
  change: { iid: number; web_url: string; title: string };
  pipeline: Pipeline;
  /** Lines of the test summary in the job's log. */
  tests: string | null;
  /** The status comment's own words. */
  cost: string;
  verdict: string;
}

/**
 * Narrates the journey of an issue until its run has a verdict.
 * @throws Error when the verdict is not `done`, or none comes within `limitMs`.
 */
export async function followIssue(client: Client, view: View, where: Where): Promise<Journey> {
  const base = `/projects/${where.project}`;
  const until = createUntil(client, where);
  await narratePipeline(client, view, base, until);
  const stage = view.stage('Publish');
  stage.note('checks, commit on a branch of its own, merge request');
  const change = await until('merge request', async () => {
    const open = await client.get<Journey['change'][]>(`${base}/merge_requests?state=opened`);
    return open[0] ?? null;
  });
  stage.done(`!${change.iid} ${change.title}`);
  const pipeline = await narrateChecks(client, view, base, change.iid, until);
  const last = view.stage('Verdict');
  const verdict = await until('verdict', () => verdictOf(client, base, where.iid));
  const body = (await statusBody(client, base, where.iid)) ?? '';
  last.done(verdict.split(':')[0] ?? verdict);
  return {
    change,
    pipeline,
    tests: await testSummary(client, base, pipeline.id),
    cost: costOf(body),
    verdict,
  };
}

export interface Where {
  project: number;
  iid: number;
  limitMs: number;
}

export type Until = <T>(what: string, look: () => Promise<T | null>) => Promise<T>;

/**
 * Looks again and again; throws when the run ends badly or nothing comes for `limitMs`. Each wait has the whole
 * time: a slow machine needs longer for all of it and is no failure.
 */
export function createUntil(client: Client, where: Where): Until {
  return async (what, look) => {
    const deadline = Date.now() + where.limitMs;
    for (;;) {
      const found = await look();
      if (found !== null) return found;
      const ended = await verdictOf(client, `/projects/${where.project}`, where.iid);
      if (ended !== null && !ended.startsWith('done')) throw new Error(`The run ended: ${ended}`);
      if (Date.now() > deadline) {
        throw new Error(`There was no ${what} within ${where.limitMs / 1000} s.`);
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  };
}

async function narratePipeline(
  client: Client,
  view: View,
  base: string,
  until: Until,
): Promise<void> {
  const start = view.stage('Start a pipeline');
  start.note('webhook, rights, decision');
  const parent = await until('pipeline', async () => {
    const [found] = await client.get<Pipeline[]>(`${base}/pipelines?source=api`);
    return found ?? null;
  });
  start.done(parent.web_url);
  const plan = view.stage('Plan in CI');
  plan.note('the pipeline asks the bot what to run');
  const child = await until('child pipeline', async () => {
    type Bridge = { downstream_pipeline: Pipeline | null };
    const [bridge] = await client.get<Bridge[]>(`${base}/pipelines/${parent.id}/bridges`);
    return bridge?.downstream_pipeline ?? null;
  });
  plan.done('a child pipeline made for this task');
  const agent = view.stage('Agent at work');
  await until('result of the agent', async () => {
    const [job] = await client.get<Job[]>(`${base}/pipelines/${child.id}/jobs`);
    if (!job) return null;
    const trace = await client.text(`${base}/jobs/${job.id}/trace`).catch(() => '');
    agent.note(lastLine(trace) ?? job.status);
    return ['success', 'failed', 'canceled'].includes(job.status) ? job : null;
  });
  agent.done('finished');
}

async function narrateChecks(
  client: Client,
  view: View,
  base: string,
  iid: number,
  until: Until,
): Promise<Pipeline> {
  const checks = view.stage('The change’s own pipeline');
  const done = await until('pipeline of the merge request', async () => {
    const [newest] = await client.get<Pipeline[]>(`${base}/merge_requests/${iid}/pipelines`);
    if (!newest) return null;
    checks.note(newest.status);
    return ['success', 'failed', 'canceled'].includes(newest.status) ? newest : null;
  });
  if (done.status === 'success') checks.done(`passed, ${done.web_url}`);
  else checks.fail(`${done.status}, ${done.web_url}`);
  return done;
}

/** The bot's status comment on an issue. */
export async function statusBody(
  client: Client,
  base: string,
  iid: number,
): Promise<string | null> {
  const notes = await client.get<{ body: string }[]>(`${base}/issues/${iid}/notes`);
  return notes.find((note) => note.body.includes('autodev:status'))?.body ?? null;
}

/** `done: why` once the status comment has a verdict. */
export async function verdictOf(client: Client, base: string, iid: number): Promise<string | null> {
  const body = await statusBody(client, base, iid);
  const match = body === null ? null : /^\*\*([a-z-]+)\*\*: (.+)$/m.exec(body);
  return match ? `${match[1]}: ${match[2]}` : null;
}

export function costOf(body: string): string {
  return /\*\*Cost\*\* ([^·\n]+)/.exec(body)?.[1]?.trim() ?? 'unknown';
}

async function testSummary(client: Client, base: string, pipeline: number): Promise<string | null> {
  const [job] = await client.get<Job[]>(`${base}/pipelines/${pipeline}/jobs`);
  if (!job) return null;
  const trace = await client.text(`${base}/jobs/${job.id}/trace`).catch(() => '');
  const passed = /^ℹ pass (\d+)/m.exec(trace)?.[1];
  const failed = /^ℹ fail (\d+)/m.exec(trace)?.[1];
  if (passed === undefined) return null;
  const coverage = job.coverage === null ? '' : `, coverage ${job.coverage} %`;
  return `${passed} passed, ${failed ?? '?'} failed${coverage}`;
}

function lastLine(trace: string): string | null {
  return (
    trace
      .split('\n')
      .findLast((line) => line.trim() !== '')
      ?.trim() ?? null
  );
}
