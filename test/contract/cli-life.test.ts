/** The commands in the order of a new installation: connect, serve, doctor, explain, replay. */
import { type ChildProcess } from 'node:child_process';
import { createServer, type AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { runCli, startCli } from '../support/run-cli.ts';
import { until } from '../support/until.ts';
import { startCliWorld, type CliWorld } from './cli-world.ts';

let world: CliWorld;
let env: Record<string, string>;
let bot: ChildProcess | null = null;

/** A port that was free a moment ago: the address has to be known before the bot starts. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

beforeAll(async () => {
  world = await startCliWorld('19.1.0');
  const port = await freePort();
  env = {
    ...world.env,
    AUTODEV_PUBLIC_URL: `http://127.0.0.1:${port}`,
    AUTODEV_LOG_LEVEL: 'silent',
    AUTODEV_SHUTDOWN_DELAY_SECONDS: '2',
    PORT: String(port),
  };
});
afterAll(async () => {
  await stopBot('SIGKILL');
  await world?.close();
});

async function stopBot(signal: NodeJS.Signals): Promise<void> {
  const child = bot;
  bot = null;
  if (child === null || child.exitCode !== null) return;
  const closed = new Promise((resolve) => child.once('close', resolve));
  child.kill(signal);
  await closed;
}

const writes = (): number => world.gitlab.calls.all.filter((call) => call.method !== 'GET').length;

async function cli(...args: string[]): Promise<{ code: number | null; out: string; err: string }> {
  const { code, stdout, stderr } = await runCli(args, env);
  return { code, out: stdout, err: stderr };
}

async function note(body: string): Promise<void> {
  const path = `projects/${world.project.id}/issues/1/notes`;
  await post(path, { body });
}

async function post(path: string, body: object): Promise<void> {
  const dana = world.gitlab.api.user('dana');
  const response = await fetch(`${world.gitlab.url}/api/v4/${path}`, {
    method: 'POST',
    headers: {
      'private-token': world.gitlab.api.createToken(dana).value,
      'content-type': 'application/json',
    },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(await response.text());
}

describe('a new installation', () => {
  test('connect: nothing without a yes, everything with it', async () => {
    const dry = await cli('connect', 'shop/cart', '--dry-run');
    expect(dry).toMatchObject({ code: 0, err: '' });
    expect(dry.out).toMatch(/make a hook[^]*\+ {2}- remote: [^]*Nothing was changed/);
    expect(writes()).toBe(0);
    const done = await cli('connect', 'shop/cart', '--yes');
    expect(done).toMatchObject({ code: 0, err: '' });
    expect(done.out).toMatch(/hook \d+, which signs: made[^]*Next: merge !1/);
    await world.merge(1);
  });

  test('serve, then doctor finds nothing wrong', async () => {
    bot = startCli(['serve'], env);
    const lines = createInterface({ input: bot.stdout as NodeJS.ReadableStream });
    const first = new Promise<string>((resolve) => lines.once('line', resolve));
    expect(await first).toMatch(/^AutoDev is ready/);
    const { code, out } = await cli('doctor', 'shop/cart', '--json');
    const { ok, checks } = JSON.parse(out) as { ok: boolean; checks: Record<string, unknown>[] };
    expect(checks.filter((check) => check['status'] !== 'ok')).toEqual([]);
    expect({ code, ok }).toEqual({ code: 0, ok: true });
    expect(checks).toContainEqual(
      expect.objectContaining({
        name: 'database',
        detail: expect.stringMatching(/in use by a running bot/),
      }),
    );
  });

  test('the database of a running bot is not touched', async () => {
    const { code, err } = await cli('replay', '--list');
    expect(code).toBe(1);
    expect(err).toMatch(/cannot open the database[^]*another one has it[^]*stop the running bot/);
  });

  test('explain and replay tell what the bot did', async () => {
    const dana = world.gitlab.api.createUser({ username: 'dana' });
    world.gitlab.api.addMember(world.project, dana, 30);
    await post(`projects/${world.project.id}/issues`, { title: 'Add --json' });
    await note('just talking');
    await note('/autodev frobnicate');
    const issue = world.gitlab.api.issue('shop/cart', 1);
    await until(
      () => issue.notes.some((one) => one.authorId === world.bot.id && !one.system),
      60_000,
      "the bot's reply",
    );
    const ended = stopBot('SIGTERM');
    const answers = async (route: string): Promise<number> =>
      (await fetch(`${env['AUTODEV_PUBLIC_URL']}${route}`)).status;
    await until(async () => (await answers('/readyz')) === 503, 1_500, 'the bot to say it stops');
    // Balancers have to be asked to look elsewhere before anybody is turned away (R27).
    expect(await answers('/healthz')).toBe(200);
    await ended;
    await expect(answers('/healthz')).rejects.toThrow();

    const told = await cli('explain', `${world.gitlab.url}/shop/cart/-/issues/1`);
    expect(told).toMatchObject({ code: 0, err: '' });
    expect(told.out).toMatch(/^shop\/cart#1, issue 1 of project \d+/);
    expect(told.out).toMatch(/ignored: no command in the note/);
    expect(told.out).toMatch(/note event by @dana[^]*known: access Developer \(30\)[^]*decided: /);

    const listed = await cli('replay', '--list', '--json');
    const rows = JSON.parse(listed.out) as { id: string; state: string; event: string }[];
    const ignored = rows.find((row) => row.state === 'ignored' && row.event === 'Note Hook');
    const again = await cli('replay', ignored?.id ?? '');
    expect(again).toMatchObject({ code: 0, err: '' });
    expect(again.out).toMatch(/is due again as [\da-f-]{36} \(replay 1\)/);
  });
});
