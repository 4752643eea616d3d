/** One call to a provider and its answer, and what the answer tells about the provider. */
import type { ServerResponse } from 'node:http';
import type { CoolDown } from '../domain/cool-downs.ts';
import type { CoolDownRow } from '../store/providers.ts';
import type { ModelRoute } from '../../schema/wire/job-api.ts';
import { callProvider, type ProviderAnswer } from './call-provider.ts';
import { BYTES_PER_TOKEN } from './limits.ts';
import { Meter, type Reading } from './meter.ts';
import type { CallDeps, PaidCall } from './paid-call.ts';
import { errorIn, readText, sendProviderError } from './provider-error.ts';
import { coolingRefusal, sendRefusal } from './refuse.ts';
import { relayAnswer } from './relay.ts';
import { DEFAULTS, judge, type Failed, type Judgement } from './taxonomy.ts';
import type { Refusal } from './types.ts';

/** Tells how a call ended; `finish` sends what the client is still to see. */
export interface CallEnd {
  reading: Reading;
  status: number;
  finish: () => void;
}

const REFUSED: Reading = {
  usage: {
    inputTokens: 0,
    cachedInputTokens: 0,
    cacheWriteTokens: 0,
    cacheWriteLongTokens: 0,
    outputTokens: 0,
  },
  outcome: 'refused',
};

/** The end of a call of which nothing is known. */
export const NOTHING_CAME = { reading: REFUSED, status: 0 };

export function routeOf({ provider, request }: PaidCall): ModelRoute {
  return { provider, model: request.model };
}

/** One exchange under way. */
interface Exchange {
  call: PaidCall;
  deps: CallDeps;
  res: ServerResponse;
  /** The call goes first after a cool-down. */
  probe: boolean;
  startedAt: number;
  stop: AbortController;
}

/** Makes the call and relays the answer; never throws for what the provider or the client does. */
export async function exchange(
  call: PaidCall,
  deps: CallDeps,
  res: ServerResponse,
  probe: boolean,
): Promise<CallEnd> {
  const stop = new AbortController();
  const onClose = (): void => stop.abort();
  res.once('close', onClose);
  if (res.destroyed) stop.abort();
  const { limits } = deps;
  const under: Exchange = { call, deps, res, probe, startedAt: deps.now(), stop };
  try {
    const answer = await callProvider(
      { ...call, stream: call.request.stream, body: call.request.body },
      call.access,
      { fetch: deps.fetch ?? fetch, signal: stop.signal, limits },
    );
    if (answer.kind === 'none') return await noAnswer(under, answer);
    const { response } = answer;
    return response.ok ? await relay(under, response) : await passError(under, response);
  } finally {
    res.off('close', onClose);
    // Frees the provider's connection where its body was not read to the end.
    stop.abort();
  }
}

async function noAnswer(
  under: Exchange,
  answer: Extract<ProviderAnswer, { kind: 'none' }>,
): Promise<CallEnd> {
  const { call, deps } = under;
  const { provider } = call;
  const { cause, detail, sent } = answer;
  deps.log.warn({ attemptId: call.grant.attemptId, provider, cause, detail }, 'no answer');
  const empty = new Meter(call.api, { stream: true, maxBytes: 0 });
  const reading = sent ? readingOf(under, empty) : REFUSED;
  if (cause === 'aborted') {
    await tellEnd(call, deps, under.probe, 'nothing');
    return { reading, status: 0, finish: () => void under.res.destroy() };
  }
  return refused(under, await judged(under, { kind: 'none', cause }), reading);
}

/** An error goes on to the client, or begins a cool-down. */
async function passError(under: Exchange, response: Response): Promise<CallEnd> {
  const { call, deps, res, stop } = under;
  const { status, headers } = response;
  const idle = setTimeout(() => stop.abort(), deps.limits.idleMs);
  const error = errorIn(await readText(response, deps.limits.errorBytes));
  clearTimeout(idle);
  const refusal = await judged(under, { kind: 'answer', status, headers, error: error ?? {} });
  if (refusal !== null) return refused(under, refusal, REFUSED);
  // The provider answers, if only that the request is wrong.
  await tellEnd(call, deps, under.probe, 'answered', age(under));
  const options = { keys: [call.access.apiKey], error };
  sendProviderError(res, call.provider, response, options);
  return { reading: REFUSED, status, finish: () => undefined };
}

async function relay(under: Exchange, response: Response): Promise<CallEnd> {
  const { call, deps, res, stop } = under;
  const { limits } = deps;
  const streams = (response.headers.get('content-type') ?? '').startsWith('text/event-stream');
  const meter = new Meter(call.api, { stream: streams, maxBytes: limits.meterBytes });
  let late = false;
  const first = setTimeout(
    () => {
      late = true;
      stop.abort();
    },
    Math.max(0, (streams ? limits.firstMs : limits.wholeAnswerMs) - age(under)),
  );
  let begun = false;
  const onBegin = (): void => {
    begun = true;
    clearTimeout(first);
    void tellEnd(call, deps, under.probe, 'answered', age(under));
  };
  const end = await relayAnswer(response, res, meter, { stop, limits, onBegin });
  clearTimeout(first);
  const reading = readingOf(under, meter);
  const { status } = response;
  if (late && !begun) {
    return refused(under, await judged(under, { kind: 'none', cause: 'timeout' }), reading);
  }
  const failure = meter.failure;
  const refusal = failure === null ? null : await judged(under, { kind: 'event', error: failure });
  if (!begun && refusal === null) await tellEnd(call, deps, under.probe, 'nothing');
  switch (end) {
    case 'refused':
      return refused(under, refusal, reading, failure);
    case 'whole':
      return { reading, status, finish: () => void res.end() };
    case 'lost':
      return { reading, status, finish: () => void res.destroy() };
  }
}

/** Begins a cool-down when the failure asks for one; returns what the client is told then. */
async function judged(under: Exchange, failed: Failed): Promise<Refusal | null> {
  const { call, deps } = under;
  const judgement = judge(call.provider, failed, new Date());
  if (judgement === null) return null;
  const route = routeOf(call);
  const row = await deps.coolDowns.failed(route, judgement, age(under)).catch((error: unknown) => {
    // The others do not hear of it; this client does, and what the call used is not lost with it.
    deps.log.warn({ ...route, message: (error as Error).message }, 'a cool-down was not begun');
    return ownCoolDown(route, judgement);
  });
  const until = new Date(Date.now() + row.leftMs);
  const { reason, status } = judgement;
  deps.log.warn({ ...route, reason, status, until, strikes: row.strikes }, 'cool-down');
  await noteCooled(call, deps, { ...row, until });
  return coolingRefusal(row, until);
}

/** A cool-down that is told to one client only, because it could not be shared. */
function ownCoolDown(route: ModelRoute, judgement: Judgement): CoolDownRow {
  const { scope, reason, status, toldMs } = judgement;
  const leftMs = toldMs ?? DEFAULTS[reason].firstMs;
  const model = scope === 'provider' ? null : route.model;
  const times = { since: new Date(), until: new Date(Date.now() + leftMs), leftMs };
  return { provider: route.provider, model, reason, status, strikes: 1, ...times };
}

/** An error in place of an answer that says nothing about the provider is shown as what it is. */
function refused(
  under: Exchange,
  refusal: Refusal | null,
  reading: Reading,
  error: Record<string, unknown> | null = null,
): CallEnd {
  const { call, res } = under;
  const { provider } = call;
  if (refusal !== null) {
    const finish = (): void => sendRefusal(res, provider, refusal);
    return { reading, status: refusal.status, finish };
  }
  const options = { keys: [call.access.apiKey], error };
  const response = { status: 400, headers: new Headers() };
  return {
    reading,
    status: 400,
    finish: () => sendProviderError(res, provider, response, options),
  };
}

/** Keeps with the attempt which cool-down it met; what cannot be kept is only missing in a comment. */
export async function noteCooled(call: PaidCall, deps: CallDeps, met: CoolDown): Promise<void> {
  const cooled = { reason: met.reason, status: met.status, until: met.until.toISOString() };
  try {
    await deps.ledger.cooled(call.grant, routeOf(call), cooled);
  } catch (error) {
    deps.log.warn({ message: (error as Error).message }, 'a cool-down was not noted');
  }
}

/** Tells the others how a call went, when there is anything to tell. */
export async function tellEnd(
  call: PaidCall,
  deps: CallDeps,
  probe: boolean,
  end: 'answered' | 'nothing',
  ageMs = 0,
): Promise<void> {
  const route = routeOf(call);
  try {
    if (end === 'answered') await deps.coolDowns.answered(route, probe, ageMs);
    else if (probe) await deps.coolDowns.untold(route);
  } catch (error) {
    deps.log.warn({ ...route, message: (error as Error).message }, 'a cool-down was not ended');
  }
}

function age(under: Exchange): number {
  return Math.max(0, under.deps.now() - under.startedAt);
}

function readingOf(under: Exchange, meter: Meter): Reading {
  const { request } = under.call;
  return meter.read({
    inputEstimate: Math.ceil(Buffer.byteLength(request.body) / BYTES_PER_TOKEN),
    maxOutputTokens: request.maxOutputTokens,
    seconds: age(under) / 1000,
  });
}
