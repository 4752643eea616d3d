/** JSON answers, and the one error shape of them all: code, message, fix (schema/wire/job-api.ts). */
import type { ServerResponse } from 'node:http';
import { readAway, type BodyFault } from '../gateway/read-body.ts';

/** Milliseconds for which the rest of a request that was answered early is read away. */
const LINGER_MS = 2_000;

/** Answers with a value as JSON; headers set before are kept. */
export function sendJson(response: ServerResponse, status: number, value: unknown): void {
  const text = JSON.stringify(value);
  response.writeHead(status, {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(text),
  });
  if (response.req.complete) response.end(text);
  else endAfterRequest(response, text);
}

/**
 * The answer goes out at once and whole, and the connection stays until the sender is done or the time for
 * that is over: closed with bytes unread it is reset, and the answer is lost with it (RFC 9112 §9.6).
 */
function endAfterRequest(response: ServerResponse, text: string): void {
  const { req: request } = response;
  const timer = setTimeout(() => request.destroy(), LINGER_MS);
  request.once('close', () => clearTimeout(timer)).once('end', () => response.end());
  response.write(text);
  readAway(request);
}

/** Answers with an error; `fix` says what to do about it. */
export function sendError(
  response: ServerResponse,
  status: number,
  code: string,
  message: string,
  fix?: string,
): void {
  sendJson(response, status, { error: { code, message, ...(fix === undefined ? {} : { fix }) } });
}

/** 503 that says nothing of the inside; the sender may try again. */
export function sendUnavailable(response: ServerResponse): void {
  response.setHeader('Retry-After', '5');
  sendError(response, 503, 'unavailable', 'The bot could not do this now.', 'Try again shortly.');
}

const BODY_ERRORS: Readonly<Record<number, string>> = {
  400: 'The body is not valid JSON.',
  408: 'The body did not arrive in time.',
  413: 'The body is too large.',
  415: 'The body’s encoding is not supported; send it uncompressed.',
};
const FAULT_STATUS = { encoded: 415, too_large: 413, too_slow: 408 } as const;

/** Answers a request that is wrong in itself, by its status. */
export function sendBadRequest(response: ServerResponse, status: number): void {
  sendError(response, status, 'bad_request', BODY_ERRORS[status] ?? 'The request is not valid.');
}

/** Answers a body that was not taken; nobody waits for an answer once it is `gone`. */
export function sendBodyFault(response: ServerResponse, fault: BodyFault): void {
  if (fault !== 'gone') sendBadRequest(response, FAULT_STATUS[fault]);
}
