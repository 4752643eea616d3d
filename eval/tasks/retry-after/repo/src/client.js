import { HttpError } from './errors.js';

const timer = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A client for one server. */
export function createClient({ baseUrl, fetch = globalThis.fetch, sleep = timer, now = Date.now }) {
  return {
    /** Sends one request; resolves with the parsed body. */
    async request(method, path, body) {
      const response = await fetch(`${baseUrl}${path}`, {
        method,
        headers: { accept: 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      if (!response.ok) throw new HttpError(response.status, text);
      return text === '' ? null : JSON.parse(text);
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
