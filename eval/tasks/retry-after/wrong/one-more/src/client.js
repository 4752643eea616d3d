import { backoff } from './backoff.js';
import { HttpError } from './errors.js';

const RETRIED_STATUS = new Set([429, 503]);
const SAFE_METHODS = new Set(['GET', 'HEAD']);
const LONGEST_WAIT_MS = 30_000;

const timer = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Milliseconds that Retry-After asks for; null when it is absent or neither seconds nor a date. */
function askedWait(header, now) {
  if (header === null) return null;
  if (/^\d+$/.test(header)) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? null : Math.max(0, date - now);
}

/** A client for one server. */
export function createClient({
  baseUrl,
  fetch = globalThis.fetch,
  sleep = timer,
  now = Date.now,
  retries = 3,
}) {
  return {
    /** Sends one request, again while the server is busy; resolves with the parsed body. */
    async request(method, path, body) {
      for (let tried = 1; ; tried += 1) {
        const response = await fetch(`${baseUrl}${path}`, {
          method,
          headers: { accept: 'application/json' },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        });
        const text = await response.text();
        if (response.ok) return text === '' ? null : JSON.parse(text);
        const again = SAFE_METHODS.has(method) && RETRIED_STATUS.has(response.status);
        if (!again || tried >= retries) throw new HttpError(response.status, text);
        const wait = askedWait(response.headers.get('retry-after'), now()) ?? backoff(tried);
        await sleep(Math.min(wait, LONGEST_WAIT_MS));
      }
    },
    /** How long the server needs for its health check. */
    async ping() {
      const started = now();
      await this.request('GET', '/health');
      await sleep(0);
      return now() - started;
    },
  };
}
