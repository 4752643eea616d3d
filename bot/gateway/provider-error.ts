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

export const KEY_VARIABLES: Record<Provider, string> = {
  openai: 'OPENAI_API_KEY',
  anthropic: 'ANTHROPIC_API_KEY',
};

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

/** The fields of an error that programs branch on and people read; both providers nest them alike. */
function errorOf(text: string, keys: readonly string[]): Json | null {
  try {
    const { error } = JSON.parse(text) as { error?: unknown };
    if (typeof error !== 'object' || error === null) return null;
    const kept: Json = {};
    for (const field of ['message', 'type', 'code', 'param']) {
      const value = (error as Json)[field];
      if (typeof value === 'string') kept[field] = withoutKeys(value, keys).slice(0, MESSAGE_CHARS);
      else if (value === null) kept[field] = null;
    }
    return kept;
  } catch {
    return null;
  }
}

/** Answers of a provider that would mislead a client if they went on as they are. */
function replacement(provider: Provider, status: number): Refusal | null {
  if (status === 401) {
    return {
      status: 403,
      code: 'provider_key_refused',
      message: `The provider ${provider} refuses the key of this installation.`,
      fix: `Set a valid ${KEY_VARIABLES[provider]} where the bot runs and restart it.`,
    };
  }
  if (status >= 400) return null;
  return {
    status: 502,
    code: 'provider_unexpected',
    message: `The provider ${provider} answered with status ${status}, which is no answer of its API.`,
    fix: 'Check the base URL of the provider where the bot runs.',
  };
}

/** Passes an error on: status and retry headers as they are, the body reduced to its message. */
export async function sendProviderError(
  res: ServerResponse,
  provider: Provider,
  response: Response,
  options: { keys: readonly string[]; bytes: number },
): Promise<void> {
  const text = await readText(response, options.bytes);
  const other = replacement(provider, response.status);
  if (other !== null) {
    sendRefusal(res, provider, other);
    return;
  }
  const error = errorOf(text, options.keys) ?? {
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
