import { ModelFailure } from './model.ts';

/** The SDKs try nothing again by themselves: what is tried, and how long, stands in builtin/ask.ts. */
export const SDK_RETRIES = 0;
/** Time until the first byte of an answer, in milliseconds. */
export const REQUEST_TIMEOUT_MS = 180_000;
/** Longest silence inside a stream, in milliseconds. */
export const IDLE_MS = 120_000;

/** The fetch given to an SDK: tells when a request leaves. */
export function watchedFetch(onRequest: () => void): typeof fetch {
  return (input, init) => {
    onRequest();
    return fetch(input, init);
  };
}

/** Statuses after which the gateway, or a proxy before it, may answer the same request in a moment. */
const PASSING = new Set([408, 409, 425, 429]);

/**
 * Turns whatever an SDK throws into a ModelFailure. Both SDKs' errors carry `status` and the body as
 * `error`; the gateway's body is schema/wire/job-api.ts `ApiError`. `asking`: no answer had begun.
 */
export function toFailure(error: unknown, signal: AbortSignal, asking = false): ModelFailure {
  if (error instanceof ModelFailure) return error;
  if (signal.aborted) return new ModelFailure('aborted', 'the request was stopped');
  const status = (error as { status?: unknown } | null)?.status;
  const message = error instanceof Error ? error.message : String(error);
  if (status === 401)
    return new ModelFailure('revoked', 'the gateway no longer knows this attempt');
  if (status === 403 && /budget_exceeded/.test(codeOf(error) + message)) {
    return new ModelFailure('budget', bodyMessage(error) ?? 'the budget is used up');
  }
  const waitMs = waitOf(error);
  if (waitMs !== null) return new ModelFailure('cooling', bodyMessage(error) ?? message, waitMs);
  if (typeof status !== 'number') return new ModelFailure(asking ? 'gateway' : 'cut', message);
  const passing = PASSING.has(status) || status >= 500;
  return new ModelFailure(passing ? 'gateway' : 'provider', `${status}: ${message}`);
}

/** `wait_ms` of the gateway's refusal of a model that cools down; null for every other error. */
function waitOf(error: unknown): number | null {
  const { error: body } = (error ?? {}) as { error?: { wait_ms?: unknown; error?: unknown } };
  const inner = (body?.error ?? body) as { wait_ms?: unknown } | undefined;
  const ms = inner?.wait_ms;
  return typeof ms === 'number' && ms >= 0 ? ms : null;
}

function codeOf(error: unknown): string {
  const { code, error: body } = error as { code?: unknown; error?: unknown };
  const inner = (body as { error?: { code?: unknown } } | undefined)?.error?.code;
  return [code, (body as { code?: unknown } | undefined)?.code, inner].filter(Boolean).join(' ');
}

function bodyMessage(error: unknown): string | undefined {
  const body = (error as { error?: { message?: unknown; error?: { message?: unknown } } }).error;
  const message = body?.error?.message ?? body?.message;
  return typeof message === 'string' ? message : undefined;
}

/** Iterates a stream, failing as `cut` when nothing arrives for `idleMs`. */
export async function* withIdle<T>(
  stream: AsyncIterable<T>,
  idleMs: number = IDLE_MS,
): AsyncGenerator<T> {
  const iterator = stream[Symbol.asyncIterator]();
  try {
    for (;;) {
      let timer: NodeJS.Timeout | undefined;
      const silence = new Promise<never>((_, reject) => {
        const fail = (): void => reject(new ModelFailure('cut', `no data for ${idleMs / 1000} s`));
        timer = setTimeout(fail, idleMs);
      });
      const next = await Promise.race([iterator.next(), silence]).finally(() =>
        clearTimeout(timer),
      );
      if (next.done) return;
      yield next.value;
    }
  } finally {
    // Not awaited: a silent stream would never answer. It aborts the HTTP request behind it.
    void iterator.return?.()?.catch(() => undefined);
  }
}
