import { parseDuration } from './duration.js';

/** Keeps values for `ttl`; `now` gives milliseconds. */
export function createCache(ttl, now = Date.now) {
  const ms = parseDuration(ttl);
  if (ms === null) {
    throw new TypeError(`ttl "${ttl}" is not a duration such as 90s or 2h30m`);
  }
  const entries = new Map();
  return {
    set(key, value) {
      entries.set(key, { value, until: now() + ms });
    },
    get(key) {
      const entry = entries.get(key);
      if (!entry || entry.until <= now()) {
        entries.delete(key);
        return undefined;
      }
      return entry.value;
    },
  };
}
