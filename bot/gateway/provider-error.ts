/** A provider's error, made fit for the agent: its words, without keys and without its headers. */
import type { ServerResponse } from 'node:http';
import type { Provider } from './pricing.ts';
import { sendRefusal } from './refuse.ts';
import type { Refusal } from './types.ts';

/** Headers of an error that the SDKs act on or people quote to the provider. */
const ERROR_HEADERS = [
  'retry-after',
  'retry-after-ms',
  'x-should-retry',
  'request-id',
  'x-request-id',
];

/** Keys of either provider, also when the provider has starred a part of them. */
const KEY_LIKE = /\bsk-[\w*-]{6,}/g;
const MESSAGE_CHARS = 2_000;

/** Takes keys out of a text by a provider. */
export function withoutKeys(text: string, keys: readonly string[]): string {
  const known = keys
    .filter((key) => key !== '')
    .reduce((rest, key) => rest.replaceAll(key, '[key]'), text);
  return known.replaceAll(KEY_LIKE, '[key]');
}

/** Reads at most `bytes` of a body, whatever its length. */
export async function readText(response: Response, bytes: number): Promise<string> {
  const parts: Uint8Array[] = [];
  let left = bytes;
  try {
    for await (const chunk of response.body ?? []) {
      parts.push(chunk.subarray(0, left));
      left -= chunk.length;
      if (left <= 0) break;
    }
  } catch {
    // A cut error is still an error: what arrived is shown.
  }
  return Buffer.concat(parts).toString('utf8');
}

type Json = Record<string, unknown>;

/** The error object of an answer as it came; null when there is none. */
export function errorIn(text: string): Json | null {
  try {
    const { error } = JSON.parse(text) as { error?: unknown };
    return typeof error === 'object' && error !== null ? (error as Json) : null;
  } catch {
    return null;
  }
}

/** The fields of an error that programs branch on and people read; both providers nest them alike. */
function shown(error: Json, keys: readonly string[]): Json {
  const kept: Json = {};
  for (const field of ['message', 'type', 'code', 'param']) {
    const value = error[field];
    if (typeof value === 'string') kept[field] = withoutKeys(value, keys).slice(0, MESSAGE_CHARS);
    else if (value === null) kept[field] = null;
  }
  return kept;
}

/** A redirect or worse: it would mislead a client if it went on as it is. */
function unexpected(provider: Provider, status: number): Refusal {
  return {
    status: 502,
    code: 'provider_unexpected',
    message: `The provider ${provider} answered with status ${status}, which is no answer of its API.`,
    fix: 'Check the base URL of the provider where the bot runs.',
  };
}

/** Passes an error on: status and retry headers as they are, the body reduced to its message. */
export function sendProviderError(
  res: ServerResponse,
  provider: Provider,
  response: Pick<Response, 'status' | 'headers'>,
  options: { keys: readonly string[]; error: Json | null },
): void {
  if (response.status < 400) {
    sendRefusal(res, provider, unexpected(provider, response.status));
    return;
  }
  const error = options.error
    ? shown(options.error, options.keys)
    : {
        message: `The provider ${provider} answered with status ${response.status}.`,
        type: 'api_error',
      };
  const headers: Record<string, string> = { 'content-type': 'application/json' };
  for (const name of ERROR_HEADERS) {
    const value = response.headers.get(name);
    if (value !== null) headers[name] = withoutKeys(value, options.keys);
  }
  if (res.destroyed) return;
  res.writeHead(response.status, headers);
  res.end(JSON.stringify(provider === 'anthropic' ? { type: 'error', error } : { error }));
}
