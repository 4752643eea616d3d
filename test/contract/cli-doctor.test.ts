/** `autodev doctor`: nothing wrong on a sound installation, and each broken part by name with its fix. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { applyConnect } from '../../bot/cli/connect/apply.ts';
import { planConnect } from '../../bot/cli/connect/plan.ts';
import type { Check, DoctorDeps } from '../../bot/cli/doctor/check.ts';
import { examine } from '../../bot/cli/doctor/examine.ts';
import type { ForgeRead, ForgeSetup } from '../../bot/forge/forge.ts';
import { openQueue, type Queue } from '../../bot/queue/queue.ts';
import { StoreError } from '../../bot/store/errors.ts';
import { coolDown } from '../../bot/store/providers.ts';
import type { Store } from '../../bot/store/store.ts';
import { answers, brokenParts, refuse, type Broken } from './cli-doctor-cases.ts';
import { INSTALLATION, SECRET, startCliWorld, type CliWorld } from './cli-world.ts';

let world: CliWorld;
let queue: Queue;
let store: Store;
let lint: Awaited<ReturnType<ForgeSetup['lint']>>;

beforeAll(async () => {
  world = await startCliWorld('19.1.0');
  const opened = await world.store();
  store = { ...opened, close: () => Promise.resolve() };
  queue = await openQueue({ store: opened });
  const plan = await planConnect(world.forge, world.request());
  const deps = { forge: world.forge, secret: SECRET, publicUrl: world.face.url };
  const { change } = await applyConnect({ ...deps, store }, plan);
  await world.merge(change?.iid ?? 0);
  lint = await world.forge.setup.lint(world.project.id, 'main');
});
afterAll(async () => {
  await queue?.close();
  await world?.close();
});

function deps({ config, read, write, setup, deps: other }: Broken = {}): DoctorDeps {
  const { forge } = world;
  return {
    config: { ...world.config, ...config },
    forge: {
      ...forge,
      read: { ...forge.read, ...read },
      write: { ...forge.write, ...write },
      setup: { ...forge.setup, lint: () => Promise.resolve(lint), ...setup },
    },
    files: INSTALLATION,
    openStore: () => Promise.resolve(store),
    openQueue: () => Promise.resolve({ ...queue, close: () => Promise.resolve() }),
    fetch,
    now: () => new Date(),
    ...other,
  };
}

async function look(broken: Broken = {}, projects: string[] = []): Promise<Check[]> {
  const reported: Check[] = [];
  const checks = await examine(deps(broken), projects, (check) => reported.push(check));
  expect(reported).toEqual(checks);
  return checks;
}

const troubles = (checks: Check[]): Check[] =>
  checks.filter((check) => check.status === 'error' || check.status === 'warning');

const NAMES = [
  'configuration',
  'settings',
  'agents',
  'engines',
  'isolation',
  'openai key',
  'anthropic key',
  'database',
  'queue',
  'workflow versions',
  'providers',
  'public URL',
  'bot',
  'gitlab',
  'id token keys',
  'token',
  'token scope',
  'token expiry',
  'account',
];
const OF_PROJECT = [
  'access',
  'default branch',
  'hook',
  'hook events',
  'hook health',
  'hook signing',
  'template',
  'template server',
  'template bot',
  '.autodev.yml',
  'runner',
];

const CASES = brokenParts(
  () => world,
  () => lint,
);

describe('a sound installation', () => {
  test('has nothing wrong, its lint asked of the sandbox', async () => {
    const checks = await look({ setup: { lint: world.forge.setup.lint } });
    expect(troubles(checks)).toEqual([]);
    expect(checks.filter((one) => one.project === null).map((one) => one.name)).toEqual(NAMES);
    const ofProject = checks.filter((one) => one.project === 'shop/cart');
    expect(ofProject.map((one) => one.name)).toEqual(OF_PROJECT);
    expect(checks.map((one) => one.status)).toEqual(checks.map(() => 'ok'));
  });

  test('looks at a project that is named, once', async () => {
    const checks = await look({}, ['shop/cart']);
    expect(checks).toHaveLength(NAMES.length + OF_PROJECT.length);
  });

  test('needs no write', () => {
    const { calls } = world.gitlab;
    calls.clear();
    return look().then(() => expect(calls.all.filter((one) => one.method !== 'GET')).toEqual([]));
  });
});

describe('each broken part is named with its fix', () => {
  test.each([...CASES.installation, ...CASES.project])(
    '%s',
    async (_, broken, name, status, says) => {
      const checks = await look(await broken());
      const check = checks.find((one) => one.name === name);
      expect(check?.status).toBe(status);
      expect(`${check?.detail}\n${check?.fix}`).toMatch(says);
      const project = CASES.project.some(([what]) => what === _) ? 'shop/cart' : null;
      expect(check?.project).toBe(project);
      expect(JSON.stringify(checks)).not.toMatch(/secret-pw|glpat-/);
    },
  );

  test('every check can go wrong', () => {
    const covered = new Set([...CASES.installation, ...CASES.project].map(([, , name]) => name));
    // What has a test of its own, and what only says what is.
    for (const name of ['configuration', 'providers', 'engines', 'isolation']) covered.add(name);
    expect([...NAMES, ...OF_PROJECT].filter((name) => !covered.has(name))).toEqual([]);
  });
});

describe('one cause, one line', () => {
  test('of the token that GitLab does not take', async () => {
    const denied = refuse('denied', '401 Unauthorized');
    const checks = await look({ setup: { version: denied, token: denied } });
    expect(troubles(checks).map((one) => one.name)).toEqual(['token']);
    expect(checks.at(-1)).toMatchObject({ name: 'projects', status: 'skipped' });
  });

  test('of a Developer: hooks are skipped, the rest is looked at', async () => {
    const checks = await look({
      read: { accessLevel: () => Promise.resolve(30) },
      setup: { runners: refuse('denied') },
    });
    expect(troubles(checks).map((one) => one.name)).toEqual(['access']);
    const skips = checks.filter((one) => one.status === 'skipped');
    expect(skips.map((one) => one.name)).toEqual(['hook', 'runner']);
  });

  test('of providers that the bot leaves alone', async () => {
    const usual = { firstMs: 600_000, factor: 2, mostMs: 600_000, toldMs: null, ageMs: 0 };
    const limited = { provider: 'openai', model: 'gpt-6.1-sol', reason: 'rate_limit' } as const;
    const refused = { provider: 'anthropic', model: null, reason: 'key', status: 401 } as const;
    await coolDown(store, { ...limited, ...usual, status: 429 });
    await coolDown(store, { ...refused, ...usual });
    const checks = await look().finally(() => store.query('delete from providers'));
    expect(troubles(checks)).toMatchObject([
      {
        name: 'providers',
        status: 'error',
        detail: expect.stringMatching(/^Anthropic refused the key \(401\) until .* UTC \(all of/),
        fix: expect.stringContaining('ANTHROPIC_API_KEY'),
      },
      {
        name: 'providers',
        status: 'warning',
        detail: expect.stringMatching(/^OpenAI answered 429 until .* UTC \(gpt-6\.1-sol\)$/),
      },
    ]);
  });

  test('of one provider for all agents, and of a file that asks for too much', async () => {
    const file = 'agents:\n  reviewer: { engine: codex }\n';
    const read: Partial<ForgeRead> = {
      file: (id, path, ref) =>
        path === '.autodev.yml' ? Promise.resolve(file) : world.forge.read.file(id, path, ref),
    };
    const checks = await look({ config: { llmProvider: 'openai' }, read });
    expect(checks.find(({ name }) => name === 'agents')?.detail).toMatch(
      /AUTODEV_LLM_PROVIDER holds all of them to openai$/,
    );
    expect(troubles(checks)).toMatchObject([
      {
        name: '.autodev.yml',
        status: 'warning',
        detail: expect.stringMatching(/`agents\.reviewer\.engine`: repositories/),
      },
    ]);
  });

  test('of a database that is not migrated', async () => {
    const none: Store = {
      ...store,
      query: (text) =>
        Promise.resolve(text.includes('to_regclass') ? [{ there: false }] : []) as never,
    };
    const checks = await look({ deps: { openStore: () => Promise.resolve(none) } });
    expect(troubles(checks)).toMatchObject([
      { name: 'database', status: 'warning', fix: 'run autodev migrate' },
    ]);
    expect(checks.at(-1)).toMatchObject({ name: 'projects', status: 'skipped' });
  });
});

describe('an embedded database that the bot has open', () => {
  const locked = { openStore: () => Promise.reject(new StoreError('data_dir_locked', 'locked')) };

  test('is no fault', async () => {
    const checks = await look({ deps: locked }, ['shop/cart']);
    expect(troubles(checks)).toEqual([]);
    expect(checks.find((one) => one.name === 'database')?.detail).toMatch(
      /in use by a running bot/,
    );
    expect(checks.find((one) => one.name === 'queue')).toMatchObject({ status: 'skipped' });
  });

  test('is asked about through the bot', async () => {
    const ready = (database: boolean, queueAnswers: boolean) =>
      answers('/readyz', 200, JSON.stringify({ database, queue: queueAnswers, backend: 'redis' }));
    const good = await look({ deps: { ...locked, fetch: ready(true, true) } }, ['shop/cart']);
    expect(troubles(good)).toEqual([]);
    expect(good.find((one) => one.name === 'queue')?.detail).toMatch(/redis/);
    const poor = await look({ deps: { ...locked, fetch: ready(true, false) } }, ['shop/cart']);
    expect(troubles(poor)).toMatchObject([{ name: 'queue', fix: /restart the bot/ }]);
  });
});
