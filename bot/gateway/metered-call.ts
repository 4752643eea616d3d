/** One paid call: hold the money, call the provider, pass the answer on, settle. */
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { BudgetLevel } from '../domain/budgets.ts';
import type { Reservation } from '../store/budgets.ts';
import { callProvider } from './call-provider.ts';
import { BYTES_PER_TOKEN } from './limits.ts';
import type { GatewayLimits } from './limits.ts';
import { Meter } from './meter.ts';
import type { Reading } from './meter.ts';
import type { PreparedRequest } from './prepare-request.ts';
import { costAt, worstCaseMicrousd } from './pricing.ts';
import type { Provider } from './pricing.ts';
import type { ModelPrice } from '../../schema/wire/prices.ts';
import { sendProviderError } from './provider-error.ts';
import { ATTEMPT_OVER, sendRefusal } from './refuse.ts';
import { relayAnswer } from './relay.ts';
import type { Api, GatewayDeps, Grant, ProviderAccess, Refusal } from './types.ts';

export interface PaidCall {
  api: Api;
  provider: Provider;
  grant: Grant;
  request: PreparedRequest;
  access: ProviderAccess;
  price: ModelPrice;
  headers: IncomingHttpHeaders;
  beta: boolean;
}

export type CallDeps = Omit<GatewayDeps, 'limits'> & { limits: GatewayLimits };

type Full = Extract<Reservation, { spentMicrousd: number }>;

const dollars = (microusd: number): string => `$${(microusd / 1e6).toFixed(2)}`;

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

const LEVELS: Readonly<Record<BudgetLevel, string>> = {
  task: 'this task',
  run: 'this run',
  repo_day: 'this repository for today',
  installation_day: 'this installation for today',
};

/** 403 also where another day helps: after a 429 the client would only ask again and again. */
function overBudget(held: Full, needMicrousd: number): Refusal {
  const { level, capMicrousd, spentMicrousd, opensAt } = held;
  return {
    status: 403,
    code: 'budget_exceeded',
    message:
      `The budget of ${LEVELS[level]} is ${dollars(capMicrousd)}; ${dollars(spentMicrousd)} are ` +
      `spent, and this call may cost up to ${dollars(needMicrousd)}.`,
    fix:
      opensAt === null
        ? 'End the task with what is done; a maintainer can raise the budget and continue it.'
        : `End the task with what is done; the budget opens again at ${opensAt}.`,
  };
}

function noAnswer(provider: Provider, cause: 'unreachable' | 'timeout' | 'aborted'): Refusal {
  const why =
    cause === 'timeout' ? 'did not begin to answer in time' : 'cannot be reached from the bot';
  return {
    status: cause === 'timeout' ? 504 : 502,
    code: `provider_${cause}`,
    message: `The provider ${provider} ${why}.`,
    fix: 'Try again in a moment.',
  };
}

/** Tells how a call ended, after `finish` has sent what the client is to see. */
interface CallEnd {
  reading: Reading;
  status: number;
  finish: () => void;
}

/** Makes the call and relays the answer; never throws for what the provider or the client does. */
async function exchange(call: PaidCall, deps: CallDeps, res: ServerResponse): Promise<CallEnd> {
  const { api, provider, request, access } = call;
  const { limits } = deps;
  const startedAt = deps.now();
  const stop = new AbortController();
  const onClose = (): void => stop.abort();
  res.once('close', onClose);
  if (res.destroyed) stop.abort();
  try {
    const inputEstimate = Math.ceil(Buffer.byteLength(request.body) / BYTES_PER_TOKEN);
    const readingOf = (meter: Meter): Reading =>
      meter.read({
        inputEstimate,
        maxOutputTokens: request.maxOutputTokens,
        seconds: Math.max(0, deps.now() - startedAt) / 1000,
      });
    const answer = await callProvider(
      { ...call, stream: request.stream, body: request.body },
      access,
      { fetch: deps.fetch ?? fetch, signal: stop.signal, limits },
    );
    if (answer.kind === 'none') {
      const { cause, detail, sent } = answer;
      deps.log.warn({ attemptId: call.grant.attemptId, provider, cause, detail }, 'no answer');
      const reading = sent ? readingOf(new Meter(api, { stream: true, maxBytes: 0 })) : REFUSED;
      const refusal = noAnswer(provider, cause);
      return {
        reading,
        status: refusal.status,
        finish: () => sendRefusal(res, provider, refusal),
      };
    }
    const { response } = answer;
    if (!response.ok) {
      const idle = setTimeout(() => stop.abort(), limits.idleMs);
      const keys = [access.apiKey];
      await sendProviderError(res, provider, response, { keys, bytes: limits.errorBytes });
      clearTimeout(idle);
      return { reading: REFUSED, status: response.status, finish: () => undefined };
    }
    const streams = (response.headers.get('content-type') ?? '').startsWith('text/event-stream');
    const meter = new Meter(api, { stream: streams, maxBytes: limits.meterBytes });
    const end = await relayAnswer(response, res, meter, { stop, limits });
    const finish = (): void => void (end === 'whole' ? res.end() : res.destroy());
    return { reading: readingOf(meter), status: response.status, finish };
  } finally {
    res.off('close', onClose);
    // Frees the provider's connection where its body was not read to the end.
    stop.abort();
  }
}

/** Writes down what a call cost. A ledger that fails is logged: the money then stays held. */
async function settleCall(
  call: PaidCall,
  deps: CallDeps,
  hold: number,
  end: Pick<CallEnd, 'reading' | 'status'>,
): Promise<void> {
  const { grant, provider, request, price } = call;
  const { usage, outcome } = end.reading;
  const spent = costAt(price, usage);
  const { attemptId, taskId, runId, repoId } = grant;
  const fields = {
    attemptId,
    provider,
    model: request.model,
    status: end.status,
    outcome,
    ...usage,
  };
  deps.log.info({ ...fields, costMicrousd: spent }, 'model call');
  try {
    await deps.ledger.settle(grant, { hold, spent });
  } catch (error) {
    const message = (error as Error).message;
    deps.log.error({ attemptId, taskId, hold, spent, message }, 'a call was not settled');
  }
  try {
    await deps.ledger.record({
      ...{ attemptId, taskId, runId, repoId, provider, model: request.model },
      inputTokens: usage.inputTokens,
      cachedInputTokens: usage.cachedInputTokens,
      outputTokens: usage.outputTokens,
      costMicrousd: spent,
      outcome,
    });
  } catch (error) {
    const message = (error as Error).message;
    deps.log.error({ attemptId, taskId, spent, message }, 'usage was not recorded');
  }
}

/** Runs one call to its end; the reservation is settled exactly once, whatever happens. */
export async function meteredCall(
  call: PaidCall,
  deps: CallDeps,
  res: ServerResponse,
): Promise<void> {
  const { grant, provider, request, price } = call;
  const inputTokens = Math.ceil(Buffer.byteLength(request.body) / BYTES_PER_TOKEN);
  const reserved = worstCaseMicrousd(price, inputTokens, request.maxOutputTokens);
  const held = await deps.ledger.reserve(grant, reserved);
  if (!held.ok) {
    const refusal = held.level === 'over' ? ATTEMPT_OVER : overBudget(held, reserved);
    sendRefusal(res, provider, refusal);
    return;
  }
  let end: CallEnd = { reading: REFUSED, status: 0, finish: () => void res.destroy() };
  try {
    end = await exchange(call, deps, res);
  } catch (error) {
    const message = (error as Error).message;
    deps.log.error({ attemptId: grant.attemptId, provider, message }, 'a model call failed');
  } finally {
    await settleCall(call, deps, held.hold, end);
    end.finish();
  }
}
