/** OpenAI Chat Completions: one answer as JSON and as the chunks of a stream. */
import { argumentsOf, callId, pieces, stopOf } from './render.ts';
import type { RenderInput, Rendered } from './types.ts';

type Json = Record<string, unknown>;

const FINISH = {
  end: 'stop',
  tool: 'tool_calls',
  length: 'length',
  refusal: 'content_filter',
} as const;

function usageOf({ usage }: RenderInput): Json {
  return {
    prompt_tokens: usage.inputTokens,
    completion_tokens: usage.outputTokens,
    total_tokens: usage.inputTokens + usage.outputTokens,
    prompt_tokens_details: {
      cached_tokens: usage.cachedInputTokens,
      cache_write_tokens: usage.cacheWriteTokens,
      audio_tokens: 0,
    },
    completion_tokens_details: { reasoning_tokens: 0, audio_tokens: 0 },
  };
}

export function renderChat(input: RenderInput): Rendered {
  const { answer, conversation, serial, created } = input;
  const head = { id: `chatcmpl-${serial}`, created, model: conversation.model };
  const finish = FINISH[stopOf(answer)];
  const calls = (answer.toolCalls ?? []).map((call, i) => ({
    id: callId(serial, i),
    type: 'function',
    function: { name: call.name, arguments: argumentsOf(call.arguments) },
  }));

  const events: Rendered['events'] = [];
  const usageField = input.includeUsage ? { usage: null } : {};
  const chunk = (delta: Json, finishReason: string | null): void => {
    const choices = [{ index: 0, delta, logprobs: null, finish_reason: finishReason }];
    const object = 'chat.completion.chunk';
    events.push({ data: { ...head, object, choices, ...usageField } });
  };
  chunk({ role: 'assistant', content: answer.text === undefined ? null : '' }, null);
  for (const content of pieces(answer.text ?? '')) chunk({ content }, null);
  calls.forEach(({ id, type, function: fn }, index) => {
    chunk({ tool_calls: [{ index, id, type, function: { name: fn.name, arguments: '' } }] }, null);
    for (const piece of pieces(fn.arguments)) {
      chunk({ tool_calls: [{ index, function: { arguments: piece } }] }, null);
    }
  });
  chunk({}, finish);
  if (input.includeUsage) {
    const object = 'chat.completion.chunk';
    events.push({ data: { ...head, object, choices: [], usage: usageOf(input) } });
  }
  events.push({ data: '[DONE]' });

  const message = {
    role: 'assistant',
    content: answer.text ?? null,
    refusal: null,
    ...(calls.length > 0 ? { tool_calls: calls } : {}),
  };
  const error = { message: 'The scripted server broke off.', type: 'server_error', code: null };
  return {
    json: {
      ...head,
      object: 'chat.completion',
      choices: [{ index: 0, message, logprobs: null, finish_reason: finish }],
      usage: usageOf(input),
    },
    events,
    errorEvent: { data: { error } },
  };
}
