/** OpenAI's Responses API, streaming, nothing stored at the provider. */
import { createHash } from 'node:crypto';
import OpenAI from 'openai';
import type {
  FunctionTool,
  ResponseCreateParamsStreaming,
  ResponseInputItem,
  ResponseOutputItem,
  ResponseStreamEvent,
} from 'openai/resources/responses/responses';
import { strictSchema } from '../strict-schema.ts';
import { REQUEST_TIMEOUT_MS, SDK_RETRIES, toFailure, watchedFetch, withIdle } from '../failures.ts';
import {
  ModelFailure,
  type AssistantTurn,
  type Model,
  type ModelOptions,
  type Step,
  type TurnRequest,
} from '../model.ts';

/** Models that reason, and so accept (and need, with `store: false`) encrypted reasoning items. */
const REASONING = /^(o\d|gpt-[5-9]|codex)/;

/** The provider takes 64 characters. */
const CACHE_KEY_DIGITS = 32;

/** A model behind `<gateway>/openai/v1`. */
export function openaiModel(options: ModelOptions): Model {
  const name = `openai/${options.model}`;
  const client = new OpenAI({
    apiKey: options.token,
    baseURL: `${options.gateway}/openai/v1`,
    organization: null,
    project: null,
    maxRetries: SDK_RETRIES,
    timeout: REQUEST_TIMEOUT_MS,
    logLevel: 'off',
    fetch: watchedFetch(options.onRequest),
  });
  return {
    name,
    async turn(request) {
      try {
        const body = requestBody(options.model, name, request);
        const stream = await client.responses
          .create(body, { signal: request.signal })
          .catch((error: unknown) => {
            throw toFailure(error, request.signal, true);
          });
        return await readTurn(withIdle(stream), name);
      } catch (error) {
        throw toFailure(error, request.signal);
      }
    },
  };
}

/**
 * Instructions and tools come first and are the same for every task of a role; the key made of them
 * leads requests that share them to the same cache. Kept for the provider's usual half hour: twelve
 * hours cost twice as much to write.
 */
function requestBody(
  model: string,
  name: string,
  request: TurnRequest,
): ResponseCreateParamsStreaming {
  const { instructions } = request;
  const tools: FunctionTool[] = request.tools.map((tool) => ({
    type: 'function',
    name: tool.name,
    description: tool.description,
    parameters: strictSchema(tool.parameters),
    strict: true,
  }));
  const stable = createHash('sha256').update(JSON.stringify([model, instructions, tools]));
  return {
    model,
    instructions,
    tools,
    prompt_cache_key: `autodev-${stable.digest('hex').slice(0, CACHE_KEY_DIGITS)}`,
    input: request.transcript.flatMap((step) => inputItems(step, name)),
    max_output_tokens: request.maxOutputTokens,
    ...(REASONING.test(model) ? { include: ['reasoning.encrypted_content' as const] } : {}),
    store: false,
    stream: true,
  };
}

function inputItems(step: Step, name: string): ResponseInputItem[] {
  switch (step.kind) {
    case 'user':
      return [{ role: 'user', content: step.text }];
    case 'result':
      return [{ type: 'function_call_output', call_id: step.callId, output: outputOf(step) }];
    case 'assistant': {
      const { turn } = step;
      if (turn.raw.model === name) return turn.raw.items as ResponseInputItem[];
      const text: ResponseInputItem[] = turn.text
        ? [{ role: 'assistant', content: turn.text }]
        : [];
      return text.concat(
        turn.calls.map((call) => ({
          type: 'function_call',
          call_id: call.id,
          name: call.name,
          arguments: call.arguments,
        })),
      );
    }
  }
}

/** Plain text, or text and pictures. */
function outputOf({
  text,
  images = [],
}: Extract<Step, { kind: 'result' }>): ResponseInputItem.FunctionCallOutput['output'] {
  if (images.length === 0) return text;
  const pictures = images.map((png) => ({
    type: 'input_image' as const,
    image_url: `data:image/png;base64,${png}`,
    detail: 'auto' as const,
  }));
  return [{ type: 'input_text', text }, ...pictures];
}

/** Reads the events up to the terminal one; an end without it is a cut answer. */
async function readTurn(
  events: AsyncIterable<ResponseStreamEvent>,
  name: string,
): Promise<AssistantTurn> {
  const done: ResponseOutputItem[] = [];
  for await (const event of events) {
    switch (event.type) {
      case 'response.output_item.done':
        done.push(event.item);
        break;
      case 'response.completed':
        return toTurn(event.response.output?.length ? event.response.output : done, 'done', name);
      case 'response.incomplete': {
        const reason = event.response.incomplete_details?.reason;
        return toTurn(done, reason === 'content_filter' ? 'refusal' : 'max_tokens', name);
      }
      case 'response.failed':
        throw new ModelFailure('cut', event.response.error?.message ?? 'the response failed');
      case 'error':
        throw new ModelFailure('cut', event.message);
      default:
    }
  }
  throw new ModelFailure('cut', 'the stream ended before the answer was complete');
}

function toTurn(
  items: ResponseOutputItem[],
  stop: AssistantTurn['stop'],
  name: string,
): AssistantTurn {
  const turn: AssistantTurn = { text: '', calls: [], stop, raw: { model: name, items: [] } };
  for (const item of items) {
    if (item.type === 'message') {
      for (const part of item.content) {
        if (part.type === 'output_text') turn.text += part.text;
        else turn.stop = 'refusal';
        if (part.type === 'refusal') turn.text += part.refusal;
      }
    }
    if (item.type === 'function_call') {
      turn.calls.push({ id: item.call_id, name: item.name, arguments: item.arguments });
    }
    turn.raw.items.push(replayable(item));
  }
  if (stop !== 'done') turn.calls = [];
  return turn;
}

/** Without storage the provider knows no item ids, so they must not be sent back. */
function replayable(item: ResponseOutputItem): Record<string, unknown> {
  const { id: _id, status: _status, ...rest } = item as unknown as Record<string, unknown>;
  return rest['type'] === 'message' ? { ...rest, role: 'assistant' } : rest;
}
