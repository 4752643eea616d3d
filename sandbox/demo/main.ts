/**
 * `npm run demo`: the whole way, from a comment to the merged and deployed change, or with
 * `--workflow quick` from an issue's label to a merge request whose pipeline is green; with the real bot as
 * a child process, a local GitLab, real CI jobs and a scripted model.
 */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { liveProviders, terminal } from '../env.ts';
import { SAMPLE_ISSUES } from '../sample-project.ts';
import { freePort, SAMPLE_PATH, startWorld, type World } from '../world.ts';
import { runAutodev, startBotProcess, type BotProcess } from './bot-process.ts';
import { followFeature, type FeatureJourney } from './follow-feature.ts';
import { createClient, followIssue, type Client, type Journey } from './follow.ts';
import { createView, type View } from './view.ts';

const USAGE = `Usage: npm run demo [-- options]

Runs the whole way on this machine: a local GitLab, the real bot, real CI jobs and a scripted model.

Options:
  --workflow W   feature (default): specification, two approvals, three reviews, a fix, merge, deployment
                 quick: from a label to a tested merge request
  --interactive  keep everything running, with pages to click through, until Ctrl-C
  --live         use a real model: OPENAI_API_KEY or ANTHROPIC_API_KEY must be set
  --keep         keep the folder with the repositories, logs and database
  --help         show this help
`;

const ROOT = resolve(import.meta.dirname, '../..');
/** A real model may take its time; the scripted one needs seconds. */
const LIMIT_MS = {
  quick: { scripted: 90_000, live: 30 * 60_000 },
  feature: { scripted: 120_000, live: 90 * 60_000 },
};
type Workflow = keyof typeof LIMIT_MS;

interface Demo {
  world: World;
  bot: BotProcess;
  dir: string;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      workflow: { type: 'string', default: 'feature' },
      interactive: { type: 'boolean', default: false },
      live: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return;
  }
  const { workflow } = values;
  if (workflow !== 'quick' && workflow !== 'feature') {
    throw new Error(`--workflow is quick or feature, not ${workflow}.`);
  }
  const live = values.live ? liveProviders() : null;
  if (values.live && live === null) {
    throw new Error('--live needs OPENAI_API_KEY or ANTHROPIC_API_KEY in the environment.');
  }
  const startedAt = Date.now();
  const view = createView({
    ...terminal(),
    now: Date.now,
    write: (text) => process.stdout.write(text),
  });
  const dir = mkdtempSync(join(tmpdir(), 'autodev-demo-'));
  let demo: Demo | null = null;
  try {
    demo = await start(view, dir, live);
    const limitMs = LIMIT_MS[workflow][values.live ? 'live' : 'scripted'];
    const good = await perform(workflow, view, demo.world, { limitMs, startedAt });
    if (!good) process.exitCode = 1;
    if (values.interactive) await untilInterrupted(view, demo.world);
  } finally {
    view.close();
    await demo?.bot.stop();
    await demo?.world.close();
    if (values.keep) process.stdout.write(`Kept ${dir}\n`);
    else rmSync(dir, { recursive: true, force: true });
  }
}

async function start(view: View, dir: string, live: Record<string, string> | null): Promise<Demo> {
  const build = view.stage('Build the job program');
  const jobDir = join(dir, 'job');
  await promisify(execFile)(process.execPath, [join(ROOT, 'jobs/build.mjs'), jobDir]);
  build.done('autodev-job');
  const boot = view.stage('Start a local GitLab');
  const port = await freePort();
  const world = await startWorld({
    dir,
    jobDir,
    template: readFileSync(join(ROOT, 'ci-templates/autodev.yml'), 'utf8'),
    botUrl: `http://127.0.0.1:${port}`,
  });
  boot.done(`${world.gitlab.url}/${SAMPLE_PATH}`);
  const env = {
    ...terminal().environment,
    ...world.botEnv,
    ...live,
    AUTODEV_WEBHOOK_SECRET: randomBytes(24).toString('hex'),
    AUTODEV_DATA_DIR: join(dir, 'data'),
    AUTODEV_HOST: '127.0.0.1',
    PORT: String(port),
  };
  try {
    const connect = view.stage('Connect the project');
    connect.note(`autodev connect ${SAMPLE_PATH} --yes`);
    await runAutodev(ROOT, ['connect', SAMPLE_PATH, '--yes'], env);
    connect.done('webhook and labels');
    const serve = view.stage('Start the bot');
    serve.note('autodev serve, embedded database and queue');
    const bot = await startBotProcess(ROOT, env, join(dir, 'bot.log'));
    serve.done(bot.ready);
    return { world, bot, dir };
  } catch (error) {
    await world.close();
    throw error;
  }
}

/** Files the issue, asks for the work, follows it and sums up; true when all of it went well. */
async function perform(
  workflow: Workflow,
  view: View,
  world: World,
  times: { limitMs: number; startedAt: number },
): Promise<boolean> {
  const sam = createClient(world.gitlab.url, world.people.sam.token);
  const where = {
    project: world.project.id,
    iid: await fileIssue(workflow, view, world, sam),
    limitMs: times.limitMs,
  };
  if (workflow === 'quick') {
    const journey = await followIssue(sam, view, where);
    summary(view, journey, Date.now() - times.startedAt);
    return journey.pipeline.status === 'success';
  }
  const dana = createClient(world.gitlab.url, world.people.dana.token);
  const journey = await followFeature({ sam, dana }, view, where);
  featureSummary(view, journey, Date.now() - times.startedAt);
  return journey.change.state === 'merged';
}

async function fileIssue(
  workflow: Workflow,
  view: View,
  world: World,
  sam: Client,
): Promise<number> {
  const stage = view.stage('Sam files an issue');
  const issues = `/projects/${world.project.id}/issues`;
  const { iid } = await sam.send<{ iid: number }>('POST', issues, SAMPLE_ISSUES.feature);
  if (workflow === 'quick') {
    await sam.send('PUT', `${issues}/${iid}`, { add_labels: 'autodev' });
    stage.done(`#${iid} with the label autodev`);
  } else {
    await sam.send('POST', `${issues}/${iid}/notes`, { body: '/autodev plan' });
    stage.done(`#${iid} with the comment /autodev plan`);
  }
  return iid;
}

function summary(view: View, journey: Journey, ms: number): void {
  const { change, pipeline, tests, cost, verdict } = journey;
  view.box([
    `Merge request  !${change.iid} ${change.title}`,
    `               ${change.web_url}`,
    `Pipeline       ${pipeline.status}  ${pipeline.web_url}`,
    `Tests          ${tests ?? 'no summary in the log'}`,
    `Cost           ${cost} (scripted model: tokens are counted, nothing is paid)`,
    `Verdict        ${verdict.split(':')[0] ?? ''}`,
    `Took           ${(ms / 1000).toFixed(1)} s`,
  ]);
  sayNext(view);
}

function featureSummary(view: View, journey: FeatureJourney, ms: number): void {
  const { spec, change, findings, votes, deployment, cost, verdict } = journey;
  view.box([
    `Specification  !${spec.iid} ${spec.state}  ${spec.web_url}`,
    `Merge request  !${change.iid} ${change.state}  ${change.web_url}`,
    `Findings       ${findings.raised} raised, ${findings.fixed} fixed`,
    `Votes          ${votes}`,
    `Deployed       ${deployment ?? 'the repository has no deploy job'}`,
    `Cost           ${cost} (scripted model: tokens are counted, nothing is paid)`,
    `Verdict        ${verdict.split(':')[0] ?? ''}`,
    `Took           ${(ms / 1000).toFixed(1)} s`,
  ]);
  sayNext(view);
}

function sayNext(view: View): void {
  view.say(
    'Next: `npm run demo -- --interactive` keeps it running; README.md connects a real GitLab.',
  );
}

async function untilInterrupted(view: View, world: World): Promise<void> {
  const { url } = world.gitlab;
  view.say(
    `Look around: ${url}/${SAMPLE_PATH}?as=sam (people: ${Object.keys(world.people).join(', ')})`,
  );
  view.say('Comment `/autodev help` on an issue, or file another one. Ctrl-C ends it.');
  const stopped = Promise.withResolvers<void>();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => stopped.resolve());
  }
  await stopped.promise;
}

try {
  await main();
} catch (error) {
  process.stderr.write(
    `The demo failed: ${error instanceof Error ? error.message : String(error)}\n`,
  );
  process.stderr.write(
    'Run `npm run demo -- --keep` and look at bot.log in the folder it names.\n',
  );
  process.exitCode = 1;
}
