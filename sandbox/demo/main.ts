/**
 * `npm run demo`: the main job, from an issue's label to a merge request whose pipeline is green, with
 * the real bot as a child process, a local GitLab, real CI jobs and a scripted model.
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
import { createClient, followIssue, type Journey } from './follow.ts';
import { createView, type View } from './view.ts';

const USAGE = `Usage: npm run demo [-- options]

Runs the main job on this machine: a local GitLab, the real bot, real CI jobs and a scripted model.

Options:
  --interactive  keep everything running, with pages to click through, until Ctrl-C
  --live         use a real model: OPENAI_API_KEY or ANTHROPIC_API_KEY must be set
  --keep         keep the folder with the repositories, logs and database
  --help         show this help
`;

const ROOT = resolve(import.meta.dirname, '../..');
/** A real model may take its time; the scripted one needs seconds. */
const LIMIT_MS = { scripted: 90_000, live: 30 * 60_000 };

interface Demo {
  world: World;
  bot: BotProcess;
  dir: string;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
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
    const journey = await walk(view, demo.world, values.live ? LIMIT_MS.live : LIMIT_MS.scripted);
    summary(view, journey, Date.now() - startedAt);
    if (journey.pipeline.status !== 'success') process.exitCode = 1;
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

async function walk(view: View, world: World, limitMs: number): Promise<Journey> {
  const project = world.project.id;
  const client = createClient(world.gitlab.url, world.people.sam.token);
  const stage = view.stage('Sam files an issue');
  const issue = await client.send<{ iid: number; web_url: string }>(
    'POST',
    `/projects/${project}/issues`,
    SAMPLE_ISSUES.feature,
  );
  await client.send('PUT', `/projects/${project}/issues/${issue.iid}`, { add_labels: 'autodev' });
  stage.done(`#${issue.iid} with the label autodev`);
  return followIssue(client, view, { project, iid: issue.iid, limitMs });
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
