const PART = /^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/;

function toMs(text) {
  const match = typeof text === 'string' && text !== '' ? PART.exec(text) : null;
  if (!match) {
    throw new TypeError(`ttl "${text}" is not a duration such as 90s or 2h30m`);
  }
  const [, d = 0, h = 0, m = 0, s = 0] = match;
  return (((Number(d) * 24 + Number(h)) * 60 + Number(m)) * 60 + Number(s)) * 1000;
}

/** Keeps values for `ttl`; `now` gives milliseconds. */
export function createCache(ttl, now = Date.now) {
  const ms = toMs(ttl);
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
