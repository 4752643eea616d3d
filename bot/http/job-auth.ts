/**
 * Who may speak on the job API: id tokens for plan and claim, attempt tokens for the rest.
 */
import { createHash } from 'node:crypto';
import type { Request, Response } from 'express';
import type { Logger } from 'pino';
import type { JobResult } from '../../schema/wire/result.ts';
import type { ForgeRead } from '../forge/forge.ts';
import type { Queue } from '../queue/queue.ts';
import { attemptByToken, type AttemptRow } from '../store/attempts.ts';
import type { Db } from '../store/db.ts';
import type { RepoRow } from '../store/repos.ts';
import { sendError } from './api-error.ts';
import type { JobIdentity, VerifyIdToken } from './id-tokens.ts';

/** After how many seconds a job asks again when the answer is not known yet. */
export const RETRY_SECONDS = 2;

export interface JobApiDeps {
  db: Db;
  queue: Pick<Queue, 'add'>;
  verifyIdToken: VerifyIdToken;
  /** Child pipelines of a pipeline, re-read from the forge (DESIGN §4.2). */
  childrenOf: (projectId: number, pipelineId: number) => Promise<{ id: number }[]>;
  botUserId: () => Promise<number>;
  /** Reads issues and changes for agents. */
  threads: Pick<ForgeRead, 'project' | 'issue' | 'change' | 'notes'>;
  publicUrl: string;
  /** The result, or what is left of it when an agent's words hold a secret. */
  withhold: (result: JobResult) => Promise<JobResult>;
  ci: { image: string; tags: readonly string[] };
  heartbeatSeconds: number;
  log: Logger;
  now: () => Date;
  failpoint: (name: string) => Promise<void>;
}

/** The SHA-256 under which a token is stored; the token itself never is. */
export function tokenHash(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

/** Why this job may not claim this attempt; null when it may (threats F1, F2). */
export async function claimRefusal(
  identity: JobIdentity,
  attempt: AttemptRow | null,
  repo: RepoRow | null,
  deps: JobApiDeps,
): Promise<string | null> {
  if (!attempt || !repo || attempt.repoId !== repo.id) return 'no such attempt in this project';
  if (attempt.pipelineId === null) return 'the attempt has no pipeline';
  if (identity.pipelineSource !== 'parent_pipeline') return 'the job is not in a child pipeline';
  if (identity.userId !== (await deps.botUserId())) return 'the bot did not start the pipeline';
  if (identity.ref !== attempt.ref) return 'the ref is another one';
  if (identity.sha !== attempt.sha) return 'the commit is another one';
  const children = await deps.childrenOf(identity.projectId, attempt.pipelineId);
  if (!children.some((child) => child.id === identity.pipelineId)) {
    return 'its pipeline is no child of the pipeline the bot started';
  }
  return null;
}

/** The job behind an id token; null after the refusal was sent. */
export async function identify(
  request: Request,
  response: Response,
  deps: JobApiDeps,
): Promise<JobIdentity | null> {
  const checked = await deps.verifyIdToken(bearer(request) ?? '');
  if (checked.ok) return checked.identity;
  deps.log.warn({ reason: checked.reason }, 'job not identified');
  if (checked.kind === 'unavailable') {
    response.setHeader('Retry-After', String(RETRY_SECONDS));
    sendError(
      response,
      503,
      'issuer_unavailable',
      `The id token could not be checked: ${checked.reason}.`,
      'It is tried again; if it stays, let the bot reach GitLab or set AUTODEV_ID_TOKEN_ISSUER.',
    );
    return null;
  }
  sendError(
    response,
    401,
    'id_token_refused',
    `The job could not prove who it is (${checked.reason}).`,
    'The template’s `server` input must equal AUTODEV_PUBLIC_URL of the bot.',
  );
  return null;
}

/** The live attempt behind an attempt token; null after the refusal was sent. */
export async function byToken(
  request: Request,
  response: Response,
  deps: JobApiDeps,
): Promise<AttemptRow | null> {
  const token = bearer(request);
  const attempt = token === null ? null : await attemptByToken(deps.db, tokenHash(token));
  if (attempt) return attempt;
  sendError(response, 401, 'attempt_over', 'The attempt is over or was never this job’s.');
  return null;
}

function bearer(request: Request): string | null {
  const match = /^Bearer ([\w.~+/=-]{1,8192})$/.exec(request.headers.authorization ?? '');
  return match?.[1] ?? null;
}

/** 422 naming the first wrong field. */
export function wrongBody(
  response: Response,
  issues: readonly { path: PropertyKey[]; message: string }[],
): void {
  const first = issues[0];
  const field = first?.path.join('.') || 'body';
  sendError(response, 422, 'wrong_body', `${field}: ${first?.message ?? 'is not valid'}`);
}
