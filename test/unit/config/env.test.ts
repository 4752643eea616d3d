import { describe, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describeProblems, readEnv, type Config } from '../../../bot/config/env.ts';

const ROOT = path.resolve(import.meta.dirname, '../../..');
const LEAST = {
  AUTODEV_GITLAB_URL: 'https://gitlab.example.com',
  AUTODEV_GITLAB_TOKEN: 'glpat-not-a-real-one',
  AUTODEV_WEBHOOK_SECRET: '0123456789abcdef',
};

function good(more: Record<string, string> = {}): Config {
  const result = readEnv({ ...LEAST, ...more });
  if (!result.ok) throw new Error(describeProblems(result.problems));
  return result.config;
}
function wrong(env: Record<string, string | undefined>): string[] {
  const result = readEnv(env);
  return result.ok ? [] : result.problems.map(({ variable }) => variable);
}

test('three variables are enough, everything else has its documented default', () => {
  expect(good()).toEqual({
    gitlab: { url: 'https://gitlab.example.com', token: 'glpat-not-a-real-one' },
    webhookSecret: '0123456789abcdef',
    requireSigning: false,
    shutdownDelayMs: 0,
    githubWebhookSecret: null,
    publicUrl: 'http://localhost:8080',
    idTokenIssuer: 'https://gitlab.example.com',
    host: '0.0.0.0',
    port: 8080,
    databaseUrl: null,
    redisUrl: null,
    dataDir: '.autodev/data',
    settingsFile: null,
    agentsDir: null,
    providers: { openai: null, anthropic: null },
    llmProvider: null,
    logLevel: 'info',
    failpoints: '',
  });
});

test.each<[string, string, Partial<Config>]>([
  [
    'AUTODEV_GITLAB_URL',
    'https://git.example.com/gitlab/',
    {
      gitlab: { url: 'https://git.example.com/gitlab', token: LEAST.AUTODEV_GITLAB_TOKEN },
      idTokenIssuer: 'https://git.example.com/gitlab',
    },
  ],
  [
    'AUTODEV_GITLAB_URL',
    ' http://gitlab.local:8929 ',
    {
      gitlab: { url: 'http://gitlab.local:8929', token: LEAST.AUTODEV_GITLAB_TOKEN },
    },
  ],
  ['AUTODEV_REQUIRE_SIGNED_WEBHOOKS', 'true', { requireSigning: true }],
  ['AUTODEV_REQUIRE_SIGNED_WEBHOOKS', '1', { requireSigning: true }],
  ['AUTODEV_REQUIRE_SIGNED_WEBHOOKS', 'No', { requireSigning: false }],
  ['AUTODEV_GITHUB_WEBHOOK_SECRET', 'hub', { githubWebhookSecret: 'hub' }],
  ['AUTODEV_GITHUB_WEBHOOK_SECRET', '  ', { githubWebhookSecret: null }],
  ['AUTODEV_PUBLIC_URL', 'https://bot.example.com//', { publicUrl: 'https://bot.example.com' }],
  [
    'AUTODEV_ID_TOKEN_ISSUER',
    'https://id.example.com',
    { idTokenIssuer: 'https://id.example.com' },
  ],
  ['AUTODEV_HOST', '127.0.0.1', { host: '127.0.0.1' }],
  ['PORT', '0', { port: 0, publicUrl: 'http://localhost:0' }],
  ['PORT', '65535', { port: 65_535 }],
  ['AUTODEV_SHUTDOWN_DELAY_SECONDS', '', { shutdownDelayMs: 0 }],
  ['AUTODEV_SHUTDOWN_DELAY_SECONDS', '10', { shutdownDelayMs: 10_000 }],
  ['DATABASE_URL', 'postgres://u:p@db/autodev', { databaseUrl: 'postgres://u:p@db/autodev' }],
  [
    'DATABASE_URL',
    'postgresql://localhost/x?host=%2Ftmp',
    {
      databaseUrl: 'postgresql://localhost/x?host=%2Ftmp',
    },
  ],
  ['REDIS_URL', 'rediss://:p@redis:6380/2', { redisUrl: 'rediss://:p@redis:6380/2' }],
  ['AUTODEV_DATA_DIR', '/var/lib/autodev', { dataDir: '/var/lib/autodev' }],
  ['AUTODEV_SETTINGS', '/etc/autodev.yaml', { settingsFile: '/etc/autodev.yaml' }],
  ['AUTODEV_AGENTS_DIR', '/etc/agents', { agentsDir: '/etc/agents' }],
  [
    'OPENAI_API_KEY',
    'k',
    {
      providers: { openai: { baseUrl: 'https://api.openai.com/v1', apiKey: 'k' }, anthropic: null },
    },
  ],
  [
    'ANTHROPIC_API_KEY',
    'k',
    {
      providers: { openai: null, anthropic: { baseUrl: 'https://api.anthropic.com', apiKey: 'k' } },
    },
  ],
  ['OPENAI_BASE_URL', 'https://proxy.example/v1', { providers: { openai: null, anthropic: null } }],
  ['AUTODEV_LOG_LEVEL', 'silent', { logLevel: 'silent' }],
  ['AUTODEV_FP', 'a:kill9', { failpoints: 'a:kill9' }],
])('%s=%j', (name, value, expected) => {
  expect(good({ [name]: value })).toMatchObject(expected);
});

test('a base URL belongs to the key beside it', () => {
  const { providers } = good({
    OPENAI_API_KEY: 'a',
    OPENAI_BASE_URL: 'http://models.local:1/v1/',
    ANTHROPIC_API_KEY: 'b',
    ANTHROPIC_BASE_URL: 'http://models.local:2',
  });
  expect(providers).toEqual({
    openai: { baseUrl: 'http://models.local:1/v1', apiKey: 'a' },
    anthropic: { baseUrl: 'http://models.local:2', apiKey: 'b' },
  });
});

describe('problems', () => {
  test.each([
    ['AUTODEV_GITLAB_URL', ''],
    ['AUTODEV_GITLAB_URL', 'gitlab.example.com'],
    ['AUTODEV_GITLAB_URL', 'ftp://gitlab.example.com'],
    ['AUTODEV_GITLAB_URL', 'file:///etc/passwd'],
    ['AUTODEV_GITLAB_TOKEN', ' '],
    ['AUTODEV_WEBHOOK_SECRET', ''],
    ['AUTODEV_WEBHOOK_SECRET', '0123456789abcde'],
    ['AUTODEV_REQUIRE_SIGNED_WEBHOOKS', 'maybe'],
    ['AUTODEV_PUBLIC_URL', 'bot.example.com'],
    ['AUTODEV_ID_TOKEN_ISSUER', '//x'],
    ['PORT', '80a'],
    ['PORT', '-1'],
    ['PORT', '65536'],
    ['PORT', '1.5'],
    ['AUTODEV_SHUTDOWN_DELAY_SECONDS', '11'],
    ['AUTODEV_SHUTDOWN_DELAY_SECONDS', '5s'],
    ['DATABASE_URL', 'mysql://db/x'],
    ['REDIS_URL', 'http://redis'],
    ['OPENAI_BASE_URL', 'nowhere'],
    ['ANTHROPIC_BASE_URL', 'javascript:alert(1)'],
    ['AUTODEV_LOG_LEVEL', 'loud'],
  ])('%s=%j is one, with a fix', (name, value) => {
    const result = readEnv({ ...LEAST, [name]: value });
    expect(result).toEqual({
      ok: false,
      problems: [{ variable: name, what: expect.any(String), fix: expect.any(String) }],
    });
  });

  test('all come at once, in the order of the documentation', () => {
    const env = {
      PORT: 'x',
      AUTODEV_WEBHOOK_SECRET: 'short',
      AUTODEV_REQUIRE_SIGNED_WEBHOOKS: 'perhaps',
      DATABASE_URL: 'x',
      REDIS_URL: 'x',
      AUTODEV_LOG_LEVEL: 'x',
    };
    expect(wrong(env)).toEqual([
      'PORT',
      'AUTODEV_GITLAB_URL',
      'AUTODEV_GITLAB_TOKEN',
      'AUTODEV_WEBHOOK_SECRET',
      'AUTODEV_REQUIRE_SIGNED_WEBHOOKS',
      'DATABASE_URL',
      'REDIS_URL',
      'AUTODEV_LOG_LEVEL',
    ]);
  });

  test('their text repeats no secret', () => {
    const secrets = { AUTODEV_WEBHOOK_SECRET: 'hunter2', DATABASE_URL: 'x://u:hunter2@db' };
    const result = readEnv({ ...LEAST, ...secrets, REDIS_URL: 'x://:hunter2@redis' });
    if (result.ok) throw new Error('must not be accepted');
    expect(describeProblems(result.problems)).not.toContain('hunter2');
  });

  test('are printed as variable, what and fix', () => {
    const problems = [{ variable: 'A', what: 'is not set', fix: 'set it' }];
    expect(describeProblems(problems)).toBe(
      'AutoDev cannot start: 1 setting is missing or wrong.\n  A is not set\n    fix: set it',
    );
    expect(describeProblems([...problems, ...problems])).toMatch(/2 settings are missing or wrong/);
  });
});

test('`autodev serve` without configuration says all of it, ends with 2 and leaves nothing', async () => {
  const cwd = mkdtempSync(path.join(tmpdir(), 'autodev-env-'));
  const env = { PATH: process.env['PATH'] ?? '', PORT: 'http', DATABASE_URL: 'mysql://db' };
  const args = [path.join(ROOT, 'bot/cli/main.ts'), 'serve'];
  const ended = await new Promise<{ code: unknown; out: string; err: string }>((resolve) => {
    execFile(process.execPath, args, { cwd, env }, (error, out, err) =>
      resolve({ code: error?.code ?? 0, out, err }),
    );
  });
  const left = readdirSync(cwd);
  rmSync(cwd, { recursive: true });
  expect({ code: ended.code, out: ended.out, left }).toEqual({ code: 2, out: '', left: [] });
  expect(ended.err).toMatch(/^AutoDev cannot start: 5 settings are missing or wrong\.\n/);
  for (const name of [...Object.keys(LEAST), 'PORT', 'DATABASE_URL']) {
    expect(ended.err).toMatch(new RegExp(`^  ${name} .+\n    fix: .+`, 'm'));
  }
  expect(ended.err).not.toMatch(/\n\s+at /);
});
