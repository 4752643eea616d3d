/** The issuer of CI id tokens: one RS256 key, its JWKS and discovery document (gitlab-facts §4.2). */
import { randomUUID } from 'node:crypto';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT, type JWK } from 'jose';
import type { JobRecord, PipelineRecord } from '../ci/contract.ts';
import type { State } from './state/state.ts';
import { projectOf, userOf } from './state/state.ts';

/** Id tokens live as long as the job may. */
const JOB_TIMEOUT_SECONDS = 3600;

export interface Issuer {
  jwks: { keys: JWK[] };
  discovery: Record<string, unknown>;
  idToken(state: State, pipeline: PipelineRecord, job: JobRecord, aud: string): Promise<string>;
}

export async function createIssuer(url: string, clock: () => Date): Promise<Issuer> {
  const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true });
  const jwk = await exportJWK(publicKey);
  const kid = await calculateJwkThumbprint(jwk);
  return {
    jwks: { keys: [{ ...jwk, kid, use: 'sig', alg: 'RS256' }] },
    discovery: {
      issuer: url,
      jwks_uri: `${url}/oauth/discovery/keys`,
      authorization_endpoint: `${url}/oauth/authorize`,
      token_endpoint: `${url}/oauth/token`,
      response_types_supported: ['code'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
      claims_supported: ['iss', 'sub', 'aud', 'exp', 'iat', 'nbf', 'jti', 'project_id', 'job_id'],
    },
    idToken(state, pipeline, job, aud) {
      const now = Math.floor(clock().getTime() / 1000);
      return new SignJWT({ ...claims(state, pipeline, job), aud, jti: randomUUID() })
        .setProtectedHeader({ alg: 'RS256', kid, typ: 'JWT' })
        .setIssuer(url)
        .setIssuedAt(now)
        .setNotBefore(now - 5)
        .setExpirationTime(now + JOB_TIMEOUT_SECONDS)
        .sign(privateKey);
    },
  };
}

/** GitLab's claims; every id is a string. */
function claims(state: State, pipeline: PipelineRecord, job: JobRecord): Record<string, unknown> {
  const { spec } = pipeline;
  const project = projectOf(state, spec.project.id);
  const user = userOf(state, spec.user.id);
  const namespace = project.path.slice(0, project.path.lastIndexOf('/'));
  const inMr = spec.mergeRequest !== undefined;
  return {
    sub: `project_path:${project.path}:ref_type:branch:ref:${spec.ref}`,
    namespace_id: '1',
    namespace_path: namespace,
    project_id: String(project.id),
    project_path: project.path,
    job_namespace_id: '1',
    job_namespace_path: namespace,
    job_project_id: String(project.id),
    job_project_path: project.path,
    user_id: String(user.id),
    user_login: user.username,
    user_email: user.email,
    user_access_level: accessName(project.members.get(user.id) ?? (user.admin ? 50 : 0)),
    pipeline_id: String(pipeline.id),
    pipeline_source: spec.source,
    job_id: String(job.id),
    job_source: spec.source,
    ref: spec.ref,
    ref_type: 'branch',
    ref_path: inMr
      ? `refs/merge-requests/${spec.mergeRequest?.iid}/head`
      : `refs/heads/${spec.ref}`,
    ref_protected: String(project.protectedBranches.has(spec.ref)),
    runner_id: 1,
    runner_environment: 'self-hosted',
    sha: spec.sha,
    project_visibility: project.visibility,
    // The top-level config of a child pipeline is not a file of the project.
    ci_config_ref_uri: spec.parent
      ? null
      : `${project.path}//.gitlab-ci.yml@refs/heads/${spec.ref}`,
    ci_config_sha: spec.parent ? null : spec.sha,
  };
}

function accessName(level: number): string {
  const names: [number, string][] = [
    [50, 'owner'],
    [40, 'maintainer'],
    [30, 'developer'],
    [20, 'reporter'],
    [15, 'planner'],
    [10, 'guest'],
  ];
  return names.find(([minimum]) => level >= minimum)?.[1] ?? 'none';
}
