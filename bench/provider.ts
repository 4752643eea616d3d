/**
 * A model provider for the gateway's bench, a process of its own: streams an answer of OpenAI's Responses in
 * so many pieces, so many milliseconds apart. Prints its URL when it listens.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const [pieces = 1, everyMs = 0] = process.argv.slice(2).map(Number);

const event = (type: string, fields: object): string =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
const USAGE = {
  ...{ input_tokens: 100, output_tokens: 50, total_tokens: 150 },
  ...{ input_tokens_details: { cached_tokens: 0 }, output_tokens_details: { reasoning_tokens: 0 } },
};

const server = createServer((request, response) => {
  request.resume();
  request.once('end', () => {
    void (async () => {
      const started = { id: 'resp_1', object: 'response', status: 'in_progress', model: 'm' };
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(event('response.created', { response: started }));
      for (let piece = 0; piece < pieces && !response.destroyed; piece += 1) {
        if (everyMs > 0 && piece > 0) await sleep(everyMs);
        response.write(event('response.output_text.delta', { delta: 'a few words of text ' }));
      }
      const completed = { ...started, status: 'completed', usage: USAGE };
      response.end(event('response.completed', { response: completed }));
    })();
  });
}).listen(0, '127.0.0.1');
await once(server, 'listening');
process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
process.once('SIGTERM', () => process.exit(0));
