/** A stream cut at every single byte gives no turn, so nothing of it can be acted on (threat R16). */
import { afterEach, expect, test } from '@jest/globals';
import { anthropicModel } from '../../../jobs/engines/builtin/anthropic-model.ts';
import { openaiModel } from '../../../jobs/engines/builtin/openai-model.ts';
import type { AssistantTurn } from '../../../jobs/engines/model.ts';
import { parseConversation } from '../../../sandbox/model/parse.ts';
import { renderMessages } from '../../../sandbox/model/render-messages.ts';
import { renderResponses } from '../../../sandbox/model/render-responses.ts';
import { encodeEvent } from '../../../sandbox/model/send.ts';

const real = globalThis.fetch;
afterEach(() => {
  globalThis.fetch = real;
});

const MAKERS = {
  responses: { make: openaiModel, render: renderResponses },
  messages: { make: anthropicModel, render: renderMessages },
} as const;

test.each(['responses', 'messages'] as const)('%s', async (api) => {
  const { make, render } = MAKERS[api];
  const { events } = render({
    conversation: parseConversation(api, { model: 'm', stream: true }),
    answer: {
      text: 'ü🙂',
      toolCalls: [{ name: 'run_command', arguments: { command: 'ls' } }],
    },
    usage: { inputTokens: 30, cachedInputTokens: 0, cacheWriteTokens: 0, outputTokens: 5 },
    serial: 1,
    created: 1,
    includeUsage: true,
  });
  const stream = Buffer.from(events.map(encodeEvent).join(''));
  const ends = stream.lastIndexOf(encodeEvent(events.at(-1) ?? { data: '' }));
  expect(ends).toBeGreaterThan(500);
  const model = make({
    gateway: 'http://gateway',
    token: 't',
    model: 'm',
    onRequest: () => undefined,
  });
  const turn = (at: number, clean: boolean): Promise<AssistantTurn | string> => {
    globalThis.fetch = async () => {
      let sent = false;
      const body = new ReadableStream<Uint8Array>({
        pull(controller) {
          if (!sent && at > 0) controller.enqueue(new Uint8Array(stream.subarray(0, at)));
          else if (clean) controller.close();
          else controller.error(new Error('cut'));
          sent = true;
        },
      });
      return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
    };
    const { signal } = new AbortController();
    const request = { instructions: 'i', transcript: [], tools: [], maxOutputTokens: 9, signal };
    return model.turn(request).catch((error: { kind: string }) => error.kind);
  };
  const whole = await turn(stream.length, true);
  expect(whole).toMatchObject({ calls: [{ name: 'run_command', arguments: '{"command":"ls"}' }] });
  for (let at = 0; at < stream.length; at += 1) {
    // By turns the connection breaks, and ends as if all were well.
    const got = await turn(at, at % 2 === 0);
    // Within the last event only a whole one counts, whether or not its blank line came.
    if (at <= ends || got === 'cut') expect({ at, got }).toEqual({ at, got: 'cut' });
    else expect(got).toEqual(whole);
  }
});
