/**
 * Who a CI job is: GitLab's id tokens, checked against the issuer's keys (gitlab-facts §4.2).
 * Only RS256 and only keys of the configured issuer; nothing in the token chooses either.
 */
import { createRemoteJWKSet, jwtVerify, errors, type JWTPayload } from 'jose';

/** Clock difference to the issuer that is forgiven. */
const TOLERANCE_SECONDS = 60;
const UNKNOWN_KEY_COOLDOWN_MS = 60_000;
const JWKS_TIMEOUT_MS = 10_000;
/** Errors of jose that speak about the issuer's answer (no 200, no JSON, no key set, too slow). */
const ISSUER_ERRORS = new Set(['ERR_JOSE_GENERIC', 'ERR_JWKS_INVALID', 'ERR_JWKS_TIMEOUT']);

export interface JobIdentity {
  projectId: number;
  pipelineId: number;
  jobId: number;
  userId: number;
  ref: string;
  sha: string;
  pipelineSource: string;
  jti: string;
}

export type IdentityResult =
  | { ok: true; identity: JobIdentity }
  /** The token is not good. */
  | { ok: false; kind: 'refused'; reason: string }
  /** The issuer's keys could not be read: nothing is known about the token. */
  | { ok: false; kind: 'unavailable'; reason: string };

export type VerifyIdToken = (token: string) => Promise<IdentityResult>;

/**
 * A verifier for tokens of `issuer` (its URL) made for `audience` (the bot's public URL). A key that is
 * not known makes the issuer's keys be read again, but not within `cooldownMs` of the last time.
 */
export function createIdTokenVerifier(
  issuer: string,
  audience: string,
  cooldownMs = UNKNOWN_KEY_COOLDOWN_MS,
): VerifyIdToken {
  const keys = createRemoteJWKSet(new URL(`${issuer}/oauth/discovery/keys`), {
    cooldownDuration: cooldownMs,
    timeoutDuration: JWKS_TIMEOUT_MS,
  });
  return async (token) => {
    const coolingDown = keys.coolingDown;
    try {
      const { payload } = await jwtVerify(token, keys, {
        issuer,
        audience,
        algorithms: ['RS256'],
        clockTolerance: TOLERANCE_SECONDS,
        requiredClaims: ['exp', 'iat', 'jti'],
      });
      return identityOf(payload);
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey && coolingDown) {
        // The issuer may have a new key: nothing is known about it before the keys are read again.
        return { ok: false, kind: 'unavailable', reason: 'its key was not there a moment ago' };
      }
      if (error instanceof errors.JOSEError && !ISSUER_ERRORS.has(error.code)) {
        return { ok: false, kind: 'refused', reason: `id token: ${error.code}` };
      }
      return { ok: false, kind: 'unavailable', reason: `the keys of ${issuer} could not be read` };
    }
  };
}

function identityOf(payload: JWTPayload): IdentityResult {
  const id = (claim: string): number | null => {
    const value = payload[claim];
    // GitLab writes every id as a string of digits.
    if (typeof value !== 'string' || !/^[1-9]\d{0,15}$/.test(value)) return null;
    return Number(value);
  };
  const text = (claim: string): string | null => {
    const value = payload[claim];
    return typeof value === 'string' && value !== '' ? value : null;
  };
  const projectId = id('project_id');
  const pipelineId = id('pipeline_id');
  const jobId = id('job_id');
  const userId = id('user_id');
  const ref = text('ref');
  const sha = text('sha');
  const pipelineSource = text('pipeline_source');
  const jti = text('jti');
  if (
    projectId === null ||
    pipelineId === null ||
    jobId === null ||
    userId === null ||
    ref === null ||
    sha === null ||
    pipelineSource === null ||
    jti === null
  ) {
    return { ok: false, kind: 'refused', reason: 'id token: a claim of a CI job is missing' };
  }
  // Since 18.4 job_project_id names where the job runs; in a fork's pipeline the two differ (F5).
  const jobProject = payload['job_project_id'];
  if (jobProject !== undefined && jobProject !== String(projectId)) {
    return { ok: false, kind: 'refused', reason: 'id token: the job runs for another project' };
  }
  return {
    ok: true,
    identity: {
      projectId,
      pipelineId,
      jobId,
      userId,
      ref,
      sha,
      pipelineSource,
      jti,
    },
  };
}
