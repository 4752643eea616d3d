/**
 * The API of CI jobs: plan, claim, heartbeat, result. A job proves who it is with GitLab's id token,
 * gets one short-lived token for its one attempt, and can say only what the wire schemas allow.
 */
import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import express, { type Request, type Response, type Router } from 'express';
import {
  ClaimRequest,
  Heartbeat,
  TaskSpec,
  type ClaimResponse,
  type HeartbeatResponse,
} from '../../schema/wire/job-api.ts';
import { JobResult } from '../../schema/wire/result.ts';
import { SAY_AT, SAY_TEXT } from '../domain/budgets.ts';
import { childPipeline, harmlessPipeline } from '../domain/child-pipeline.ts';
import { coolingNow, routeName, routesFor, routesNow } from '../domain/cool-downs.ts';
import type { InternalEvent } from '../domain/events.ts';
import type { AttemptSpec } from '../domain/runs.ts';
import { scansProblem } from '../domain/scans.ts';
import type { JsonBounds } from '../forge/json-scan.ts';
import { brokenBound } from '../forge/payload.ts';
import {
  attemptById,
  attemptsByPipeline,
  claimAttempt,
  finishAttempt,
  heartbeat,
  requestedAttempts,
  type AttemptRow,
} from '../store/attempts.ts';
import { listCoolDowns, noteCooled } from '../store/providers.ts';
import { messagesFor, sayWhenSpent } from '../store/messages.ts';
import { recordOwnEvent } from '../store/own-events.ts';
import { ring } from '../queue/ring.ts';
import { repoByProject } from '../store/repos.ts';
import { sendError } from './api-error.ts';
import { reports } from './report-route.ts';
import { threadRoute } from './thread-route.ts';
import {
  byToken,
  claimRefusal,
  identify,
  RETRY_SECONDS,
  tokenHash,
  wrongBody,
  type JobApiDeps,
} from './job-auth.ts';

/** JSON of the largest result the schema allows, base64 and framing included. */
const RESULT_BYTES = 16 * 1024 * 1024;
/** What the result's schema lets through, with room to grow. */
const RESULT_BOUNDS: JsonBounds = { depth: 32, items: 500_000 };
const SMALL_BYTES = 64 * 1024;
/** An attempt's token outlives the agent's own time limit by this much, to bring the result. */
const TOKEN_GRACE_MINUTES = 10;

/** A body is read only after its sender proved who it is. */
const readSmall = promisify(express.json({ limit: SMALL_BYTES, inflate: false }));
const readResult = promisify(
  express.json({
    limit: RESULT_BYTES,
    inflate: false,
    verify: (_request, _response, raw) => {
      // Sixteen megabytes of brackets would hold the event loop for seconds (threat D5).
      const broken = brokenBound(raw, RESULT_BOUNDS);
      if (broken !== null) throw Object.assign(new Error(`too many ${broken}`), { status: 413 });
    },
  }),
);

/** Routes under `/api/job`. */
export function jobRoutes(deps: JobApiDeps): Router {
  const router = express.Router();
  router.post('/plan', (request, response) => plan(request, response, deps));
  router.post('/reports', (request, response) => reports(request, response, deps));
  router.post('/claim', (request, response) => claim(request, response, deps));
  router.post('/thread', threadRoute(deps));
  router.post('/heartbeat', (request, response) => beat(request, response, deps));
  router.post('/result', (request, response) => result(request, response, deps));
  return router;
}

async function plan(request: Request, response: Response, deps: JobApiDeps): Promise<void> {
  const identity = await identify(request, response, deps);
  if (!identity) return;
  const repo = await repoByProject(deps.db, 'gitlab', identity.projectId);
  // In this order: an attempt whose pipeline is recorded between the two look-ups is found by the second.
  const requested = repo ? await requestedAttempts(deps.db, repo.id) : [];
  const attempts = repo ? await attemptsByPipeline(deps.db, repo.id, identity.pipelineId) : [];
  if (attempts.length === 0 && requested.length > 0) {
    // Its creation may not have been recorded yet; a moment later it is known, or nobody asked.
    response.setHeader('Retry-After', String(RETRY_SECONDS));
    sendError(response, 503, 'not_ready', 'The pipeline is being recorded.', 'Ask again shortly.');
    return;
  }
  response.type('text/yaml');
  const live = attempts.filter(({ state }) => state === 'waiting' || state === 'running');
  const [first] = live;
  if (!first) {
    deps.log.info(
      { pipeline: identity.pipelineId },
      'a pipeline without a task asked for its plan',
    );
    response.send(harmlessPipeline(deps.ci));
    return;
  }
  response.send(
    childPipeline({
      attempts: live.map(({ id, spec }) => ({ id, name: spec.agent })),
      server: deps.publicUrl,
      image: first.spec.image,
      tags: first.spec.tags,
      timeoutMinutes:
        Math.max(...live.map(({ spec }) => spec.limits.minutes)) + TOKEN_GRACE_MINUTES,
    }),
  );
}

async function claim(request: Request, response: Response, deps: JobApiDeps): Promise<void> {
  const identity = await identify(request, response, deps);
  if (!identity) return;
  await readSmall(request, response);
  const body = ClaimRequest.safeParse(request.body);
  if (!body.success) return wrongBody(response, body.error.issues);
  const attempt = await attemptById(deps.db, body.data.attempt);
  const repo = await repoByProject(deps.db, 'gitlab', identity.projectId);
  const refusal = await claimRefusal(identity, attempt, repo, deps);
  if (refusal !== null || !attempt) {
    deps.log.warn({ attempt: body.data.attempt, reason: refusal }, 'claim refused');
    sendError(
      response,
      403,
      'not_yours',
      `This job may not do that task: ${refusal ?? 'unknown'}.`,
    );
    return;
  }
  const token = `adt_${randomBytes(32).toString('base64url')}`;
  const spec = attempt.spec as AttemptSpec;
  const seconds = (spec.limits.minutes + TOKEN_GRACE_MINUTES) * 60;
  const event: InternalEvent = {
    kind: 'attempt_claimed',
    runId: attempt.runId,
    attemptId: attempt.id,
  };
  const claimed = await deps.db.tx(async (db) => {
    const outcome = await claimAttempt(db, attempt.id, {
      jti: identity.jti,
      jobId: identity.jobId,
      childPipelineId: identity.pipelineId,
      tokenHash: tokenHash(token),
      tokenSeconds: seconds,
      deadlineSeconds: seconds,
    });
    const delivery =
      outcome === 'claimed' ? (await recordOwnEvent(db, event, `claimed:${attempt.id}`)).id : null;
    return { outcome, delivery };
  });
  if (claimed.outcome !== 'claimed') {
    sendError(
      response,
      409,
      claimed.outcome,
      claimed.outcome === 'taken'
        ? 'Another job has this task already.'
        : 'This attempt is over; a newer one may have taken its place.',
    );
    return;
  }
  if (claimed.delivery !== null) ring(deps, { name: 'delivery', id: claimed.delivery });
  const models = await modelsNow(attempt, spec, deps);
  response.json(claimAnswer(attempt, { ...spec, models }, token, deps));
}

/**
 * The models of a task in the order in which they are tried now: decided when the task is taken, so that a long
 * queue is right, and the first one is first again when its time is over.
 */
async function modelsNow(
  attempt: AttemptRow,
  spec: AttemptSpec,
  deps: JobApiDeps,
): Promise<AttemptSpec['models']> {
  const now = deps.now();
  const coolDowns = (await listCoolDowns(deps.db)).map((row) => ({
    ...row,
    until: new Date(now.getTime() + row.leftMs),
  }));
  const usual = routesFor(spec.engine, spec.models);
  const models = routesNow(usual, coolDowns, now);
  for (const route of usual) {
    if (models[0] === route) break;
    const met = coolingNow(route, coolDowns, now);
    if (met === null) continue;
    const { reason, status, until } = met;
    const cooled = { reason, status, until: until.toISOString() };
    await noteCooled(deps.db, attempt.id, routeName(route), cooled);
  }
  return models;
}

function claimAnswer(
  attempt: AttemptRow,
  spec: AttemptSpec,
  token: string,
  deps: JobApiDeps,
): ClaimResponse {
  const { taskType, agent, image: _image, tags: _tags, ...rest } = spec;
  return {
    token,
    heartbeatSeconds: deps.heartbeatSeconds,
    gateway: `${deps.publicUrl}/gateway`,
    spec: TaskSpec.parse({
      version: 1,
      attempt: attempt.id,
      task: { id: attempt.taskId, type: taskType, agent },
      baseSha: attempt.workSha ?? attempt.sha,
      defaultSha: attempt.sha,
      ...rest,
    }),
  };
}

async function beat(request: Request, response: Response, deps: JobApiDeps): Promise<void> {
  const attempt = await byToken(request, response, deps);
  if (!attempt) return;
  await readSmall(request, response);
  const body = Heartbeat.safeParse(request.body);
  if (!body.success) return wrongBody(response, body.error.issues);
  const { seen, ...progress } = body.data;
  const state = await heartbeat(deps.db, attempt.id, { progress, seen });
  await sayWhenSpent(deps.db, attempt.id, SAY_AT, SAY_TEXT);
  const given = state === 'gone' ? [] : await messagesFor(deps.db, attempt, seen);
  const answer: HeartbeatResponse = {
    cancel: state === 'gone',
    messages: given.map((message) => message.body),
    upTo: given.at(-1)?.id ?? seen,
  };
  response.json(answer);
}

async function result(request: Request, response: Response, deps: JobApiDeps): Promise<void> {
  const attempt = await byToken(request, response, deps);
  if (!attempt) return;
  await readResult(request, response);
  const body = JobResult.safeParse(request.body);
  if (!body.success) return wrongBody(response, body.error.issues);
  const baseSha = attempt.workSha ?? attempt.sha;
  if (body.data.attempt !== attempt.id || body.data.baseSha !== baseSha) {
    sendError(response, 403, 'not_yours', 'The result names another attempt or another commit.');
    return;
  }
  const wanted = attempt.spec.report;
  const brought = body.data.report?.kind ?? 'none';
  if (brought !== wanted && (brought !== 'none' || body.data.outcome === 'finished')) {
    const message = `is ${brought}, but this task brings ${wanted}`;
    return wrongBody(response, [{ path: ['report'], message }]);
  }
  const odd = scansProblem(body.data.scans ?? [], attempt.spec.scanners ?? []);
  if (odd !== null) return wrongBody(response, [{ path: ['scans'], message: odd }]);
  // Nothing that holds a secret is stored, so that nothing which reads it later can publish it.
  const brings = await deps.withhold(body.data);
  const kept = await deps.db.tx(async (db) => {
    const finished = await finishAttempt(db, attempt.id, {
      state: 'finished',
      cause: brings.cause,
      result: brings,
    });
    if (!finished) return null;
    const { id: attemptId, runId } = attempt;
    // The result itself stays with the attempt; the event carries ids.
    return (
      await recordOwnEvent(db, { kind: 'job_result', runId, attemptId }, `result:${attemptId}`)
    ).id;
  });
  await deps.failpoint('result.stored');
  if (kept === null) {
    sendError(
      response,
      409,
      'late',
      'The attempt was over before the result came; it is not used.',
    );
    return;
  }
  ring(deps, { name: 'delivery', id: kept });
  response.status(202).json({ accepted: true });
}
