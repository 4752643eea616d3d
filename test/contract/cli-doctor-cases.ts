/** The ways in which an installation can be broken, one part at a time, and what doctor says then. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CheckStatus, DoctorDeps } from '../../bot/cli/doctor/check.ts';
import type { Config } from '../../bot/config/env.ts';
import { ForgeError } from '../../bot/forge/errors.ts';
import type { ForgeRead, ForgeSetup, ForgeWrite } from '../../bot/forge/forge.ts';
import type { Store } from '../../bot/store/store.ts';
import { INSTALLATION, type CliWorld } from './cli-world.ts';

/** What takes the place of the sound parts. */
export interface Broken {
  config?: Partial<Config>;
  read?: Partial<ForgeRead>;
  write?: Partial<ForgeWrite>;
  setup?: Partial<ForgeSetup>;
  deps?: Partial<DoctorDeps>;
}

export type Case = [
  what: string,
  broken: () => Broken | Promise<Broken>,
  name: string,
  status: CheckStatus,
  says: RegExp,
];

/** A look-up that fails. */
export const refuse =
  (kind: ConstructorParameters<typeof ForgeError>[0], message = 'no') =>
  () =>
    Promise.reject(new ForgeError(kind, message));

/** `fetch`, but addresses that end in `path` answer this. */
export const answers =
  (path: string, status: number, body = '', headers: Record<string, string> = {}): typeof fetch =>
  (input, init) =>
    String(input).endsWith(path)
      ? Promise.resolve(new Response(body, { status, headers }))
      : fetch(input, init);

type LintAnswer = Awaited<ReturnType<ForgeSetup['lint']>>;

/** The cases over a world and its lint answer, which are there when a case is run. */
export function brokenParts(
  world: () => CliWorld,
  lint: () => LintAnswer,
): { installation: Case[]; project: Case[] } {
  const token = (change: object): Broken => ({
    setup: {
      token: async () => ({ ...(await world().forge.setup.token()), ...change }),
    },
  });

  const hook = (change: object): Broken => ({
    setup: {
      hooks: async (id) =>
        (await world().forge.setup.hooks(id)).map((one) => ({ ...one, ...change })),
    },
  });

  const merged = (change: (yaml: string) => string): Broken => ({
    setup: { lint: () => Promise.resolve({ ...lint(), mergedYaml: change(lint().mergedYaml) }) },
  });

  const runner = (change: object): Broken => ({
    setup: {
      runners: () =>
        Promise.resolve([
          { id: 3, online: true, tags: ['autodev'], runUntagged: false, ...change },
        ]),
    },
  });

  const file = (text: string | null): Broken => ({
    read: {
      file: (id, path, ref) =>
        path === '.autodev.yml' ? Promise.resolve(text) : world().forge.read.file(id, path, ref),
    },
  });

  const dead = 'http://127.0.0.1:1';

  /** A folder with one file of its own. */
  const folderWith = (name: string, content: string): string => {
    const folder = join(world().folder, `agents-${name}`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, name), content);
    return folder;
  };

  const installation: Case[] = [
    [
      'no settings file',
      () => ({ config: { settingsFile: '/nowhere.yaml' } }),
      'settings',
      'error',
      /nowhere\.yaml: cannot be read[^]*AUTODEV_SETTINGS/,
    ],
    [
      'an agent without front matter',
      () => ({ config: { agentsDir: folderWith('builder.md', 'x') } }),
      'agents',
      'error',
      /builder\.md: wants front matter[^]*AUTODEV_AGENTS_DIR/,
    ],
    [
      'no agents folder',
      () => ({ config: { agentsDir: '/nowhere' } }),
      'agents',
      'error',
      /nowhere[^]*AUTODEV_AGENTS_DIR/,
    ],
    [
      'no model key',
      () => ({ config: { providers: { openai: null, anthropic: null } } }),
      'model keys',
      'error',
      /no provider has a key[^]*set OPENAI_API_KEY or ANTHROPIC_API_KEY/,
    ],
    [
      'a wrong model key',
      () => ({
        config: {
          providers: {
            openai: { baseUrl: `${world().models.url}/v1`, apiKey: 'wrong' },
            anthropic: null,
          },
        },
      }),
      'openai key',
      'error',
      /refuses it \(401\)[^]*set OPENAI_API_KEY/,
    ],
    [
      'a provider out of reach',
      () => ({
        config: { providers: { openai: null, anthropic: { baseUrl: dead, apiKey: 'k' } } },
      }),
      'anthropic key',
      'error',
      /does not answer[^]*ANTHROPIC_BASE_URL/,
    ],
    [
      'a base URL that is none',
      () => ({
        config: {
          providers: { openai: { baseUrl: world().face.url, apiKey: 'k' }, anthropic: null },
        },
      }),
      'openai key',
      'warning',
      /no list of models \(404\)[^]*OPENAI_BASE_URL/,
    ],
    [
      'a provider without credit',
      () => ({ deps: { fetch: answers('/v1/models', 429) } }),
      'openai key',
      'warning',
      /429[^]*limits of the account/,
    ],
    [
      'PostgreSQL that refuses',
      () => ({
        config: { databaseUrl: 'postgres://u:secret-pw@db.example.com/autodev' },
        deps: {
          openStore: () => Promise.reject(Object.assign(new Error(''), { code: 'ECONNREFUSED' })),
        },
      }),
      'database',
      'error',
      /db\.example\.com\/autodev: ECONNREFUSED[^]*DATABASE_URL/,
    ],
    [
      'a folder that cannot be written',
      () => ({ deps: { openStore: () => Promise.reject(new Error('EACCES: permission denied')) } }),
      'database',
      'error',
      /EACCES[^]*AUTODEV_DATA_DIR/,
    ],
    [
      'a database of a newer AutoDev',
      () => ({
        deps: { files: { ...INSTALLATION, migrationsDir: join(world().folder, 'gitlab') } },
      }),
      'database',
      'error',
      /schema version 1[^]*autodev migrate/,
    ],
    [
      'Redis that refuses',
      () => ({
        config: { redisUrl: 'redis://:secret-pw@127.0.0.1:1' },
        deps: { openQueue: () => Promise.reject(new Error('connect ECONNREFUSED')) },
      }),
      'queue',
      'error',
      /127\.0\.0\.1:1: connect ECONNREFUSED[^]*REDIS_URL/,
    ],
    [
      'a template that was changed after runs used it',
      async () => {
        const store = await world().store();
        const workflow = { name: 'feature', version: 2, title: 'x', stages: [] };
        const query: Store['query'] = async (text, params, name) =>
          text.includes('from workflow_versions')
            ? ([{ ...workflow, digest: 'of other stages', body: workflow }] as never)
            : store.query(text, params, name);
        return {
          deps: {
            openStore: () => Promise.resolve({ ...store, query, close: () => Promise.resolve() }),
          },
        };
      },
      'workflow versions',
      'error',
      /feature\.yaml: runs have used version 2[^]*raise version to 3/,
    ],
    [
      'a public URL that is this machine',
      () => ({
        config: {
          publicUrl: 'http://localhost:8080',
          gitlab: { url: 'https://gitlab.example.com', token: 'x' },
        },
      }),
      'public URL',
      'warning',
      /to themselves[^]*set AUTODEV_PUBLIC_URL/,
    ],
    [
      'a public URL in the clear',
      () => ({
        config: {
          publicUrl: 'http://bot.example.com',
          gitlab: { url: 'https://gitlab.example.com', token: 'x' },
        },
        deps: { fetch: answers('', 200, '{}') },
      }),
      'public URL',
      'warning',
      /not encrypted[^]*TLS/,
    ],
    [
      'a bot that does not run',
      () => ({ config: { publicUrl: dead } }),
      'bot',
      'error',
      /does not answer[^]*autodev serve/,
    ],
    [
      'something else at the address',
      () => ({ deps: { fetch: answers('/healthz', 200, '<html>') } }),
      'bot',
      'error',
      /not as AutoDev[^]*AUTODEV_PUBLIC_URL/,
    ],
    [
      'an address that redirects',
      () => ({ deps: { fetch: answers('/healthz', 301, '', { location: 'https://b/healthz' }) } }),
      'bot',
      'error',
      /redirects to https:\/\/b[^]*AUTODEV_PUBLIC_URL/,
    ],
    [
      'a bot of another version',
      () => ({ deps: { fetch: answers('/healthz', 200, '{"status":"ok","version":"0.0.9"}') } }),
      'bot',
      'warning',
      /0\.0\.9[^]*restart/,
    ],
    [
      'GitLab out of reach',
      () => ({ setup: { version: refuse('unavailable', 'connect ECONNREFUSED') } }),
      'gitlab',
      'error',
      /ECONNREFUSED[^]*AUTODEV_GITLAB_URL/,
    ],
    [
      'an old GitLab',
      () => ({
        setup: { version: () => Promise.resolve({ version: '16.11.4', enterprise: true }) },
      }),
      'gitlab',
      'error',
      /16\.11\.4 \(EE\)[^]*update GitLab/,
    ],
    [
      'another issuer',
      () => ({ config: { idTokenIssuer: world().face.url } }),
      'id token keys',
      'error',
      /404[^]*AUTODEV_ID_TOKEN_ISSUER/,
    ],
    [
      'a revoked token',
      () => token({ active: false }),
      'token',
      'error',
      /expired or revoked[^]*AUTODEV_GITLAB_TOKEN/,
    ],
    [
      'a token of another scope',
      () => token({ scopes: ['read_api'] }),
      'token scope',
      'error',
      /read_api only[^]*scope api/,
    ],
    [
      'a token near its end',
      () => token({ expiresAt: new Date(Date.now() + 9.5 * 86_400_000).toISOString() }),
      'token expiry',
      'warning',
      /in 9 days[^]*rotate it/,
    ],
    [
      'a blocked account',
      () => ({
        read: { me: async () => ({ ...(await world().forge.read.me()), state: 'blocked' }) },
      }),
      'account',
      'error',
      /is blocked[^]*unblock it/,
    ],
  ];

  const project: Case[] = [
    [
      'a project that is not there',
      () => ({ read: { project: refuse('not_found') } }),
      'access',
      'error',
      /no project shop\/cart[^]*invite @project_1_bot/,
    ],
    [
      'an archived project',
      () => ({
        read: {
          project: async (id) => ({ ...(await world().forge.read.project(id)), archived: true }),
        },
      }),
      'access',
      'error',
      /is archived[^]*unarchive/,
    ],
    [
      'a bot that is Reporter',
      () => ({ read: { accessLevel: () => Promise.resolve(20) } }),
      'access',
      'error',
      /is Reporter[^]*invite @project_1_bot/,
    ],
    [
      'a bot that is Developer',
      () => ({ read: { accessLevel: () => Promise.resolve(30) } }),
      'access',
      'warning',
      /hooks and runners cannot be looked at[^]*as Maintainer/,
    ],
    [
      'a look-up that fails',
      () => ({ read: { accessLevel: refuse('unavailable', 'gateway timeout') } }),
      'access',
      'error',
      /gateway timeout[^]*AUTODEV_GITLAB_URL/,
    ],
    [
      'no default branch',
      () => ({ read: { branch: () => Promise.resolve(null) } }),
      'default branch',
      'error',
      /main does not exist[^]*Branch defaults/,
    ],
    [
      'an empty repository',
      () => ({
        read: {
          project: async (id) => ({ ...(await world().forge.read.project(id)), defaultBranch: '' }),
        },
      }),
      'default branch',
      'error',
      /empty[^]*push a first commit/,
    ],
    [
      'no hook',
      () => ({ setup: { hooks: () => Promise.resolve([]) } }),
      'hook',
      'error',
      /none leads to[^]*autodev connect shop\/cart/,
    ],
    [
      'a hook to an old address',
      () => hook({ url: 'https://old.example.com/webhooks/gitlab' }),
      'hook',
      'error',
      /leads to https:\/\/old\.example\.com[^]*autodev connect/,
    ],
    [
      'two hooks',
      () => ({
        setup: {
          hooks: async (id) => {
            const all = await world().forge.setup.hooks(id);
            return [...all, ...all];
          },
        },
      }),
      'hook',
      'warning',
      /2 hooks[^]*delete all but/,
    ],
    [
      'hooks that cannot be read',
      () => ({ setup: { hooks: refuse('denied', '403 Forbidden') } }),
      'hook',
      'error',
      /403 Forbidden[^]*Maintainer/,
    ],
    [
      'an event switched off',
      () => hook({ events: ['note_events'] }),
      'hook events',
      'error',
      /off: issues_events[^]*autodev connect/,
    ],
    [
      'a hook that GitLab disabled',
      () => hook({ alertStatus: 'temporarily_disabled' }),
      'hook health',
      'error',
      /temporarily disabled[^]*found by polling every 30 s[^]*press Test/,
    ],
    [
      'a hook that GitLab disabled for good',
      () => hook({ alertStatus: 'disabled' }),
      'hook health',
      'error',
      /has it disabled[^]*press Test/,
    ],
    [
      'a hook that lost its signing token',
      () => hook({ signingTokenPresent: false }),
      'hook signing',
      'error',
      /every delivery is refused[^]*autodev connect/,
    ],
    [
      'signatures required of an old GitLab',
      () => ({
        ...hook({ signingTokenPresent: false }),
        config: { requireSigning: true },
        setup: {
          ...hook({ signingTokenPresent: false }).setup,
          version: () => Promise.resolve({ version: '18.9.0', enterprise: false }),
        },
      }),
      'hook signing',
      'error',
      /cannot sign[^]*AUTODEV_REQUIRE_SIGNED_WEBHOOKS/,
    ],
    [
      'a CI file without the template',
      () => merged(() => 'test: { script: [a] }'),
      'template',
      'error',
      /does not include it[^]*autodev connect/,
    ],
    [
      'a CI file that is not valid',
      () => ({
        setup: {
          lint: () =>
            Promise.resolve({
              valid: false,
              errors: ['jobs:test config is wrong'],
              mergedYaml: '',
            }),
        },
      }),
      'template',
      'error',
      /jobs:test config is wrong[^]*mend \.gitlab-ci\.yml/,
    ],
    [
      'a change that waits to be merged',
      () => ({
        ...merged(() => ''),
        write: {
          findChange: () => Promise.resolve({ iid: 9, url: 'http://gl/9', description: '' }),
        },
      }),
      'template',
      'error',
      /does not include it[^]*merge !9/,
    ],
    [
      'a template for another bot URL',
      () => merged((yaml) => yaml.replaceAll(world().face.url, 'https://old.example.com')),
      'template server',
      'error',
      /turn to https:\/\/old\.example\.com[^]*autodev connect/,
    ],
    [
      'a template for another account',
      () =>
        merged((yaml) =>
          yaml
            .replaceAll(`== \\"${world().bot.id}\\"`, '== \\"77\\"')
            .replaceAll(`== "${world().bot.id}"`, '== "77"'),
        ),
      'template bot',
      'error',
      /is 77, @project_1_bot is[^]*autodev connect/,
    ],
    [
      'a template that cannot be resolved',
      () => ({ setup: { lint: refuse('unavailable', 'lint timed out') } }),
      'template',
      'error',
      /lint timed out/,
    ],
    [
      'a wrong .autodev.yml',
      () => file('enabled: true\nbudget:\n  task_usd: many\n'),
      '.autodev.yml',
      'error',
      /line 3, `budget\.task_usd`[^]*mend these lines/,
    ],
    [
      'a project that turned the bot off',
      () => file('enabled: false\n'),
      '.autodev.yml',
      'warning',
      /turned off[^]*remove enabled: false/,
    ],
    [
      'no runner',
      () => ({ setup: { runners: () => Promise.resolve([]) } }),
      'runner',
      'error',
      /none is online with tag autodev[^]*add a runner/,
    ],
    [
      'a runner that is off',
      () => runner({ online: false }),
      'runner',
      'error',
      /runner 3 with tag autodev is not online[^]*start it/,
    ],
    [
      'a runner of another tag',
      () => runner({ tags: ['big'] }),
      'runner',
      'error',
      /none is online[^]*ci\.tags/,
    ],
    [
      'a project that asks for another tag',
      () => file('runner: { tags: [gpu] }\n'),
      'runner',
      'error',
      /with tag gpu[^]*add a runner/,
    ],
    [
      'runners whose tags are hidden',
      () => runner({ tags: [] }),
      'runner',
      'warning',
      /hides the tags of 1[^]*look in Settings/,
    ],
  ];

  return { installation, project };
}
