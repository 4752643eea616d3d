/** What a script sees of a model request, and what it may answer: the same for all three wire formats. */

export type Provider = 'openai' | 'anthropic';
export type Api = 'responses' | 'chat' | 'messages';

export interface ToolCall {
  id: string;
  name: string;
  /** Exactly as the client sent it back: usually JSON, but nothing promises that. */
  arguments: string;
}

export type Message =
  | { role: 'user'; text: string }
  | { role: 'assistant'; text: string; toolCalls: ToolCall[] }
  | { role: 'tool'; id: string; text: string; isError: boolean };

export interface ToolDefinition {
  name: string;
  description: string;
  parameters: unknown;
}

export interface Conversation {
  provider: Provider;
  api: Api;
  model: string;
  stream: boolean;
  /** System prompt, instructions and developer messages, joined by blank lines. */
  system: string;
  /** In order; what one answer held (text and tool calls) is one assistant message. */
  messages: Message[];
  tools: ToolDefinition[];
  maxOutputTokens: number | null;
  /** Which answer is asked for: 1 for the first, one more for every assistant message so far. */
  turn: number;
}

export interface AnswerToolCall {
  name: string;
  /** A string is sent raw, so that a script can answer with broken JSON. */
  arguments: Record<string, unknown> | string;
}

export interface AnswerUsage {
  /** All input tokens, cached ones included. */
  inputTokens: number;
  cachedInputTokens: number;
  /** Input tokens written to the cache by this request; part of `inputTokens`. */
  cacheWriteTokens: number;
  outputTokens: number;
}

/** What goes wrong with one answer; positions count from 0. */
export type Fault =
  | { status: number; headers?: Record<string, string>; body?: unknown }
  /** Headers and this many body bytes are sent, then the connection is destroyed. */
  | { cutAfterBytes: number }
  /** Headers and this many body bytes are sent, then nothing more until the client leaves. */
  | { hangAfterBytes: number }
  /** The request is read and never answered. */
  | { hang: true }
  /** The connection is destroyed before any header. */
  | { reset: true }
  /** The data of this stream event is not JSON. */
  | { malformedEventAt: number }
  /** In place of this stream event the provider's error event is sent, and the stream ends. */
  | { errorEventAt: number };

export interface Answer {
  text?: string;
  toolCalls?: AnswerToolCall[];
  /** Default: `tool` when there are tool calls, else `end`. */
  stop?: 'end' | 'tool' | 'length' | 'refusal';
  /** Overrides what was counted, e.g. to report ten times the truth. */
  usage?: Partial<AnswerUsage>;
  /** Wait before the first byte. */
  delayMs?: number;
  /** Wait between stream events. */
  chunkDelayMs?: number;
  fault?: Fault;
  /** The fault hits only the first so many requests for this turn; default: all of them. */
  faultTimes?: number;
}

export interface Script {
  name: string;
  matches(conversation: Conversation): boolean;
  answer(conversation: Conversation, turn: number): Answer | Promise<Answer>;
}

/** One request as it arrived, for tests to look at. Holds the key it came with. */
export interface ModelCall {
  path: string;
  headers: Record<string, string>;
  /** The request body, parsed; null when it was not JSON. */
  body: unknown;
  bodyText: string;
  conversation: Conversation | null;
  script: string | null;
  /** 0 when the answer never got as far as a status line. */
  status: number;
  /** The client went away before the answer was complete. */
  aborted: boolean;
  /** The answer was sent to its last byte. */
  complete: boolean;
  usage: AnswerUsage | null;
}

/** A whole answer in one wire format. */
export interface Rendered {
  json: unknown;
  /** `event` is absent where the format has unnamed events; `data` is JSON or a literal such as [DONE]. */
  events: { event?: string; data: unknown }[];
  errorEvent: { event?: string; data: unknown };
}

export interface RenderInput {
  conversation: Conversation;
  answer: Answer;
  usage: AnswerUsage;
  /** Makes ids unique within one server. */
  serial: number;
  /** Unix seconds. */
  created: number;
  /** Chat Completions only: the client asked for the usage chunk. */
  includeUsage: boolean;
}
