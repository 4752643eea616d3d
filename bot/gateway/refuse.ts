/** Answers of the gateway itself, in the error shape of the API that was called. */
import type { ServerResponse } from 'node:http';
import type { Provider } from './pricing.ts';
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
  if (provider === 'anthropic') {
    const type = ANTHROPIC_TYPES[status] ?? 'api_error';
    return { type: 'error', error: { type, message, code, fix } };
  }
  return { error: { message, type: 'autodev_gateway', param: null, code, fix } };
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
  const passing = refusal.status === 429 || refusal.status >= 500;
  res.writeHead(refusal.status, {
    'content-type': 'application/json',
    ...(passing ? {} : { 'x-should-retry': 'false' }),
    // The rest of a body that never came would be taken for the next request.
    ...(refusal.status === 408 ? { connection: 'close' } : {}),
  });
  res.end(JSON.stringify(refusalBody(provider, refusal)));
}
