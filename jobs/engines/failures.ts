import { ModelFailure } from './model.ts';

/** Tries of one HTTP request by the SDK, beyond the first (429, 5xx, connection errors). */
export const SDK_RETRIES = 2;
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

/**
 * Turns whatever an SDK throws into a ModelFailure. Both SDKs' errors carry `status` and the body as
 * `error`; the gateway's body is schema/wire/job-api.ts `ApiError`.
 */
export function toFailure(error: unknown, signal: AbortSignal): ModelFailure {
  if (error instanceof ModelFailure) return error;
  if (signal.aborted) return new ModelFailure('aborted', 'the request was stopped');
  const status = (error as { status?: unknown } | null)?.status;
  const message = error instanceof Error ? error.message : String(error);
  if (status === 401)
    return new ModelFailure('revoked', 'the gateway no longer knows this attempt');
  if (status === 403 && /budget_exceeded/.test(codeOf(error) + message)) {
    return new ModelFailure('budget', bodyMessage(error) ?? 'the budget is used up');
  }
  if (typeof status === 'number') return new ModelFailure('provider', `${status}: ${message}`);
  return new ModelFailure('cut', message);
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
