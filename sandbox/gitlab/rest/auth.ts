/** Who calls: personal, project and job tokens, with scopes (gitlab-facts §3, §4.1, §5). */
import type { Instance } from '../instance.ts';
import { findUser } from '../state/state.ts';
import type { JobToken, Token, User } from '../state/types.ts';
import { ApiFailure, unauthorized } from './reply.ts';

export interface Caller {
  user: User;
  /** Exactly one of the two is set. */
  token: Token | null;
  job: JobToken | null;
}

type HeaderMap = Readonly<Record<string, string | string[] | undefined>>;

const RUNNING = new Set(['created', 'pending', 'running']);

/** The caller of a request, or null for nobody; throws 401 for a token that is no good. */
export function authenticate(gl: Instance, headers: HeaderMap, query: Record<string, unknown>) {
  const header = (name: string): string | undefined => {
    const value = headers[name];
    return Array.isArray(value) ? value[0] : value;
  };
  const bearer = /^Bearer\s+(\S+)$/i.exec(header('authorization') ?? '')?.[1];
  const personal = header('private-token') ?? bearer ?? asText(query['private_token']);
  if (personal !== undefined) return byToken(gl, personal);
  const job = header('job-token') ?? asText(query['job_token']);
  return job === undefined ? null : byJobToken(gl, job);
}

/** Looks a token value up; throws GitLab's 401 for unknown, expired and revoked ones. */
export function byToken(gl: Instance, value: string): Caller {
  const token = gl.state.tokens.find((candidate) => candidate.value === value);
  const user = token && findUser(gl.state, token.userId);
  if (!token || !user) throw unauthorized();
  if (user.state !== 'active')
    throw new ApiFailure(403, { message: '403 Forbidden - Your account has been blocked.' });
  if (token.revoked) {
    throw invalidToken('Token was revoked. You have to re-authorize from the user.');
  }
  if (!isActive(gl, token)) {
    throw invalidToken('Token is expired. You can either do re-authorization or token refresh.');
  }
  token.lastUsedAt = gl.now();
  return { user, token, job: null };
}

/** Tokens end at 00:00 UTC of their expiry date. */
export function isActive(gl: Instance, token: Token): boolean {
  const expired = token.expiresAt !== null && Date.parse(token.expiresAt) <= gl.clock().getTime();
  return !token.revoked && !expired;
}

/** A job token is good while its job runs. */
export function byJobToken(gl: Instance, value: string): Caller {
  const job = gl.state.jobTokens.find((candidate) => candidate.value === value);
  const user = job && findUser(gl.state, job.userId);
  const record = job && gl.ci?.get(job.pipelineId)?.jobs.find((one) => one.id === job.jobId);
  if (!job || !user || !record || !RUNNING.has(record.status)) throw unauthorized();
  return { user, token: null, job };
}

/** Reads need `api` or `read_api`, writes `api`; throws 403 `insufficient_scope`. */
export function requireScope(caller: Caller, allowed: readonly string[]): void {
  if (!caller.token) return;
  if (caller.token.scopes.some((scope) => allowed.includes(scope))) return;
  throw new ApiFailure(403, {
    error: 'insufficient_scope',
    error_description: 'The request requires higher privileges than provided by the access token.',
    scope: allowed.join(' '),
  });
}

function invalidToken(description: string): ApiFailure {
  return new ApiFailure(401, { error: 'invalid_token', error_description: description });
}

function asText(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
