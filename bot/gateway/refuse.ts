/** Answers of the gateway itself, in the error shape of the API that was called. */
import type { ServerResponse } from 'node:http';
import { saidOf, type CoolDown } from '../domain/cool-downs.ts';
import { KEY_VARIABLES, type Provider } from './pricing.ts';
import type { Refusal } from './types.ts';

const ANTHROPIC_TYPES: Record<number, string> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
};

/** For tokens nobody knows, and for calls of an attempt that has just ended. */
export const ATTEMPT_OVER: Refusal = {
  status: 401,
  code: 'attempt_over',
  message: 'This token stands for no running attempt: it is unknown, or the attempt is over.',
  fix: 'Stop; a new attempt gets a token of its own.',
};

/** The body both SDKs understand; `code` and `fix` are the job API's (schema/wire/job-api.ts). */
export function refusalBody(provider: Provider, refusal: Refusal): object {
  const { status, code, fix } = refusal;
  const message = `${refusal.message} ${fix}`;
  const { cooling } = refusal;
  const more =
    cooling === undefined
      ? {}
      : { until: cooling.until.toISOString(), wait_ms: Math.max(0, Math.ceil(cooling.waitMs)) };
  if (provider === 'anthropic') {
    const type = ANTHROPIC_TYPES[status] ?? 'api_error';
    return { type: 'error', error: { type, message, code, fix, ...more } };
  }
  return { error: { message, type: 'autodev_gateway', param: null, code, fix, ...more } };
}

/**
 * A model that is left alone. 429 with `x-should-retry: false` and without `retry-after` is what both SDKs
 * and both command line tools take for an end at once (docs/providers.md has the measurement).
 */
export function coolingRefusal(coolDown: CoolDown, until: Date): Refusal {
  const { provider, model, reason } = coolDown;
  const name = model === null ? `The provider ${provider}` : `${provider}/${model}`;
  const message = `${name} ${saidOf(coolDown)}; it is left alone until ${until.toISOString()}.`;
  const cooling = { until, waitMs: until.getTime() - Date.now() };
  if (reason === 'key') {
    const fix = `Set a valid ${KEY_VARIABLES[provider]} where the bot runs and restart it.`;
    return { status: 403, code: 'provider_key_refused', message, fix, cooling };
  }
  const fix = 'Go on with another model of the task, or ask again then.';
  return { status: 429, code: 'model_cooling', message, fix, cooling };
}

/**
 * Sends a refusal. Both SDKs obey `x-should-retry`; without it they would repeat some of these and
 * nothing would change.
 */
export function sendRefusal(res: ServerResponse, provider: Provider, refusal: Refusal): void {
  if (res.headersSent || res.destroyed) {
    res.destroy();
    return;
  }
  const passing =
    refusal.cooling === undefined && (refusal.status === 429 || refusal.status >= 500);
  res.writeHead(refusal.status, {
    'content-type': 'application/json',
    ...(passing ? {} : { 'x-should-retry': 'false' }),
    // The rest of a body that never came would be taken for the next request.
    ...(refusal.status === 408 ? { connection: 'close' } : {}),
  });
  res.end(JSON.stringify(refusalBody(provider, refusal)));
}
