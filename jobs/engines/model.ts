/** What the loop needs of a model, whoever provides it. */

/** A tool as told to the model. `parameters` is a JSON schema of an object. */
export interface ToolSpec {
  name: string;
  description: string;
  parameters: Record<string, unknown>;
}

export interface ToolCall {
  /** The provider's id, which the result must carry. */
  id: string;
  name: string;
  /** The arguments as the model wrote them: JSON text, perhaps malformed. */
  arguments: string;
}

/** One complete answer of a model. A cut answer never becomes one. */
export interface AssistantTurn {
  text: string;
  calls: ToolCall[];
  /** `max_tokens`: the answer was cut by its own limit, calls are dropped. */
  stop: 'done' | 'max_tokens' | 'refusal';
  /** The provider's own items, replayed unchanged to the same model (reasoning, signatures). */
  raw: { model: string; items: unknown[] };
}

/** One step of the conversation; a provider-neutral record that any model can continue. */
export type Step =
  | { kind: 'user'; text: string }
  | { kind: 'assistant'; turn: AssistantTurn }
  | {
      kind: 'result';
      callId: string;
      name: string;
      text: string;
      /** Pictures (PNG, base64) beside the text. */
      images?: readonly string[];
      isError: boolean;
    };

export interface TurnRequest {
  /** The stable prefix: identical in every request of a task. */
  instructions: string;
  transcript: readonly Step[];
  tools: readonly ToolSpec[];
  maxOutputTokens: number;
  signal: AbortSignal;
}

export interface Model {
  /** `provider/model`, for logs and statistics. */
  readonly name: string;
  /** Asks for the next turn. @throws ModelFailure */
  turn(request: TurnRequest): Promise<AssistantTurn>;
}

/**
 * Why no turn came back.
 * `cut`: the stream broke or fell silent, trying again may help. `cooling`: the gateway leaves the model
 * alone for `waitMs`. `gateway`: the gateway was not reached or has no answer just now. `provider`: the
 * provider refused the request for good. `budget`: the gateway's terminal 403. `revoked`: 401, the attempt
 * is over. `aborted`: our own signal.
 */
export type FailureKind =
  'cut' | 'cooling' | 'gateway' | 'provider' | 'budget' | 'revoked' | 'aborted';

export class ModelFailure extends Error {
  override readonly name = 'ModelFailure';
  readonly kind: FailureKind;
  /** How long a cooling model is left alone, in milliseconds; 0 for other kinds. */
  readonly waitMs: number;

  constructor(kind: FailureKind, message: string, waitMs = 0) {
    super(message);
    this.kind = kind;
    this.waitMs = waitMs;
  }
}

/** What a model adapter is built from. */
export interface ModelOptions {
  /** Base URL of the gateway, no trailing slash. */
  gateway: string;
  token: string;
  model: string;
  /** Called just before each HTTP request leaves. */
  onRequest: () => void;
}
