/** A stream cut at every single byte: nothing crashes, and each call is settled exactly once. */
import { Readable, Writable } from 'node:stream';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { expect, test } from '@jest/globals';
import { createGateway } from '../../../bot/gateway/gateway.ts';
import { renderChat } from '../../../sandbox/model/render-chat.ts';
import { renderMessages } from '../../../sandbox/model/render-messages.ts';
import { renderResponses } from '../../../sandbox/model/render-responses.ts';
import { encodeEvent } from '../../../sandbox/model/send.ts';
import { parseConversation } from '../../../sandbox/model/parse.ts';
import { MemoryCoolDowns, MemoryLedger, PRICES, TOKEN } from '../../support/gateway.ts';

const BODY = {
  responses: { model: 'scripted', input: 'go', stream: true },
  chat: { model: 'scripted', stream: true, messages: [{ role: 'user', content: 'go' }] },
  messages: { model: 'scripted', stream: true, messages: [{ role: 'user', content: 'go' }] },
};
const PATH = {
  responses: '/openai/v1/responses',
  chat: '/openai/v1/chat/completions',
  messages: '/anthropic/v1/messages',
};
const RENDER = { responses: renderResponses, chat: renderChat, messages: renderMessages };
type Api = keyof typeof BODY;

function recorded(api: Api): Buffer {
  const { events } = RENDER[api]({
    conversation: parseConversation(api, BODY[api]),
    answer: { text: 'Grüße 🙂', toolCalls: [{ name: 'f', arguments: { a: 'ü' } }] },
    usage: { inputTokens: 30, cachedInputTokens: 10, cacheWriteTokens: 0, outputTokens: 5 },
    serial: 1,
    created: 1,
    includeUsage: true,
  });
  return Buffer.from(events.map(encodeEvent).join(''));
}

class FakeResponse extends Writable {
  headersSent = false;
  statusCode = 0;
  readonly chunks: Buffer[] = [];
  writeHead(status: number): this {
    this.statusCode = status;
    this.headersSent = true;
    return this;
  }
  flushHeaders(): void {
    this.headersSent = true;
  }
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.chunks.push(Buffer.from(chunk));
    done();
  }
}

test.each(Object.keys(BODY) as Api[])('%s', async (api) => {
  const stream = recorded(api);
  expect(stream.length).toBeGreaterThan(500);
  let cutAt = 0;
  let clean = false;
  const ledger = new MemoryLedger();
  ledger.capMicrousd = Number.MAX_SAFE_INTEGER;
  const logged: string[] = [];
  const log = (fields: object, message: string): void => {
    if (message !== 'model call') logged.push(message + JSON.stringify(fields));
  };
  const gateway = createGateway({
    ledger,
    coolDowns: new MemoryCoolDowns(),
    providers: {
      openai: { baseUrl: 'http://provider/v1', apiKey: 'k' },
      anthropic: { baseUrl: 'http://provider', apiKey: 'k' },
    },
    prices: PRICES,
    log: { info: log, warn: log, error: log },
    now: () => 0,
    fetch: async () => {
      let sent = false;
      const body = new ReadableStream<Uint8Array>({
        pull(controller) {
          if (!sent && cutAt > 0) controller.enqueue(new Uint8Array(stream.subarray(0, cutAt)));
          else if (clean || cutAt === stream.length) controller.close();
          else controller.error(new Error('cut'));
          sent = true;
        },
      });
      return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
    },
  });
  const run = async (): Promise<FakeResponse> => {
    const req = Object.assign(Readable.from([Buffer.from(JSON.stringify(BODY[api]))]), {
      url: PATH[api],
      method: 'POST',
      headers: { authorization: `Bearer ${TOKEN}` },
    });
    const res = new FakeResponse();
    await new Promise<void>((resolve) => {
      res.on('close', resolve);
      gateway.handle(req as unknown as IncomingMessage, res as unknown as ServerResponse);
    });
    return res;
  };

  const outcomes: string[] = [];
  for (clean of [false, true]) {
    for (cutAt = 0; cutAt <= stream.length; cutAt++) {
      const calls = ledger.settled.length;
      const res = await run();
      // What the client sees is what the provider sent, and it ends well only if the provider did.
      if (!Buffer.concat(res.chunks).equals(stream.subarray(0, cutAt))) throw new Error(`${cutAt}`);
      expect(res.writableFinished).toBe(clean || cutAt === stream.length);
      expect(ledger.settled.length).toBe(calls + 1);
      expect(ledger.reservedMicrousd).toBe(0);
      const row = ledger.rows.at(-1)!;
      expect(row.costMicrousd).toBeLessThanOrEqual(ledger.reservations.at(-1)!);
      expect(row.costMicrousd).toBeGreaterThan(0);
      outcomes.push(row.outcome);
    }
  }
  // The report of usage stands near the end of the stream: before it every call counts as cut.
  const half = outcomes.length / 2;
  expect(outcomes.slice(0, half)).toEqual(outcomes.slice(half));
  const first = outcomes.indexOf('ok');
  expect(first).toBeGreaterThan(stream.length / 2);
  expect(new Set(outcomes.slice(first, half))).toEqual(new Set(['ok']));
  expect(ledger.rows.at(-1)).toMatchObject({ inputTokens: 30, outputTokens: 5, outcome: 'ok' });
  expect(logged).toEqual([]);
});
