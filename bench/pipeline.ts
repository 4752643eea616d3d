/**
 * From a webhook that was acknowledged to the request for its pipeline: the bot as users start it,
 * against a GitLab that answers at once. A second look with a slow GitLab counts the calls that had to
 * wait for each other.
 */
import { createHmac, randomUUID } from 'node:crypto';
import { projectSigningToken } from '../bot/forge/gitlab/webhooks.ts';
import { available, startPostgres } from '../test/support/backends.ts';
import { until } from '../test/support/until.ts';
import { figure, longestChain, median, percentile, type Effort, type Figure } from './figure.ts';
import { SECRET, startServe } from './processes.ts';
import { PROJECT, startStubGitLab, type Call, type StubGitLab } from './stub-gitlab.ts';

const REQUESTED_MS = 20_000;
/** Quiet for this long: what the last delivery caused is over. */
const QUIET_MS = 150;
const SLOW_MS = 40;
const PIPELINE = 'POST projects/:id/pipeline';

export async function benchPipeline(effort: Effort): Promise<Figure[]> {
  const stub = await startStubGitLab();
  try {
    const figures = await onStore('pglite', {}, stub, effort);
    if (!available('postgres')) {
      effort.say('left out: PostgreSQL is not on this machine');
      return figures;
    }
    const server = await startPostgres([]);
    try {
      const env = { DATABASE_URL: await server.newDatabase() };
      return [...figures, ...(await onStore('postgres', env, stub, effort))];
    } finally {
      await server.stop();
    }
  } finally {
    await stub.close();
  }
}

async function onStore(
  name: string,
  env: Record<string, string>,
  stub: StubGitLab,
  effort: Effort,
): Promise<Figure[]> {
  effort.say(`pipeline: ${name}`);
  const bot = await startServe('all', {
    ...env,
    AUTODEV_GITLAB_URL: stub.url,
    OPENAI_API_KEY: 'bench',
  });
  try {
    const hook = `${bot.url}/webhooks/gitlab`;
    let iid = 0;
    stub.latencyMs = 0;
    for (let run = 0; run < 3; run += 1) await ask(hook, (iid += 1), stub);
    const times: number[] = [];
    for (let run = 0; run < (effort.quick ? 10 : 40); run += 1) {
      times.push((await ask(hook, (iid += 1), stub)).ms);
    }
    stub.latencyMs = SLOW_MS;
    const { calls } = await ask(hook, (iid += 1), stub);
    return [
      figure(`pipeline.${name}.p50`, median(times), 'ms'),
      figure(`pipeline.${name}.p95`, percentile(times, 0.95), 'ms'),
      figure(`pipeline.${name}.calls_in_all`, calls.length, 'calls'),
      figure(`pipeline.${name}.calls_in_sequence`, longestChain(calls), 'calls'),
    ];
  } catch (error) {
    throw new Error(`the bot said:\n${bot.log.join('').slice(-4_000)}`, { cause: error });
  } finally {
    await bot.stop();
  }
}

/** Labels an issue; the calls are those made until its pipeline was asked for. */
async function ask(
  hook: string,
  iid: number,
  stub: StubGitLab,
): Promise<{ ms: number; calls: Call[] }> {
  stub.calls.length = 0;
  await deliver(hook, iid);
  const acknowledged = performance.now();
  const requested = (): Call | undefined => stub.calls.find(({ what }) => what === PIPELINE);
  await until(() => requested() !== undefined, REQUESTED_MS, 'the pipeline to be requested');
  const at = requested()?.from ?? NaN;
  await until(
    () => performance.now() - Math.max(...stub.calls.map(({ to }) => to)) > QUIET_MS,
    REQUESTED_MS,
    'the bot to be quiet',
  );
  return { ms: at - acknowledged, calls: stub.calls.filter(({ from }) => from <= at) };
}

async function deliver(url: string, iid: number): Promise<void> {
  const label = { id: 1, title: 'autodev' };
  const body = JSON.stringify({
    object_kind: 'issue',
    event_type: 'issue',
    // Another person each time: how often one person may ask in an hour is limited.
    user: { id: 100 + iid, username: `user-${iid}` },
    project: {
      id: PROJECT.id,
      path_with_namespace: PROJECT.path,
      default_branch: PROJECT.branch,
      web_url: `http://stub/${PROJECT.path}`,
    },
    object_attributes: {
      ...{ id: 9_000 + iid, iid, title: 'Add --json', description: 'Print JSON.', state: 'opened' },
      ...{ action: 'update', author_id: 5, type: 'Issue', url: `http://stub/i/${iid}` },
      ...{ labels: [label], updated_at: new Date().toISOString(), project_id: PROJECT.id },
    },
    labels: [label],
    changes: { labels: { previous: [], current: [label] } },
  });
  const id = randomUUID();
  const at = Math.floor(Date.now() / 1000);
  const key = Buffer.from(projectSigningToken(SECRET, PROJECT.id).slice('whsec_'.length), 'base64');
  const digest = createHmac('sha256', key).update(`${id}.${at}.${body}`).digest('base64');
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-gitlab-event': 'Issue Hook',
      'webhook-id': id,
      'webhook-timestamp': String(at),
      'webhook-signature': `v1,${digest}`,
    },
    body,
  });
  if (!response.ok) throw new Error(`the webhook was answered ${response.status}`);
  await response.text();
}
