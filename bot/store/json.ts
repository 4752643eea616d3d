/** Values as PostgreSQL's jsonb takes them. */

/** An escape in JSON text: an escaped backslash (which begins none), a NUL, half of a surrogate pair, another. */
const ESCAPE = /\\(?:\\|u0000|ud[89a-f][0-9a-f]{2}|.)/g;
const REFUSED = /^\\u(?:0000|d)/;

/**
 * JSON text of a value, with U+FFFD for what jsonb refuses: NUL characters and halves of surrogate
 * pairs, which models and people do write (PostgreSQL, "JSON Types", §8.14).
 */
export function jsonb(value: unknown): string {
  // JSON.stringify writes a whole pair as it is, so an escaped surrogate is half of one.
  return JSON.stringify(value).replaceAll(ESCAPE, (escape) =>
    REFUSED.test(escape) ? '\uFFFD' : escape,
  );
}
