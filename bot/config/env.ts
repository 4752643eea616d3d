/**
 * The only reader of process.env in bot/. Reports every problem at once, naming variable and fix.
 */

export interface Config {
  gitlab: { url: string; token: string };
  webhookSecret: string;
  /** Refuse every GitLab delivery without a signature. */
  requireSigning: boolean;
  githubWebhookSecret: string | null;
  /** URL under which GitLab and its runners reach the bot; the `aud` of id tokens. */
  publicUrl: string;
  /** Issuer of the id tokens; GitLab's own URL unless its administrator changed it. */
  idTokenIssuer: string;
  host: string;
  port: number;
  /** Milliseconds for which a process that is told to stop still accepts, while `/readyz` says that it stops. */
  shutdownDelayMs: number;
  databaseUrl: string | null;
  redisUrl: string | null;
  dataDir: string;
  settingsFile: string | null;
  agentsDir: string | null;
  providers: Record<'openai' | 'anthropic', { baseUrl: string; apiKey: string } | null>;
  /** The only provider that agents may use; null: those with a key. */
  llmProvider: 'openai' | 'anthropic' | null;
  logLevel: string;
  /** Failpoints for fault tests, `name:action,…`; empty in every real installation. */
  failpoints: string;
}

/** One thing wrong with the environment. */
export interface ConfigProblem {
  variable: string;
  what: string;
  fix: string;
}

export type EnvResult = { ok: true; config: Config } | { ok: false; problems: ConfigProblem[] };

type Env = Readonly<Record<string, string | undefined>>;

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];
/** Shorter secrets can be guessed by trying. */
const MIN_SECRET_CHARS = 16;
/** With the time that requests under way are given, a process still ends within 25 s (promise 15). */
const MAX_SHUTDOWN_DELAY_SECONDS = 10;

/** Reads and checks the whole configuration. Unset optional variables get their documented default. */
export function readEnv(env: Env = process.env): EnvResult {
  const problems: ConfigProblem[] = [];
  const read = reader(env, problems);
  const port = read.integer('PORT', { fallback: 8080, most: 65_535, what: 'a port number' });
  const gitlabUrl = read.url('AUTODEV_GITLAB_URL', 'https://gitlab.example.com');
  const token = read.required(
    'AUTODEV_GITLAB_TOKEN',
    'create a project or group access token with scope api and role Developer (Maintainer for `autodev connect`)',
  );
  const webhookSecret = read.required(
    'AUTODEV_WEBHOOK_SECRET',
    'set a random value, e.g. the output of `openssl rand -hex 32`',
  );
  if (webhookSecret !== '' && webhookSecret.length < MIN_SECRET_CHARS) {
    problems.push({
      variable: 'AUTODEV_WEBHOOK_SECRET',
      what: `has ${webhookSecret.length} characters`,
      fix: `use at least ${MIN_SECRET_CHARS}, e.g. the output of \`openssl rand -hex 32\``,
    });
  }
  const config: Config = {
    gitlab: { url: gitlabUrl, token },
    webhookSecret,
    requireSigning: read.flag('AUTODEV_REQUIRE_SIGNED_WEBHOOKS'),
    githubWebhookSecret: read.optional('AUTODEV_GITHUB_WEBHOOK_SECRET'),
    publicUrl: read.optionalUrl('AUTODEV_PUBLIC_URL') ?? `http://localhost:${port}`,
    idTokenIssuer: read.optionalUrl('AUTODEV_ID_TOKEN_ISSUER') ?? gitlabUrl,
    host: read.optional('AUTODEV_HOST') ?? '0.0.0.0',
    port,
    shutdownDelayMs:
      1000 *
      read.integer('AUTODEV_SHUTDOWN_DELAY_SECONDS', {
        fallback: 0,
        most: MAX_SHUTDOWN_DELAY_SECONDS,
        what: 'whole seconds',
      }),
    databaseUrl: read.optionalUrl('DATABASE_URL', ['postgres:', 'postgresql:']),
    redisUrl: read.optionalUrl('REDIS_URL', ['redis:', 'rediss:']),
    dataDir: read.optional('AUTODEV_DATA_DIR') ?? '.autodev/data',
    settingsFile: read.optional('AUTODEV_SETTINGS'),
    agentsDir: read.optional('AUTODEV_AGENTS_DIR'),
    providers: providersOf(read),
    llmProvider: forcedProvider(read, problems),
    logLevel: read.choice('AUTODEV_LOG_LEVEL', LOG_LEVELS, 'info'),
    failpoints: read.optional('AUTODEV_FP') ?? '',
  };
  return problems.length > 0 ? { ok: false, problems } : { ok: true, config };
}

/** The model providers alone, for programs that need no GitLab. */
export function readProviders(env: Env = process.env): {
  providers: Config['providers'];
  problems: ConfigProblem[];
} {
  const problems: ConfigProblem[] = [];
  return { providers: providersOf(reader(env, problems)), problems };
}

/** The problems as lines for a terminal: what, and how to mend it. */
export function describeProblems(problems: readonly ConfigProblem[]): string {
  const lines = problems.map((p) => `  ${p.variable} ${p.what}\n    fix: ${p.fix}`);
  const count = problems.length === 1 ? '1 setting is' : `${problems.length} settings are`;
  return [`AutoDev cannot start: ${count} missing or wrong.`, ...lines].join('\n');
}

interface Reader {
  optional(name: string): string | null;
  required(name: string, fix: string): string;
  url(name: string, example: string): string;
  optionalUrl(name: string, protocols?: string[]): string | null;
  /** From 0 to `most`; `what` names such a number in the fix. */
  integer(name: string, options: { fallback: number; most: number; what: string }): number;
  flag(name: string): boolean;
  choice(name: string, values: readonly string[], fallback: string): string;
}

function reader(env: Env, problems: ConfigProblem[]): Reader {
  const optional = (name: string): string | null => {
    const value = env[name]?.trim();
    return value === undefined || value === '' ? null : value;
  };
  const wrong = (variable: string, what: string, fix: string): void => {
    problems.push({ variable, what, fix });
  };
  const optionalUrl = (name: string, protocols = ['http:', 'https:']): string | null => {
    const value = optional(name);
    if (value === null) return null;
    const parsed = URL.canParse(value) ? new URL(value) : null;
    if (!parsed || !protocols.includes(parsed.protocol)) {
      const kinds = protocols.map((protocol) => `${protocol}//…`).join(' or ');
      wrong(name, 'is not a URL the bot can use', `write it as ${kinds}`);
      return null;
    }
    return value.replace(/(?<!\/)\/+$/, '');
  };
  return {
    optional,
    optionalUrl,
    required(name, fix) {
      const value = optional(name);
      if (value === null) wrong(name, 'is not set', fix);
      return value ?? '';
    },
    url(name, example) {
      if (optional(name) === null) {
        wrong(name, 'is not set', `set it to the URL of your GitLab, e.g. ${example}`);
        return '';
      }
      return optionalUrl(name) ?? '';
    },
    integer(name, { fallback, most, what }) {
      const value = optional(name);
      if (value === null) return fallback;
      const number = Number(value);
      if (Number.isInteger(number) && number >= 0 && number <= most) return number;
      wrong(name, `is ${JSON.stringify(value)}`, `use ${what} from 0 to ${most}`);
      return fallback;
    },
    flag(name) {
      const value = optional(name)?.toLowerCase() ?? 'false';
      if (['1', 'true', 'yes'].includes(value)) return true;
      if (!['0', 'false', 'no'].includes(value)) {
        wrong(name, `is ${JSON.stringify(value)}`, 'use true or false');
      }
      return false;
    },
    choice(name, values, fallback) {
      const value = optional(name) ?? fallback;
      if (values.includes(value)) return value;
      wrong(name, `is ${JSON.stringify(value)}`, `use one of ${values.join(', ')}`);
      return fallback;
    },
  };
}

function providersOf(read: Reader): Config['providers'] {
  return {
    openai: provider(read, 'OPENAI', 'https://api.openai.com/v1'),
    anthropic: provider(read, 'ANTHROPIC', 'https://api.anthropic.com'),
  };
}

/** AUTODEV_LLM_PROVIDER; a provider without a key could answer nothing. */
function forcedProvider(read: Reader, problems: ConfigProblem[]): Config['llmProvider'] {
  const variable = 'AUTODEV_LLM_PROVIDER';
  if (read.optional(variable) === null) return null;
  const named = read.choice(variable, ['openai', 'anthropic'], 'openai');
  if (named !== 'openai' && named !== 'anthropic') return null;
  const key = `${named.toUpperCase()}_API_KEY`;
  if (read.optional(key) === null) {
    problems.push({
      variable,
      what: `is ${named}, but ${key} is not set`,
      fix: `set ${key}, or unset ${variable}`,
    });
  }
  return named;
}

function provider(
  read: Reader,
  prefix: 'OPENAI' | 'ANTHROPIC',
  baseUrl: string,
): { baseUrl: string; apiKey: string } | null {
  const apiKey = read.optional(`${prefix}_API_KEY`);
  const url = read.optionalUrl(`${prefix}_BASE_URL`) ?? baseUrl;
  return apiKey === null ? null : { baseUrl: url, apiKey };
}
