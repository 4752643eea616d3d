/**
 * What a CI job says to the bot, without the job's processes: id token, plan, claim, heartbeat, model calls
 * through the gateway, result. Every word goes over the real HTTP API with the job program's own retries.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiRefusal, post } from '../../jobs/api.ts';
import { JobError } from '../../jobs/errors.ts';
import { startHeartbeat } from '../../jobs/run/heartbeat.ts';
import { ClaimResponse, HeartbeatResponse, type TaskSpec } from '../../schema/wire/job-api.ts';
import type { Report } from '../../schema/wire/report.ts';
import type { JobResult } from '../../schema/wire/result.ts';
import { SAMPLE_REPORTS } from '../../test/support/sample-reports.ts';

/** What becomes of an agent's job. */
export type Fate =
  | { kind: 'ends' }
  /** No runner takes it. */
  | { kind: 'no_runner' }
  /** Its runner is killed after the claim; the forge says failed. */
  | { kind: 'killed' }
  /** Its runner falls silent after the claim, and the forge goes on saying running. */
  | { kind: 'silent' }
  /** The result is posted so many times. */
  | { kind: 'repeats'; times: number }
  /** The result is posted so many milliseconds later, whatever became of the attempt meanwhile. */
  | { kind: 'late'; ms: number };

/** What one job was told, for the checker. */
export interface JobFacts {
  attempt: number;
  pipelineId: number;
  /** HTTP status of the claim; null: none came. */
  claimed: number | null;
  /** HTTP statuses of the results it posted. */
  results: number[];
  /** Model calls whose answer reached it whole. */
  answered: number;
}

export interface PlayedJob {
  /** The bot's address. */
  server: string;
  /** The job's id token. */
  idToken: string;
  attempt: number;
  /** Model calls it makes. */
  calls: number;
  /** Whether the next one asks for a stream. */
  stream: () => boolean;
  /** Milliseconds of work between claim and result, besides the calls. */
  workMs: number;
  fate: Fate;
  signal: AbortSignal;
  facts: JobFacts;
  /** What it brings besides the sample report of its kind. */
  bring: (spec: TaskSpec) => Partial<JobResult>;
}

const AGAIN_MS = 200;
/** The last event of a whole stream, of Anthropic's and of OpenAI's. */
const ENDED = /^event: (message_stop|response\.completed)$/m;

/** Fetches a pipeline's plan. @throws like the job program, when the bot gave none in a minute */
export function fetchPlan(server: string, idToken: string, signal: AbortSignal): Promise<string> {
  return post(`${server}/api/job/plan`, { token: idToken, signal });
}

/** Plays the agent's job; true when the forge shows it as passed. */
export async function playJob(job: PlayedJob): Promise<boolean> {
  const { server, attempt, facts, signal, fate } = job;
  let claim: ClaimResponse;
  try {
    const body = { attempt };
    const options = { token: job.idToken, body, signal };
    claim = ClaimResponse.parse(JSON.parse(await post(`${server}/api/job/claim`, options)));
    facts.claimed = 200;
  } catch (error) {
    facts.claimed = error instanceof ApiRefusal ? error.status : null;
    return false;
  }
  const { token, spec } = claim;
  if (fate.kind === 'killed') return false;
  const beat = async (): Promise<boolean> => {
    const body = { turn: 1, doing: 'plays', seen: 0 };
    const said = await post(`${server}/api/job/heartbeat`, { token, body, signal });
    return HeartbeatResponse.parse(JSON.parse(said)).cancel;
  };
  if (fate.kind === 'silent') {
    await sleep(2 ** 31 - 1, null, { signal, ref: false }).catch(() => null);
    return false;
  }
  const stopped = new AbortController();
  const over = AbortSignal.any([signal, stopped.signal]);
  const endBeats = startHeartbeat({
    ...{ server, token, seconds: claim.heartbeatSeconds },
    status: () => ({ turn: 1, doing: 'plays' }),
    onStop: () => stopped.abort(),
    ...{ onMessage: () => undefined, log: () => undefined, redact: (text) => text },
  });
  try {
    await beat();
    for (let call = 0; call < job.calls; call += 1)
      await callModel(claim, { ...job, signal: over });
    await sleep(job.workMs, null, { signal: over });
    if (fate.kind !== 'late' && (await beat())) return false;
  } catch (error) {
    if (over.aborted) return false;
    if (!isTheJobs(error)) throw error;
    if (fate.kind !== 'late') return false;
  } finally {
    endBeats();
  }
  try {
    if (fate.kind === 'late') await sleep(fate.ms, null, { signal });
    const times = fate.kind === 'repeats' ? fate.times : 1;
    for (let time = 0; time < times; time += 1) {
      await bringResult(job, { token, spec });
    }
  } catch (error) {
    if (!signal.aborted && !isTheJobs(error)) throw error;
  }
  return facts.results.some((status) => status === 202);
}

/** Whether the job program would end with it: the bot refused, or was away for a minute. */
function isTheJobs(error: unknown): boolean {
  return error instanceof ApiRefusal || error instanceof JobError;
}

async function bringResult(
  job: PlayedJob,
  { token, spec }: { token: string; spec: TaskSpec },
): Promise<void> {
  const body = { ...resultOf(spec), ...job.bring(spec) };
  try {
    await post(`${job.server}/api/job/result`, { token, body, signal: job.signal });
    job.facts.results.push(202);
  } catch (error) {
    if (!(error instanceof ApiRefusal)) throw error;
    job.facts.results.push(error.status);
  }
}

/** A call the agent makes; cut ones are made again, as the engines do. */
async function callModel({ gateway, token, spec }: ClaimResponse, job: PlayedJob): Promise<void> {
  const [route] = spec.models;
  if (route === undefined) return;
  const { provider, model } = route;
  const messages = [{ role: 'user', content: `Attempt ${job.attempt}` }];
  const limits =
    provider === 'anthropic'
      ? { max_tokens: 64, messages }
      : { max_output_tokens: 64, input: messages };
  const path = provider === 'anthropic' ? 'anthropic/v1/messages' : 'openai/v1/responses';
  while (!job.signal.aborted) {
    const stream = job.stream();
    try {
      const response = await fetch(`${gateway}/${path}`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          authorization: `Bearer ${token}`,
          'x-api-key': token,
          'anthropic-version': '2023-06-01',
        },
        body: JSON.stringify({ model, stream, ...limits }),
        signal: job.signal,
      });
      const text = await response.text();
      const whole = !stream || ENDED.test(text);
      if (response.ok && whole) {
        job.facts.answered += 1;
        return;
      }
      if (!response.ok && response.status < 500 && response.status !== 429) {
        throw new ApiRefusal(response.status, 'gateway', 'the gateway refused', undefined);
      }
    } catch (error) {
      if (error instanceof ApiRefusal) throw error;
    }
    await sleep(AGAIN_MS);
  }
}

/** A whole result: the sample report of the wanted kind, and one new file from those that may change files. */
function resultOf(spec: TaskSpec): JobResult {
  const { report: kind, attempt, baseSha } = spec;
  const report = kind === 'none' ? {} : { report: emptied(SAMPLE_REPORTS[kind]) };
  const builds = kind === 'build';
  return {
    version: 1,
    attempt,
    outcome: 'finished',
    cause: '',
    summary: `Played attempt ${attempt}.`,
    ...report,
    changes: builds
      ? [
          {
            path: `played/attempt-${attempt}.txt`,
            action: 'create',
            mode: '100644',
            content: Buffer.from(`attempt ${attempt}\n`).toString('base64'),
          },
        ]
      : [],
    baseSha,
    checks: [],
    stats: { turns: 1, toolCalls: 1, seconds: 1, firstRequestMs: 1, model: null },
  };
}

/** Looks that find nothing to mend, so that a run goes straight on. */
function emptied(report: Report): Report {
  return 'findings' in report && 'score' in report
    ? ({ ...report, score: 95, findings: [] } as Report)
    : report;
}
