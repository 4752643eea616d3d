/** A whole bot beside a sandbox GitLab, with a secret in every place that the bot or its people have one. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { startStage, type Stage } from '../../test/support/story.ts';
import { randomOf } from '../random.ts';
import { sweepFor, type Canary, type Hit } from '../sweep.ts';

export interface Whole {
  stage: Stage;
  canaries: Canary[];
  /** Calls of the API that made the stage; what follows is the bot's own doing. */
  setUp: number;
  /** A canary by where it was planted. */
  secret(name: string): string;
  /** The first canary in anything that left the bot, its jobs or its models so far. */
  sweep(): Promise<Hit | null>;
  close(): Promise<void>;
}

const VARIABLES = ['DEPLOY_TOKEN', 'AWS_SECRET_ACCESS_KEY', 'OPENAI_API_KEY', 'PLAIN', 'CI_JOB_X'];

export async function startWhole(seed: string): Promise<Whole> {
  const random = randomOf(seed);
  const canaries: Canary[] = [];
  const plant = (name: string): string => {
    const secret = random.token(32);
    canaries.push({ name, secret });
    return secret;
  };
  const env = Object.fromEntries(VARIABLES.map((name) => [name, plant(`runner’s ${name}`)]));
  const stage = await startStage({
    ci: { env },
    // One person asks for all of it.
    settings: ({ limits }) => Object.assign(limits, { runsPerUserHour: 10_000 }),
  });
  const { config, world } = stage;
  canaries.push({ name: 'the bot’s token', secret: config.gitlab.token });
  for (const [name, key] of Object.entries(world.models.keys)) {
    canaries.push({ name: `the key of ${name}`, secret: key });
  }
  const other = await stage.project('stories/other', { 'secret.txt': plant('another project') });
  await stage.rest('dana', 'POST', `/projects/${stage.light.id}/variables`, {
    ...{ key: 'PROJECT_SECRET', value: plant('a CI variable') },
  });
  await stage.rest('dana', 'POST', `/projects/${other.id}/issues`, {
    ...{ title: 'Elsewhere', description: plant('an issue of another project') },
  });
  const secret = (name: string): string =>
    canaries.find((one) => one.name === name)?.secret ?? plant(name);
  return {
    stage,
    canaries,
    setUp: world.gitlab.calls.all.length,
    secret,
    sweep: () => sweepAll(stage, canaries),
    close: () => stage.close(),
  };
}

/** What people wrote themselves is theirs; everything the bot, its jobs and its models made is looked at. */
async function sweepAll(stage: Stage, canaries: readonly Canary[]): Promise<Hit | null> {
  const { gitlab, models } = stage.world;
  const sweep = sweepFor(canaries);
  const bodies = gitlab.calls.all.filter(({ user }) => user === 'autodev' || user === null);
  const jobs = gitlab.api
    .pipelines(stage.light.path)
    .flatMap((pipeline) => pipeline.jobs)
    .filter((job) => !job.bridge);
  const traces = jobs.map((job) => readFile(job.tracePath, 'utf8').catch(() => ''));
  const git = [
    '--git-dir',
    stage.light.gitDir,
    'log',
    '--all',
    '--no-merges',
    '-p',
    '--format=%an %s %b',
  ];
  const objects = promisify(execFile)('git', git, { maxBuffer: 256e6 });
  const places: [string, string][] = [
    [
      'calls of the bot',
      JSON.stringify(bodies.map(({ method, path, body }) => [method, path, body])),
    ],
    ['requests to models', JSON.stringify(models.requests.map(({ body }) => body))],
    ['logs of jobs', (await Promise.all(traces)).join('\n')],
    ['commits', (await objects).stdout],
    ['results', JSON.stringify(await stage.rows('select result, progress, cause from attempts'))],
    ['effects', JSON.stringify(await stage.rows('select payload, receipt, error from effects'))],
    ['the audit', JSON.stringify(await stage.rows('select entry from audit'))],
    ['the bot’s log', stage.log.join('')],
  ];
  for (const [place, text] of places) {
    const hit = sweep.find(place, text);
    if (hit !== null) return hit;
  }
  return null;
}
