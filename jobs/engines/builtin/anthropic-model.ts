/** Anthropic's Messages API, streaming, with prompt caching. */
import Anthropic from '@anthropic-ai/sdk';
import type {
  ContentBlockParam,
  ImageBlockParam,
  MessageCreateParamsStreaming,
  MessageParam,
  RawMessageStreamEvent,
  StopReason,
  TextBlockParam,
  Tool,
} from '@anthropic-ai/sdk/resources/messages';
import { REQUEST_TIMEOUT_MS, SDK_RETRIES, toFailure, watchedFetch, withIdle } from '../failures.ts';
import {
  ModelFailure,
  type AssistantTurn,
  type Model,
  type ModelOptions,
  type Step,
  type TurnRequest,
} from '../model.ts';

const STABLE = { type: 'ephemeral', ttl: '1h' } as const;

/** A model behind `<gateway>/anthropic`. */
export function anthropicModel(options: ModelOptions): Model {
  const name = `anthropic/${options.model}`;
  const client = new Anthropic({
    authToken: options.token,
    baseURL: `${options.gateway}/anthropic`,
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
        const stream = await client.messages
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
 * The prefix (tools, then system) is the same for every task of a role and carries one mark, kept for an
 * hour, which pays from the third task or after one slow command; the API wants longer-lived marks
 * first. The top-level mark caches the conversation so far without moving marks through old messages,
 * so every request repeats the one before it byte for byte.
 */
function requestBody(
  model: string,
  name: string,
  request: TurnRequest,
): MessageCreateParamsStreaming {
  return {
    model,
    max_tokens: request.maxOutputTokens,
    tools: request.tools.map((tool) => ({
      name: tool.name,
      description: tool.description,
      input_schema: tool.parameters as Tool['input_schema'],
    })),
    system: [{ type: 'text', text: request.instructions, cache_control: STABLE }],
    messages: toMessages(request.transcript, name),
    cache_control: { type: 'ephemeral' },
    stream: true,
  };
}

/** Joins neighbouring steps of one role; results stand before text, as the API wants them. */
function toMessages(transcript: readonly Step[], name: string): MessageParam[] {
  const messages: { role: 'user' | 'assistant'; content: ContentBlockParam[] }[] = [];
  for (const step of transcript) {
    const role = step.kind === 'assistant' ? 'assistant' : 'user';
    const last = messages.at(-1);
    const blocks = toBlocks(step, name);
    if (last?.role === role) last.content.push(...blocks);
    else messages.push({ role, content: blocks });
  }
  return messages;
}

/** Plain text, or text and pictures. */
function contentOf({
  text,
  images = [],
}: Extract<Step, { kind: 'result' }>): string | (TextBlockParam | ImageBlockParam)[] {
  if (images.length === 0) return text;
  const pictures = images.map((data) => ({
    type: 'image' as const,
    source: { type: 'base64' as const, media_type: 'image/png' as const, data },
  }));
  return [{ type: 'text', text }, ...pictures];
}

function toBlocks(step: Step, name: string): ContentBlockParam[] {
  switch (step.kind) {
    case 'user':
      return [{ type: 'text', text: step.text }];
    case 'result':
      return [
        {
          type: 'tool_result',
          tool_use_id: step.callId,
          content: contentOf(step),
          ...(step.isError ? { is_error: true } : {}),
        },
      ];
    case 'assistant': {
      const { turn } = step;
      if (turn.raw.model === name) return turn.raw.items as ContentBlockParam[];
      const text: ContentBlockParam[] = turn.text ? [{ type: 'text', text: turn.text }] : [];
      return text.concat(
        turn.calls.map((call) => ({
          type: 'tool_use',
          id: call.id,
          name: call.name,
          input: parseInput(call.arguments),
        })),
      );
    }
  }
}

/** The API takes only objects here; what was not one was answered with an error result already. */
function parseInput(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : {};
  } catch {
    return {};
  }
}

interface Block {
  item: Record<string, unknown>;
  /** Argument JSON of a tool_use block so far. */
  json: string;
}

/** Reads the events up to message_stop; an end without it is a cut answer. */
async function readTurn(
  events: AsyncIterable<RawMessageStreamEvent>,
  name: string,
): Promise<AssistantTurn> {
  const blocks = new Map<number, Block>();
  let stop: StopReason | null = null;
  for await (const event of events) {
    switch (event.type) {
      case 'content_block_start':
        blocks.set(event.index, { item: { ...event.content_block }, json: '' });
        break;
      case 'content_block_delta':
        addDelta(blocks.get(event.index), event.delta as unknown as Record<string, unknown>);
        break;
      case 'message_delta':
        stop = event.delta.stop_reason ?? stop;
        break;
      case 'message_stop':
        return toTurn([...blocks.values()], stop, name);
      default:
    }
  }
  throw new ModelFailure('cut', 'the stream ended before the answer was complete');
}

function addDelta(block: Block | undefined, delta: Record<string, unknown>): void {
  if (!block) throw new ModelFailure('cut', 'the stream continued a block it had not begun');
  const append = (field: string): void => {
    block.item[field] = String(block.item[field] ?? '') + String(delta[field] ?? '');
  };
  if (delta['type'] === 'text_delta') append('text');
  if (delta['type'] === 'thinking_delta') append('thinking');
  if (delta['type'] === 'signature_delta') block.item['signature'] = delta['signature'];
  if (delta['type'] === 'input_json_delta') block.json += String(delta['partial_json'] ?? '');
}

function toTurn(blocks: Block[], reason: StopReason | null, name: string): AssistantTurn {
  const turn: AssistantTurn = {
    text: '',
    calls: [],
    stop: stopOf(reason),
    raw: { model: name, items: [] },
  };
  for (const { item, json } of blocks) {
    if (item['type'] === 'text') turn.text += String(item['text'] ?? '');
    if (item['type'] === 'tool_use') {
      // Some models send the input with the block's start and no deltas.
      const text = json || JSON.stringify(item['input'] ?? {});
      turn.calls.push({ id: String(item['id']), name: String(item['name']), arguments: text });
      item['input'] = parseInput(text);
    }
    // The API refuses empty text blocks when they are sent back.
    if (item['type'] !== 'text' || item['text'] !== '') turn.raw.items.push(item);
  }
  if (turn.stop !== 'done') turn.calls = [];
  return turn;
}

function stopOf(reason: StopReason | null): AssistantTurn['stop'] {
  if (reason === 'max_tokens' || reason === 'model_context_window_exceeded') return 'max_tokens';
  return reason === 'refusal' ? 'refusal' : 'done';
}
