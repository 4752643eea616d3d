/** The only reader of process.env in jobs/, and the only place that decides what a child process sees. */

/** Which rules, registry and cache scanners use. */
export interface ScannerEnv {
  /** `npm_config_registry`: the registry that npm asks. */
  npmRegistry: string | undefined;
  /** `AUTODEV_SEMGREP_RULES`: a file or folder of rules that takes the place of our own few. */
  semgrepRules: string | undefined;
  /** `TRIVY_CACHE_DIR`: where Trivy's database is kept from job to job. */
  trivyCache: string | undefined;
}

/** What `autodev-job` learns from the CI job it runs in. */
export interface JobEnv {
  /** `AUTODEV_ID_TOKEN`: the job's OIDC token (gitlab-facts §4.2). */
  idToken: string | undefined;
  /** `AUTODEV_ATTEMPT`: set by the child pipeline's YAML. */
  attempt: number | undefined;
  /** `AUTODEV_SERVER`: the bot's URL; without it the id token's `aud` is used. */
  server: string | undefined;
  /** `CI_PROJECT_DIR`: the runner's checkout; the result file is written there. */
  projectDir: string;
  path: string;
  lang: string;
  /** Values that must never be printed or sent back: tokens, keys and passwords of the CI job. */
  secrets: string[];
  /** Folders of the runner with other checkouts and file variables; an isolated agent does not see them. */
  hidden: string[];
  /** `CI_JOB_TOKEN`, only so that it can be removed from the checkout. */
  jobToken: string | undefined;
  /** What the people who run the runner say about scanners. */
  scanners: ScannerEnv;
  /** Proxies and certificates, for the one command of git that talks to the server. */
  network: Record<string, string>;
}

const SECRET_NAME = /TOKEN|PASSW|SECRET|KEY|PRIVATE|CREDENTIAL|AUTH/i;
/** Shorter values would redact ordinary words. */
const SECRET_MIN_CHARS = 8;
/** What git reads itself of proxies and certificates. */
const NETWORK = [
  ...['http_proxy', 'https_proxy', 'all_proxy', 'no_proxy'].flatMap((name) => [
    name,
    name.toUpperCase(),
  ]),
  'GIT_SSL_CAINFO',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
];
const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Reads the environment of the CI job; an empty variable counts as absent. */
export function readJobEnv(env: NodeJS.ProcessEnv = process.env): JobEnv {
  const text = (name: string): string | undefined => env[name]?.trim() || undefined;
  const attempt = text('AUTODEV_ATTEMPT');
  const secrets = Object.entries(env)
    .filter(([name, value]) => SECRET_NAME.test(name) && (value?.length ?? 0) >= SECRET_MIN_CHARS)
    .map(([, value]) => value as string)
    .filter((value) => !/^(true|false|\d+)$/.test(value) && !value.startsWith('/'));
  return {
    idToken: text('AUTODEV_ID_TOKEN'),
    attempt: attempt && /^[1-9]\d{0,15}$/.test(attempt) ? Number(attempt) : undefined,
    server: text('AUTODEV_SERVER'),
    projectDir: text('CI_PROJECT_DIR') ?? process.cwd(),
    path: text('PATH') ?? DEFAULT_PATH,
    lang: text('LANG') ?? 'C.UTF-8',
    secrets: [...new Set(secrets)],
    hidden: [text('CI_BUILDS_DIR')].filter((folder) => folder !== undefined),
    jobToken: text('CI_JOB_TOKEN'),
    scanners: {
      npmRegistry: plainUrl(text('npm_config_registry') ?? text('NPM_CONFIG_REGISTRY')),
      semgrepRules: text('AUTODEV_SEMGREP_RULES'),
      trivyCache: text('TRIVY_CACHE_DIR'),
    },
    network: Object.fromEntries(
      NETWORK.flatMap((name) => {
        const value = text(name);
        return value === undefined ? [] : [[name, value]];
      }),
    ),
  };
}

/** An address without a name and password in it: scanners are given no credentials. */
function plainUrl(url: string | undefined): string | undefined {
  return url !== undefined && /^https?:\/\/[^@]+$/.test(url) ? url : undefined;
}

/** Environment of a scanner: its own folders, and the way to the network for one that needs it. */
export function scannerEnv(
  job: Pick<JobEnv, 'path' | 'lang' | 'network'>,
  scratch: string,
  online: boolean,
): Record<string, string> {
  return {
    ...(online ? job.network : {}),
    PATH: job.path,
    HOME: scratch,
    LANG: job.lang,
    TMPDIR: scratch,
    CI: 'true',
  };
}

/**
 * The whole environment of the agent process: an allow-list, so that a variable invented tomorrow
 * stays out as well. Task, gateway and token reach it through its standard input, because
 * /proc/<pid>/environ is readable by every command the agent runs under the same user.
 */
export function agentEnv(job: Pick<JobEnv, 'path' | 'lang'>, home: string, tmp: string) {
  return { PATH: job.path, HOME: home, LANG: job.lang, TMPDIR: tmp };
}

/** The environment of a command run by the agent, derived from the agent's own. */
export function commandEnv(env: NodeJS.ProcessEnv = process.env): Record<string, string> {
  return {
    PATH: env['PATH'] ?? DEFAULT_PATH,
    HOME: env['HOME'] ?? '/nonexistent',
    LANG: env['LANG'] ?? 'C.UTF-8',
    TMPDIR: env['TMPDIR'] ?? '/tmp',
    CI: 'true',
  };
}

/** Environment for git run by the supervisor: no configuration but what its arguments say. */
export function quietGitEnv(path: string): Record<string, string> {
  return {
    PATH: path,
    HOME: '/nonexistent',
    XDG_CONFIG_HOME: '/nonexistent',
    LANG: 'C.UTF-8',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_TERMINAL_PROMPT: '0',
    GIT_OPTIONAL_LOCKS: '0',
    GIT_NO_LAZY_FETCH: '1',
  };
}
