/** Puts the routes under `/api/v4`: authentication, scopes, weather, the call log, error shapes. */
import express, { type Request, type Response, type Router } from 'express';
import type { Instance } from '../instance.ts';
import { authenticate, requireScope, type Caller } from './auth.ts';
import type { Call, Route } from './call.ts';
import type { CallLog, CallRecord } from './call-log.ts';
import { createInput } from './input.ts';
import { readForm } from './form.ts';
import { ApiFailure, type Reply } from './reply.ts';
import type { CallTrouble, Weather } from './weather.ts';
import { setTimeout as sleep } from 'node:timers/promises';

/** Most bytes of one request body. */
const BODY_LIMIT = '64mb';

export interface ApiOptions {
  gl: Instance;
  routes: readonly Route[];
  calls: CallLog;
  weather: Weather;
  /** Where a bug of the sandbox itself is kept. */
  problem(name: string, error: unknown): void;
}

/** The express router of the REST API. */
export function createApi(options: ApiOptions): Router {
  const router = express.Router();
  router.use(express.json({ limit: BODY_LIMIT, strict: false }));
  router.use(express.urlencoded({ limit: BODY_LIMIT, extended: true }));
  router.use(express.raw({ limit: BODY_LIMIT, type: 'multipart/form-data' }), readForm);
  for (const route of options.routes) {
    const method = route.method.toLowerCase() as 'get' | 'post' | 'put' | 'delete' | 'head';
    router[method](route.path, (request, response) => serve(options, route, request, response));
  }
  router.use((request, response) => serve(options, null, request, response));
  router.use(
    (error: Error & { status?: number }, request: Request, response: Response, _next: unknown) => {
      const call = record(options, request, null, null);
      const status = error.status ?? 500;
      send(response, call, { status, body: { error: error.message } }, false);
    },
  );
  return router;
}

/** `/projects/:id/x` as `/projects/{id}/x`, the way GitLab's OpenAPI file writes it. */
export function openApiPath(route: string): string {
  return route.replace(/:([a-z_]+)/g, '{$1}');
}

function record(
  { gl, calls }: ApiOptions,
  request: Request,
  route: Route | null,
  caller: Caller | null,
): CallRecord {
  const call: CallRecord = {
    at: gl.now(),
    user: caller ? (caller.job ? `job:${caller.job.jobId}` : caller.user.username) : null,
    method: request.method,
    path: request.url,
    route: route ? openApiPath(route.path) : null,
    body: request.body as unknown,
    status: null,
    replyDropped: false,
    from: performance.now(),
    to: null,
  };
  calls.record(call);
  return call;
}

async function serve(
  options: ApiOptions,
  route: Route | null,
  request: Request,
  response: Response,
): Promise<void> {
  const troubles = options.weather.forCall(request.method, request.url, tokenOf(request));
  const { reply, entry } = await answer(options, route, request, troubles);
  if (reply === null) {
    request.socket.destroy();
    return;
  }
  entry.to = performance.now();
  const drop = troubles.some((trouble) => trouble.kind === 'drop_reply');
  if (drop) {
    entry.status = reply.status;
    entry.replyDropped = true;
    request.socket.destroy();
    return;
  }
  send(response, entry, reply, request.method === 'HEAD');
}

/** The reply, or null when the connection is to break before anything was done. */
async function answer(
  options: ApiOptions,
  route: Route | null,
  request: Request,
  troubles: readonly CallTrouble[],
): Promise<{ reply: Reply | null; entry: CallRecord }> {
  const entry = record(options, request, route, null);
  for (const trouble of troubles) {
    if (trouble.kind === 'latency') await sleep(trouble.ms);
    if (trouble.kind === 'drop_before') return { reply: null, entry };
    if (trouble.kind === 'status') return { reply: badWeather(trouble), entry };
  }
  try {
    const caller = callerOf(options, route, request);
    if (caller) entry.user = caller.job ? `job:${caller.job.jobId}` : caller.user.username;
    if (!route) return { reply: { status: 404, body: { error: '404 Not Found' } }, entry };
    if (caller) requireScope(caller, scopesOf(route));
    const cause = request.headers['x-gitlab-event-uuid'];
    const reply = await options.gl.hooks.caused(typeof cause === 'string' ? cause : undefined, () =>
      route.handler(callOf(options.gl, caller, request)),
    );
    return { reply, entry };
  } catch (error) {
    if (error instanceof ApiFailure) {
      return { reply: { status: error.status, body: error.body }, entry };
    }
    options.problem(`${request.method} ${request.url}`, error);
    return { reply: { status: 500, body: { message: '500 Internal Server Error' } }, entry };
  }
}

/** The access token as it was sent, good or not. */
function tokenOf({ headers }: Request): string | undefined {
  const bearer = /^Bearer\s+(\S+)$/i.exec(headers.authorization ?? '')?.[1];
  return headers['private-token']?.toString() ?? bearer;
}

function badWeather(trouble: Extract<CallTrouble, { kind: 'status' }>): Reply {
  const limited = trouble.status === 429;
  return {
    status: trouble.status,
    body: trouble.body ?? { message: limited ? 'Too Many Requests' : `${trouble.status} Error` },
    headers: limited ? { 'Retry-After': String(trouble.retryAfter ?? 1) } : {},
  };
}

/** Job tokens count only on the routes that take them. */
function callerOf({ gl }: ApiOptions, route: Route | null, request: Request): Caller | null {
  const caller = authenticate(gl, request.headers, request.query as Record<string, unknown>);
  if (caller?.job && route && !route.jobToken) {
    throw new ApiFailure(401, { message: '401 Unauthorized' });
  }
  return caller;
}

function scopesOf(route: Route): readonly string[] {
  const read = route.method === 'GET' || route.method === 'HEAD' ? ['read_api'] : [];
  return ['api', ...read, ...(route.scopes ?? [])];
}

function callOf(gl: Instance, caller: Caller | null, request: Request): Call {
  const body: unknown = request.body;
  const fields = typeof body === 'object' && body !== null ? body : {};
  const query = new URL(request.originalUrl, gl.url).searchParams;
  const params = Object.fromEntries(
    Object.entries(request.params as Record<string, string | string[]>).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join('/') : value,
    ]),
  );
  return {
    gl,
    caller,
    params,
    input: createInput({ ...(request.query as Record<string, unknown>), ...fields }),
    address: gl.url + request.originalUrl.split('?')[0],
    query,
  };
}

function send(response: Response, entry: CallRecord, reply: Reply, headOnly: boolean): void {
  entry.status = reply.status;
  response.status(reply.status).set(reply.headers ?? {});
  if (reply.body === undefined || headOnly) response.end();
  else if (reply.type) response.type(reply.type).send(reply.body);
  else response.json(reply.body);
}
