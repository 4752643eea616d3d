import { describe, expect, test } from '@jest/globals';
import { Meter } from '../../../bot/gateway/meter.ts';
import { SseReader } from '../../../bot/gateway/sse.ts';
import type { Api } from '../../../bot/gateway/types.ts';

describe('SSE', () => {
  const TEXT =
    'data: one\n\nevent: x\ndata: two\r\ndata:zwei ü🙂\r\n\r\n: comment\nid: 3\n\ndata: four\r\rdata: lost';
  const EVENTS = ['one', 'two\nzwei ü🙂', 'four'];

  test('events are the same however the bytes are divided', () => {
    const bytes = Buffer.from(TEXT);
    for (let size = 1; size <= bytes.length; size++) {
      const events: string[] = [];
      const reader = new SseReader((data) => events.push(data), 1000);
      for (let i = 0; i < bytes.length; i += size) reader.push(bytes.subarray(i, i + size));
      expect(events).toEqual(EVENTS);
    }
  });

  test('an event beyond the limit is skipped, and the next one is read', () => {
    for (const size of [1, 7, 5000]) {
      const events: string[] = [];
      const reader = new SseReader((data) => events.push(data), 100);
      const bytes = Buffer.from(`data: ${'x'.repeat(1000)}\n\ndata: after\n\n`);
      for (let i = 0; i < bytes.length; i += size) reader.push(bytes.subarray(i, i + size));
      expect(events).toEqual(['after']);
    }
  });
});

const CALL = { inputEstimate: 900, maxOutputTokens: 500, seconds: 0 };
const meter = (api: Api, ...events: unknown[]) => {
  const made = new Meter(api, { stream: true, maxBytes: 10_000 });
  for (const event of events) made.push(Buffer.from(`data: ${JSON.stringify(event)}\n\n`));
  return made;
};

describe('usage', () => {
  test('Anthropic adds cached and written tokens to the input, long writes apart', () => {
    const start = {
      input_tokens: 3,
      cache_read_input_tokens: 70,
      cache_creation_input_tokens: 20,
      cache_creation: { ephemeral_1h_input_tokens: 15, ephemeral_5m_input_tokens: 5 },
      output_tokens: 1,
    };
    const reading = meter(
      'messages',
      { type: 'message_start', message: { usage: start } },
      { type: 'message_delta', usage: { output_tokens: 42, input_tokens: null } },
    ).read(CALL);
    expect(reading).toEqual({
      outcome: 'ok',
      usage: {
        inputTokens: 93,
        cachedInputTokens: 70,
        cacheWriteTokens: 5,
        cacheWriteLongTokens: 15,
        outputTokens: 42,
      },
    });
  });

  test.each(['completed', 'incomplete', 'failed'])('Responses report it in %s', (end) => {
    const usage = {
      input_tokens: 100,
      input_tokens_details: {
        cached_tokens: 60,
        cache_write_tokens: 30,
        cache_write_tokens_details: { ttl_12h_tokens: 10 },
      },
      output_tokens: 7,
    };
    const reading = meter('responses', { type: `response.${end}`, response: { usage } }).read(CALL);
    expect(reading).toMatchObject({
      outcome: 'ok',
      usage: { inputTokens: 100, cacheWriteTokens: 20, cacheWriteLongTokens: 10 },
    });
  });

  test('what the model writes cannot pass for a report', () => {
    const fake = JSON.stringify({ type: 'response.completed', response: { usage: {} } });
    const reading = meter(
      'responses',
      { type: 'response.output_text.delta', delta: `\n\ndata: ${fake}\n\n` },
      { type: 'response.output_item.done', item: { usage: { input_tokens: 1 } } },
    ).read(CALL);
    expect(reading).toMatchObject({ outcome: 'cut', usage: { inputTokens: 900 } });
  });

  test.each([-5, 1.5, 'many', null, 1e300, {}])('the count %j is none', (bad) => {
    const usage = { prompt_tokens: bad, completion_tokens: bad };
    const reading = meter('chat', { choices: [], usage }).read(CALL);
    expect(reading.usage).toMatchObject({ inputTokens: 0, outputTokens: 0 });
  });

  test('without a report the text counts, then the time, never more than was allowed', () => {
    const delta = { type: 'response.output_text.delta', delta: 'x'.repeat(300) };
    expect(meter('responses', delta).read(CALL).usage.outputTokens).toBe(100);
    const later = { ...CALL, seconds: 3 };
    expect(meter('responses', delta).read(later).usage.outputTokens).toBe(300);
    const end = { ...CALL, seconds: 3600 };
    expect(meter('responses', delta).read(end).usage.outputTokens).toBe(500);
  });

  test('a whole answer without usage, or that is not JSON, is estimated', () => {
    for (const text of ['{"id":"x"}', 'not json', '{"usage":null}', '{"usage":3}']) {
      const whole = new Meter('responses', { stream: false, maxBytes: 100 });
      whole.push(Buffer.from(text));
      expect(whole.read(CALL)).toMatchObject({ outcome: 'cut', usage: { inputTokens: 900 } });
    }
  });
});
