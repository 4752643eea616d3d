/** One request to one provider: address, headers, key and time-outs. */
import type { IncomingHttpHeaders } from 'node:http';
import type { GatewayLimits } from './limits.ts';
import type { Api, ProviderAccess } from './types.ts';

/** Client headers that go on; everything else, above all its credentials, stays here. */
const REQUEST_HEADERS = [
  'content-type',
  'accept',
  'user-agent',
  'openai-beta',
  'anthropic-version',
  'anthropic-beta',
];

const PATHS: Record<Api, string> = {
  responses: '/responses',
  chat: '/chat/completions',
  messages: '/v1/messages',
};

/** Sent where a client of Anthropic's API names no version; the API demands one. */
const ANTHROPIC_VERSION = '2023-06-01';

export interface ProviderRequest {
  api: Api;
  stream: boolean;
  body: string;
  headers: IncomingHttpHeaders;
  /** The client asked for the beta form of Anthropic's API (`?beta=true`). */
  beta: boolean;
}

export type ProviderAnswer =
  | { kind: 'answer'; response: Response }
  /** No answer came. `sent`: the provider may have worked on the request all the same. */
  | { kind: 'none'; cause: 'unreachable' | 'timeout' | 'aborted'; detail: string; sent: boolean };

function headersFor(request: ProviderRequest, access: ProviderAccess): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const name of REQUEST_HEADERS) {
    const value = request.headers[name];
    if (typeof value === 'string') headers[name] = value;
  }
  headers['content-type'] = 'application/json';
  // Compressed streams would have to be opened to be metered, and would arrive later.
  headers['accept-encoding'] = 'identity';
  if (request.api === 'messages') {
    headers['anthropic-version'] ??= ANTHROPIC_VERSION;
    headers['x-api-key'] = access.apiKey;
  } else {
    headers['authorization'] = `Bearer ${access.apiKey}`;
  }
  return headers;
}

/** Causes that show that the request never reached a server. */
const NOT_SENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT']);

/** The code or message of a network error; never more, as the rest may quote the request. */
function detailOf(error: unknown): string {
  const { cause } = error as { cause?: { code?: unknown; message?: unknown } };
  const detail = cause?.code ?? cause?.message ?? (error as Error).message;
  return typeof detail === 'string' ? detail.slice(0, 200) : 'unknown';
}

/**
 * Sends a request and waits for the headers of the answer. `signal` ends the call at any time, also
 * while its body is read. Redirects are not followed: they would carry the key elsewhere.
 */
export async function callProvider(
  request: ProviderRequest,
  access: ProviderAccess,
  options: {
    fetch: typeof fetch;
    signal: AbortSignal;
    limits: Pick<GatewayLimits, 'firstMs' | 'wholeAnswerMs'>;
  },
): Promise<ProviderAnswer> {
  const query = request.api === 'messages' && request.beta ? '?beta=true' : '';
  const url = `${access.baseUrl.replace(/\/$/, '')}${PATHS[request.api]}${query}`;
  const timeout = new AbortController();
  const { firstMs, wholeAnswerMs } = options.limits;
  const timer = setTimeout(() => timeout.abort(), request.stream ? firstMs : wholeAnswerMs);
  try {
    const response = await options.fetch(url, {
      method: 'POST',
      headers: headersFor(request, access),
      body: request.body,
      redirect: 'manual',
      signal: AbortSignal.any([options.signal, timeout.signal]),
    });
    return { kind: 'answer', response };
  } catch (error) {
    const detail = detailOf(error);
    if (options.signal.aborted) return { kind: 'none', cause: 'aborted', detail, sent: true };
    if (timeout.signal.aborted) return { kind: 'none', cause: 'timeout', detail, sent: true };
    return { kind: 'none', cause: 'unreachable', detail, sent: !NOT_SENT.has(detail) };
  } finally {
    clearTimeout(timer);
  }
}
