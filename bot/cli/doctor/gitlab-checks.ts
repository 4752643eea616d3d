/** GitLab, the bot's token and its account. */
import { ForgeError } from '../../forge/errors.ts';
import type { ForgeSetup, User } from '../../forge/forge.ts';
import { isAtLeast } from '../connect/hook-events.ts';
import { causeOf } from '../describe-error.ts';
import { ANSWER_MS, bad, guarded, ok, warning, type Check, type DoctorDeps } from './check.ts';

const OLDEST = { major: 17, minor: 0 } as const;
const DAY_MS = 24 * 3600 * 1000;
const WARN_DAYS = 30;
const NEW_TOKEN =
  'create a project or group access token with scope api and set AUTODEV_GITLAB_TOKEN';

export interface GitLabLook {
  check: Check;
  reachable: boolean;
  version: string | null;
}

/** Whether GitLab answers and is new enough. A refused token is the next check's matter. */
export async function checkGitLab(deps: DoctorDeps): Promise<GitLabLook> {
  const { url } = deps.config.gitlab;
  try {
    const { version, enterprise } = await deps.forge.setup.version();
    const detail = `${version}${enterprise ? ' (EE)' : ''} at ${url}`;
    const check = isAtLeast(version, OLDEST)
      ? ok('gitlab', detail)
      : bad('gitlab', `${detail} is too old`, 'update GitLab to 17.0 or later');
    return { check, reachable: true, version };
  } catch (error) {
    if (error instanceof ForgeError && error.kind === 'denied') {
      const detail = `answers at ${url}, but not to this token`;
      return { check: ok('gitlab', detail), reachable: true, version: null };
    }
    const fix = 'check AUTODEV_GITLAB_URL, and that this machine reaches it';
    const check = bad('gitlab', `${url} does not answer as GitLab: ${causeOf(error)}`, fix);
    return { check, reachable: false, version: null };
  }
}

type Token = Awaited<ReturnType<ForgeSetup['token']>>;

/** The token's own checks; the first one alone when GitLab does not take it. */
export async function checkToken(deps: DoctorDeps): Promise<Check[]> {
  let token: Token;
  try {
    token = await deps.forge.setup.token();
  } catch (error) {
    const denied = error instanceof ForgeError && error.kind === 'denied';
    const detail = denied
      ? `GitLab refuses the token: ${causeOf(error)}`
      : `could not be looked up: ${causeOf(error)}`;
    return [bad('token', detail, NEW_TOKEN)];
  }
  if (!token.active) {
    return [bad('token', `"${token.name}" is expired or revoked`, NEW_TOKEN)];
  }
  return [
    ok('token', `"${token.name}" is active`),
    checkScope(token),
    checkExpiry(token, deps.now()),
  ];
}

function checkScope({ scopes }: Token): Check {
  if (scopes.includes('api')) return ok('token scope', 'api');
  const has = scopes.length === 0 ? 'no scope' : scopes.join(', ');
  return bad(
    'token scope',
    `${has} only; comments, branches and pipelines need api`,
    `${NEW_TOKEN}; scopes of an existing token cannot be changed`,
  );
}

function checkExpiry({ expiresAt }: Token, now: Date): Check {
  if (expiresAt === null) return ok('token expiry', 'it does not expire');
  const days = Math.floor((Date.parse(expiresAt) - now.getTime()) / DAY_MS);
  if (days >= WARN_DAYS) return ok('token expiry', `${expiresAt}, in ${days} days`);
  const left = days <= 0 ? 'today' : days === 1 ? 'in 1 day' : `in ${days} days`;
  return warning(
    'token expiry',
    `${expiresAt}, ${left}`,
    'rotate it (Settings > Access tokens) and set AUTODEV_GITLAB_TOKEN; a rotated token keeps its bot',
  );
}

/** The account behind the token; null when it cannot work. */
export async function checkAccount(deps: DoctorDeps): Promise<{ check: Check; bot: User | null }> {
  let bot: User | null = null;
  const check = await guarded('account', async () => {
    const user = await deps.forge.read.me();
    const who = `@${user.username} (id ${user.id})`;
    if (user.state !== 'active') {
      return bad('account', `${who} is ${user.state}`, 'unblock it in the admin area of GitLab');
    }
    bot = user;
    return ok('account', who);
  });
  return { check, bot };
}

/** The keys with which the bot checks who a CI job is (gitlab-facts §4.2). */
export async function checkIdTokenKeys(deps: DoctorDeps): Promise<Check> {
  const url = `${deps.config.idTokenIssuer}/oauth/discovery/keys`;
  const fix = 'set AUTODEV_ID_TOKEN_ISSUER to the issuer GitLab writes into its id tokens';
  return guarded(
    'id token keys',
    async () => {
      const signal = AbortSignal.timeout(ANSWER_MS);
      const response = await deps.fetch(url, { signal, redirect: 'manual' });
      const text = await response.text();
      const keys = response.ok ? keyCount(text) : 0;
      if (keys > 0) return ok('id token keys', `${keys} at ${url}`);
      return bad('id token keys', `${url} answers ${response.status} without keys`, fix);
    },
    fix,
  );
}

function keyCount(text: string): number {
  try {
    const { keys } = JSON.parse(text) as { keys?: unknown };
    return Array.isArray(keys) ? keys.length : 0;
  } catch {
    return 0;
  }
}
