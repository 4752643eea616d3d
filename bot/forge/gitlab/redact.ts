/** Keeps secrets out of texts, and GitLab's error bodies short. Pure. */

export type Redact = (text: string) => string;

/** Longest piece of GitLab's own words in an error. */
const MESSAGE_CHARS = 300;
/** Shorter values would blank out ordinary words. */
const SECRET_MIN_CHARS = 6;

/** Replaces every secret by value, also percent-encoded, base64 or JSON-escaped. */
export function createRedactor(secrets: readonly string[]): Redact {
  const needles = secrets
    .flatMap((secret) => (secret.length < SECRET_MIN_CHARS ? [] : spellings(secret)))
    .toSorted((a, b) => b.length - a.length);
  return (text) => needles.reduce((left, needle) => left.replaceAll(needle, '[redacted]'), text);
}

function spellings(secret: string): string[] {
  return [
    secret,
    encodeURIComponent(secret),
    Buffer.from(secret).toString('base64').replaceAll('=', ''),
    JSON.stringify(secret).slice(1, -1),
  ];
}

/** Values of a request's JSON body that must not come back in an error (hook secrets). */
export function bodySecrets(body: string | FormData | undefined): string[] {
  if (typeof body !== 'string') return [];
  try {
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed !== 'object' || parsed === null) return [];
    return Object.entries(parsed).flatMap(([key, value]) =>
      /token|secret|password/i.test(key) && typeof value === 'string' ? [value] : [],
    );
  } catch {
    return [];
  }
}

/**
 * GitLab's reason in one line. Shapes: `{message}` or `{error}` as text, list or map of field to
 * texts, `{error, error_description}`; anything else (a proxy's HTML) as its first words. Takes text
 * that is redacted already, since a cut could leave half a secret.
 */
export function answerMessage(text: string): string {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return shorten(text.replace(/<[^>]*>/g, ' '));
  }
  if (typeof body !== 'object' || body === null) return shorten(String(body));
  const { message, error, error_description: description } = body as Record<string, unknown>;
  const parts = [message ?? error, description];
  return shorten(
    parts
      .filter((part) => part !== undefined && part !== null)
      .map(flatten)
      .join(': '),
  );
}

/** The innermost reason of something thrown, by shape since it may come from another realm. */
export function thrownText(error: unknown): string {
  if (typeof error !== 'object' || error === null) return String(error);
  const { message, name, code, cause } = error as Record<string, unknown>;
  const inner = cause === undefined ? '' : thrownText(cause);
  return inner || String(message || code || name || 'unknown fault');
}

function flatten(value: unknown): string {
  if (Array.isArray(value)) return value.map(flatten).join(', ');
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value)
      .map(([key, inner]) => (key === 'base' ? flatten(inner) : `${key} ${flatten(inner)}`))
      .join('; ');
  }
  return String(value);
}

/** One line of at most 300 characters. */
export function shorten(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > MESSAGE_CHARS ? `${line.slice(0, MESSAGE_CHARS - 1)}…` : line;
}
