/** Anthropic Messages: one answer as JSON and as the event sequence of a stream. */
import { argumentsOf, pieces, stopOf } from './render.ts';
import type { RenderInput, Rendered } from './types.ts';

type Json = Record<string, unknown>;

const STOP = {
  end: 'end_turn',
  tool: 'tool_use',
  length: 'max_tokens',
  refusal: 'refusal',
} as const;

/** Anthropic counts cached and written tokens apart from `input_tokens`, never inside them. */
function usageOf({ usage }: RenderInput, outputTokens: number): Json {
  const fresh = usage.inputTokens - usage.cachedInputTokens - usage.cacheWriteTokens;
  return {
    input_tokens: Math.max(0, fresh),
    cache_creation_input_tokens: usage.cacheWriteTokens,
    cache_read_input_tokens: usage.cachedInputTokens,
    cache_creation: {
      ephemeral_5m_input_tokens: usage.cacheWriteTokens,
      ephemeral_1h_input_tokens: 0,
    },
    output_tokens: outputTokens,
    service_tier: 'standard',
  };
}

/** The input of a tool call as JSON; raw text that is not JSON can only be streamed. */
function inputOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

export function renderMessages(input: RenderInput): Rendered {
  const { answer, conversation, serial, usage } = input;
  const calls = answer.toolCalls ?? [];
  const message = {
    id: `msg_${serial}`,
    type: 'message',
    role: 'assistant',
    model: conversation.model,
  };
  const events: Rendered['events'] = [];
  const emit = (type: string, fields: Json): void => {
    events.push({ event: type, data: { type, ...fields } });
  };
  const content: Json[] = [];

  const opening = { ...message, content: [], stop_reason: null, stop_sequence: null };
  emit('message_start', { message: { ...opening, usage: usageOf(input, 1) } });
  emit('ping', {});
  if (answer.text !== undefined || calls.length === 0) {
    const text = answer.text ?? '';
    emit('content_block_start', { index: 0, content_block: { type: 'text', text: '' } });
    for (const piece of pieces(text)) {
      emit('content_block_delta', { index: 0, delta: { type: 'text_delta', text: piece } });
    }
    emit('content_block_stop', { index: 0 });
    content.push({ type: 'text', text });
  }
  calls.forEach((call, i) => {
    const index = content.length;
    const args = argumentsOf(call.arguments);
    const block = { type: 'tool_use', id: `toolu_${serial}_${i}`, name: call.name };
    emit('content_block_start', { index, content_block: { ...block, input: {} } });
    for (const piece of pieces(args)) {
      const delta = { type: 'input_json_delta', partial_json: piece };
      emit('content_block_delta', { index, delta });
    }
    emit('content_block_stop', { index });
    content.push({ ...block, input: inputOf(args) });
  });
  const stop = { stop_reason: STOP[stopOf(answer)], stop_sequence: null };
  emit('message_delta', { delta: stop, usage: usageOf(input, usage.outputTokens) });
  emit('message_stop', {});

  const error = { type: 'overloaded_error', message: 'The scripted server broke off.' };
  return {
    json: { ...message, content, ...stop, usage: usageOf(input, usage.outputTokens) },
    events,
    errorEvent: { event: 'error', data: { type: 'error', error } },
  };
}
