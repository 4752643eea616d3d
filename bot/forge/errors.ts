/** The one error type of the forge boundary. Branch on `kind`, never on the message. */

export type ForgeErrorKind =
  /** 401/403: the bot's token or rights do not allow it. */
  | 'denied'
  /** 404, or 403 that hides a 404. */
  | 'not_found'
  /** 409 or an optimistic lock that failed: read again, then decide. */
  | 'conflict'
  /** 400/422: the request is wrong for this forge; repeating it cannot help. */
  | 'invalid'
  /** 429; `retryAfterMs` says when. */
  | 'limited'
  /** 5xx, refused connection or time-out of a read, or of a write that surely did not land. */
  | 'unavailable'
  /** A write whose answer was lost: it may have landed. */
  | 'ambiguous';

export class ForgeError extends Error {
  readonly kind: ForgeErrorKind;
  readonly status: number | null;
  readonly retryAfterMs: number | null;

  constructor(
    kind: ForgeErrorKind,
    message: string,
    options: { status?: number | null; retryAfterMs?: number | null; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'ForgeError';
    this.kind = kind;
    this.status = options.status ?? null;
    this.retryAfterMs = options.retryAfterMs ?? null;
  }
}
