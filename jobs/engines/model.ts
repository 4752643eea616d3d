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
  | { kind: 'result'; callId: string; name: string; text: string; isError: boolean };

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
 * `cut`: the stream broke or fell silent, trying again may help. `provider`: the provider refused or
 * is down, after the SDK's own retries. `budget`: the gateway's terminal 403. `revoked`: 401, the
 * attempt is over. `aborted`: our own signal.
 */
export type FailureKind = 'cut' | 'provider' | 'budget' | 'revoked' | 'aborted';

export class ModelFailure extends Error {
  override readonly name = 'ModelFailure';
  readonly kind: FailureKind;

  constructor(kind: FailureKind, message: string) {
    super(message);
    this.kind = kind;
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
