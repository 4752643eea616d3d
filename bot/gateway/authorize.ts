/** From an attempt token to what it allows. */
import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { Grant, Ledger } from './types.ts';

/** Longer tokens are no tokens of ours. */
const MAX_TOKEN_CHARS = 4_096;
const BEARER = /^Bearer +([^ ]+)$/i;

/** The token of `Authorization: Bearer` (OpenAI's SDK, both engines) or of `x-api-key` (Anthropic's). */
export function presentedToken(headers: IncomingHttpHeaders): string | null {
  const bearer = BEARER.exec(headers.authorization ?? '')?.[1];
  const key = headers['x-api-key'];
  const token = bearer ?? (typeof key === 'string' ? key : '');
  return token === '' || token.length > MAX_TOKEN_CHARS ? null : token;
}

/**
 * Looks tokens up and remembers live ones for a moment, keyed by the hash of the whole token: a key
 * from a part of it would mix up identities (threat F4). Dead tokens are never remembered.
 */
export function createAuthorizer(
  ledger: Pick<Ledger, 'authorize'>,
  options: { now: () => number; cacheMs: number; cacheEntries: number },
): (token: string) => Promise<Grant | null> {
  const known = new Map<string, { grant: Grant; until: number }>();
  return async (token) => {
    const hash = createHash('sha256').update(token).digest();
    const key = hash.toString('hex');
    const seen = known.get(key);
    if (seen !== undefined && seen.until > options.now()) return seen.grant;
    known.delete(key);
    const askedAt = options.now();
    const grant = await ledger.authorize(hash);
    if (grant === null) return null;
    if (known.size >= options.cacheEntries) {
      const [oldest] = known.keys();
      if (oldest !== undefined) known.delete(oldest);
    }
    known.set(key, { grant, until: askedAt + options.cacheMs });
    return grant;
  };
}
