/** OpenAI Responses: one answer as JSON and as the event sequence of a stream. */
import { argumentsOf, callId, pieces, stopOf } from './render.ts';
import type { AnswerToolCall, RenderInput, Rendered } from './types.ts';

type Json = Record<string, unknown>;
type Emit = (type: string, fields: Json) => void;

function usageOf({ usage }: RenderInput): Json {
  return {
    input_tokens: usage.inputTokens,
    input_tokens_details: {
      cached_tokens: usage.cachedInputTokens,
      cache_write_tokens: usage.cacheWriteTokens,
    },
    output_tokens: usage.outputTokens,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: usage.inputTokens + usage.outputTokens,
  };
}

function responseOf(input: RenderInput, status: string, output: Json[], usage: Json | null): Json {
  return {
    id: `resp_${input.serial}`,
    object: 'response',
    created_at: input.created,
    status,
    error: null,
    incomplete_details: status === 'incomplete' ? { reason: 'max_output_tokens' } : null,
    instructions: input.conversation.system || null,
    max_output_tokens: input.conversation.maxOutputTokens,
    model: input.conversation.model,
    output,
    parallel_tool_calls: true,
    previous_response_id: null,
    reasoning: { effort: null, summary: null },
    store: false,
    temperature: 1,
    text: { format: { type: 'text' } },
    tool_choice: 'auto',
    tools: [],
    top_p: 1,
    truncation: 'disabled',
    usage,
    metadata: {},
  };
}

function emitMessage(input: RenderInput, index: number, emit: Emit): Json {
  const refusal = stopOf(input.answer) === 'refusal';
  const text = input.answer.text ?? '';
  const kind = refusal ? 'refusal' : 'output_text';
  const itemId = `msg_${input.serial}`;
  const at = { item_id: itemId, output_index: index, content_index: 0 };
  const part = (value: string): Json =>
    refusal
      ? { type: 'refusal', refusal: value }
      : { type: 'output_text', annotations: [], logprobs: [], text: value };
  const item = (status: string, content: Json[]): Json => {
    return { id: itemId, type: 'message', status, role: 'assistant', content };
  };
  const logprobs = refusal ? {} : { logprobs: [] };
  emit('response.output_item.added', { output_index: index, item: item('in_progress', []) });
  emit('response.content_part.added', { ...at, part: part('') });
  for (const delta of pieces(text)) emit(`response.${kind}.delta`, { ...at, delta, ...logprobs });
  const whole = refusal ? { refusal: text } : { text, ...logprobs };
  emit(`response.${kind}.done`, { ...at, ...whole });
  emit('response.content_part.done', { ...at, part: part(text) });
  const done = item('completed', [part(text)]);
  emit('response.output_item.done', { output_index: index, item: done });
  return done;
}

function emitCall(
  input: RenderInput,
  { name, arguments: args }: AnswerToolCall,
  call: number,
  index: number,
  emit: Emit,
): Json {
  const itemId = `fc_${input.serial}_${call}`;
  const text = argumentsOf(args);
  const item = (status: string, value: string): Json => ({
    id: itemId,
    type: 'function_call',
    status,
    arguments: value,
    call_id: callId(input.serial, call),
    name,
  });
  const at = { item_id: itemId, output_index: index };
  emit('response.output_item.added', { output_index: index, item: item('in_progress', '') });
  for (const delta of pieces(text)) {
    emit('response.function_call_arguments.delta', { ...at, delta });
  }
  emit('response.function_call_arguments.done', { ...at, arguments: text, name });
  const done = item('completed', text);
  emit('response.output_item.done', { output_index: index, item: done });
  return done;
}

/** The event order is the one of the API's streaming guide, as the SDK's accumulator expects it. */
export function renderResponses(input: RenderInput): Rendered {
  const events: Rendered['events'] = [];
  const emit: Emit = (type, fields) => {
    events.push({ event: type, data: { type, sequence_number: events.length, ...fields } });
  };
  const started = responseOf(input, 'in_progress', [], null);
  emit('response.created', { response: started });
  emit('response.in_progress', { response: started });
  const output: Json[] = [];
  const calls = input.answer.toolCalls ?? [];
  if (input.answer.text !== undefined || calls.length === 0) {
    output.push(emitMessage(input, 0, emit));
  }
  calls.forEach((call, i) => output.push(emitCall(input, call, i, output.length, emit)));
  const status = stopOf(input.answer) === 'length' ? 'incomplete' : 'completed';
  const json = responseOf(input, status, output, usageOf(input));
  emit(`response.${status}`, { response: json });
  const error = { code: 'server_error', message: 'The scripted server broke off.', param: null };
  return {
    json,
    events,
    errorEvent: { event: 'error', data: { type: 'error', ...error } },
  };
}
