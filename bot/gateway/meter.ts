/** Reads what an answer used, from its stream events or its JSON, as each API reports it. */
import type { UsageOutcome } from '../store/usage.ts';
import { BYTES_PER_TOKEN, CUT_TOKENS_PER_SECOND } from './limits.ts';
import type { TokenUsage } from './pricing.ts';
import { SseReader } from './sse.ts';
import type { Api } from './types.ts';

type Json = Record<string, unknown>;

const asObject = (value: unknown): Json =>
  typeof value === 'object' && value !== null ? (value as Json) : {};
/** Counts come from outside: anything but a whole number from 0 on is 0. */
const count = (value: unknown): number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : 0;
const sizeOf = (value: unknown): number =>
  typeof value === 'string' ? Buffer.byteLength(value) : 0;

/** Usage of OpenAI's two APIs; cached and written tokens are part of the input. */
function openaiUsage(usage: Json, inputKey: string, outputKey: string): TokenUsage {
  const input = asObject(usage[`${inputKey}_details`]);
  const long = count(asObject(input['cache_write_tokens_details'])['ttl_12h_tokens']);
  return {
    inputTokens: count(usage[inputKey]),
    cachedInputTokens: count(input['cached_tokens']),
    cacheWriteTokens: Math.max(0, count(input['cache_write_tokens']) - long),
    cacheWriteLongTokens: long,
    outputTokens: count(usage[outputKey]),
  };
}

/** Usage of Anthropic's API; cached and written tokens come on top of `input_tokens`. */
function anthropicUsage(usage: Json): TokenUsage {
  const cached = count(usage['cache_read_input_tokens']);
  const written = count(usage['cache_creation_input_tokens']);
  const long = count(asObject(usage['cache_creation'])['ephemeral_1h_input_tokens']);
  return {
    inputTokens: count(usage['input_tokens']) + cached + written,
    cachedInputTokens: cached,
    cacheWriteTokens: Math.max(0, written - long),
    cacheWriteLongTokens: Math.min(written, long),
    outputTokens: count(usage['output_tokens']),
  };
}

/** What one event or one whole answer tells. */
interface Seen {
  usage?: TokenUsage;
  /** The usage is final: the answer is complete. */
  final?: boolean;
  /** Bytes of text the model wrote. */
  written?: number;
  /** The provider gave up on the answer, with this error. */
  failed?: Json;
}

function seenInResponses(event: Json): Seen {
  const type = typeof event['type'] === 'string' ? event['type'] : '';
  if (type.endsWith('.delta')) return { written: sizeOf(event['delta']) };
  if (type === 'error') return { failed: { ...event, ...asObject(event['error']) } };
  const ends = type === 'response.completed' || type === 'response.incomplete';
  if (!ends && type !== 'response.failed') return {};
  const usage = asObject(event['response'])['usage'];
  const error = asObject(asObject(event['response'])['error']);
  const failed = type === 'response.failed' ? { failed: error } : {};
  if (usage === null || usage === undefined) return failed;
  const used = openaiUsage(asObject(usage), 'input_tokens', 'output_tokens');
  return { usage: used, final: true, ...failed };
}

function seenInChat(chunk: Json): Seen {
  if (chunk['usage'] !== null && chunk['usage'] !== undefined) {
    const usage = openaiUsage(asObject(chunk['usage']), 'prompt_tokens', 'completion_tokens');
    return { usage, final: true };
  }
  const choices = Array.isArray(chunk['choices']) ? chunk['choices'] : [];
  let written = 0;
  for (const choice of choices) {
    const delta = asObject(asObject(choice)['delta']);
    for (const key of ['content', 'refusal', 'reasoning_content']) written += sizeOf(delta[key]);
    for (const call of Array.isArray(delta['tool_calls']) ? delta['tool_calls'] : []) {
      const fn = asObject(asObject(call)['function']);
      written += sizeOf(fn['name']) + sizeOf(fn['arguments']);
    }
  }
  const { error } = chunk;
  const failed = typeof error === 'object' && error !== null;
  return { written, ...(failed ? { failed: asObject(error) } : {}) };
}

function seenInMessages(event: Json): Seen {
  const delta = asObject(event['delta']);
  switch (event['type']) {
    case 'message_start':
      return { usage: anthropicUsage(asObject(asObject(event['message'])['usage'])) };
    case 'content_block_delta':
      return {
        written: sizeOf(delta['text']) + sizeOf(delta['partial_json']) + sizeOf(delta['thinking']),
      };
    case 'error':
      return { failed: asObject(event['error']) };
    case 'message_delta':
      return { usage: anthropicUsage(asObject(event['usage'])), final: true };
    default:
      return {};
  }
}

const STREAM: Record<Api, (event: Json) => Seen> = {
  responses: seenInResponses,
  chat: seenInChat,
  messages: seenInMessages,
};

function seenInWhole(api: Api, answer: Json): Seen {
  if (answer['usage'] === null || typeof answer['usage'] !== 'object') return {};
  const usage = asObject(answer['usage']);
  if (api === 'messages') return { usage: anthropicUsage(usage), final: true };
  return api === 'chat'
    ? { usage: openaiUsage(usage, 'prompt_tokens', 'completion_tokens'), final: true }
    : { usage: openaiUsage(usage, 'input_tokens', 'output_tokens'), final: true };
}

function parse(text: string): Json {
  try {
    return asObject(JSON.parse(text));
  } catch {
    return {};
  }
}

/** Later counts replace earlier ones, but a report that leaves a count out takes nothing back. */
function merge(earlier: TokenUsage | null, later: TokenUsage): TokenUsage {
  if (earlier === null) return later;
  const inputKnown = later.inputTokens >= earlier.inputTokens;
  const input = inputKnown ? later : earlier;
  // Only the first report says how long written tokens are kept.
  const written = input.cacheWriteTokens + input.cacheWriteLongTokens;
  const long = Math.min(
    written,
    Math.max(earlier.cacheWriteLongTokens, input.cacheWriteLongTokens),
  );
  return {
    inputTokens: input.inputTokens,
    cachedInputTokens: input.cachedInputTokens,
    cacheWriteTokens: written - long,
    cacheWriteLongTokens: long,
    outputTokens: Math.max(earlier.outputTokens, later.outputTokens),
  };
}

export interface Reading {
  usage: TokenUsage;
  /** `cut`: the usage is an estimate; `refused`: the provider gave up before it wrote anything. */
  outcome: UsageOutcome;
}

const NOTHING: TokenUsage = {
  inputTokens: 0,
  cachedInputTokens: 0,
  cacheWriteTokens: 0,
  cacheWriteLongTokens: 0,
  outputTokens: 0,
};

/** Meters one answer. */
export class Meter {
  readonly #api: Api;
  readonly #sse: SseReader | null;
  readonly #maxBytes: number;
  #parts: Uint8Array[] = [];
  #bytes = 0;
  #usage: TokenUsage | null = null;
  #final = false;
  #written = 0;
  #failed: Json | null = null;
  #events = 0;

  constructor(api: Api, options: { stream: boolean; maxBytes: number }) {
    this.#api = api;
    this.#maxBytes = options.maxBytes;
    this.#sse = options.stream
      ? new SseReader((data) => this.#see(STREAM[api](parse(data))), options.maxBytes)
      : null;
  }

  push(chunk: Uint8Array): void {
    this.#bytes += chunk.length;
    if (this.#sse !== null) this.#sse.push(chunk);
    else if (this.#bytes <= this.#maxBytes) this.#parts.push(chunk);
    else this.#parts = [];
  }

  /** The error with which the provider gave up; null while it did not. */
  get failure(): Json | null {
    return this.#failed;
  }

  /** True once it is known whether the answer begins or an error came in its place. */
  get begun(): boolean {
    return this.#sse === null ? this.#bytes > 0 : this.#events > 0;
  }

  #see({ usage, final, written, failed }: Seen): void {
    this.#events += 1;
    if (usage !== undefined) this.#usage = merge(this.#usage, usage);
    if (final === true) this.#final = true;
    if (failed !== undefined) this.#failed = failed;
    this.#written += written ?? 0;
  }

  /**
   * What the answer used. Without a final report: the input it reported or `inputEstimate`, and for
   * the output what was seen or what the time allows, at most `maxOutputTokens`.
   */
  read(call: { inputEstimate: number; maxOutputTokens: number; seconds: number }): Reading {
    if (this.#sse === null && this.#parts.length > 0) {
      this.#see(seenInWhole(this.#api, parse(Buffer.concat(this.#parts).toString('utf8'))));
      this.#parts = [];
    }
    if (this.#final && this.#usage !== null) return { usage: this.#usage, outcome: 'ok' };
    if (this.#failed !== null && this.#usage === null && this.#written === 0) {
      return { usage: NOTHING, outcome: 'refused' };
    }
    const seen = this.#sse === null ? this.#bytes : this.#written;
    const bySeconds = Math.ceil(call.seconds * CUT_TOKENS_PER_SECOND);
    const known = this.#usage ?? { ...NOTHING, inputTokens: call.inputEstimate };
    const output = Math.max(known.outputTokens, Math.ceil(seen / BYTES_PER_TOKEN), bySeconds);
    const outputTokens = Math.min(output, call.maxOutputTokens);
    return { usage: { ...known, outputTokens }, outcome: 'cut' };
  }
}
