/** HTTP to the bot's job API: one retry policy, typed refusals. */
import { JobError } from './errors.ts';

/** Total time spent on one call with all its retries, in milliseconds. */
export const RETRY_BUDGET_MS = 60_000;
const TRY_TIMEOUT_MS = 15_000;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 8_000;
/** Largest answer read, in bytes. */
const ANSWER_BYTES = 4 * 1024 * 1024;

/** The bot answered with a status that trying again would not change. */
export class ApiRefusal extends Error {
  override readonly name = 'ApiRefusal';
  readonly status: number;
  readonly code: string;
  readonly fix: string | undefined;

  constructor(status: number, code: string, message: string, fix: string | undefined) {
    super(message);
    this.status = status;
    this.code = code;
    this.fix = fix;
  }
}

export interface PostOptions {
  token: string;
  body?: unknown;
  /** Time for all tries, in milliseconds; default RETRY_BUDGET_MS. 0 means one try. */
  budgetMs?: number;
  signal?: AbortSignal;
  /** Told once per failed try, with the reason and the pause in milliseconds before the next. */
  onRetry?: (reason: string, pauseMs: number) => void;
}

/**
 * POSTs to `url` and returns the body of a 2xx answer as text. Network errors, time-outs, 429 and 5xx
 * are tried again with growing pauses (or the server's Retry-After) until the budget is used up.
 * @throws ApiRefusal on any other status; JobError when the budget ran out.
 */
export async function post(url: string, options: PostOptions): Promise<string> {
  const until = Date.now() + (options.budgetMs ?? RETRY_BUDGET_MS);
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
    const outcome = await tryOnce(url, options);
    if (outcome.kind === 'ok') return outcome.text;
    const wait = Math.max(pause, outcome.retryAfterMs);
    if (options.signal?.aborted || Date.now() + wait > until) {
      throw new JobError(
        `The bot at ${new URL(url).origin} could not be reached`,
        outcome.reason,
        'Check that the bot runs and that this runner can reach its URL, then retry the job',
      );
    }
    options.onRetry?.(outcome.reason, wait);
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}

type Try = { kind: 'ok'; text: string } | { kind: 'again'; reason: string; retryAfterMs: number };

async function tryOnce(url: string, options: PostOptions): Promise<Try> {
  const timeout = AbortSignal.timeout(TRY_TIMEOUT_MS);
  let response: Response;
  let text: string;
  try {
    response = await fetch(url, {
      method: 'POST',
      redirect: 'error',
      headers: {
        authorization: `Bearer ${options.token}`,
        ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
      signal: options.signal ? AbortSignal.any([options.signal, timeout]) : timeout,
    });
    text = await readCapped(response);
  } catch (error) {
    return { kind: 'again', reason: networkReason(error), retryAfterMs: 0 };
  }
  if (response.ok) return { kind: 'ok', text };
  if (response.status === 429 || response.status >= 500) {
    const after = Number(response.headers.get('retry-after'));
    const retryAfterMs = Number.isFinite(after) && after > 0 ? after * 1000 : 0;
    return { kind: 'again', reason: `it answered ${response.status}`, retryAfterMs };
  }
  throw refusal(response.status, text);
}

async function readCapped(response: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of response.body ?? []) {
    bytes += part.byteLength;
    if (bytes > ANSWER_BYTES) throw new Error(`the answer is larger than ${ANSWER_BYTES} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

/** Reads the error shape of schema/wire/job-api.ts `ApiError`, tolerating proxies that answer HTML. */
function refusal(status: number, text: string): ApiRefusal {
  try {
    const { error } = JSON.parse(text) as { error?: Record<string, unknown> };
    if (error && typeof error['message'] === 'string') {
      const fix = typeof error['fix'] === 'string' ? error['fix'] : undefined;
      return new ApiRefusal(status, String(error['code'] ?? 'unknown'), error['message'], fix);
    }
  } catch {
    // Not JSON: fall through to the plain answer below.
  }
  return new ApiRefusal(status, 'unknown', `the bot answered ${status}`, undefined);
}

function networkReason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return `no answer within ${TRY_TIMEOUT_MS / 1000} s`;
  const cause = error.cause;
  return cause instanceof Error
    ? cause.message || String((cause as { code?: unknown }).code)
    : error.message;
}
