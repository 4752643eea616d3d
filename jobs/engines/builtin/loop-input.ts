/** What the tool loop takes and gives. */
import type { TaskSpec } from '../../../schema/wire/job-api.ts';
import type { EndReport } from '../../agent/protocol.ts';
import type { Tool, ToolContext } from '../../tools/tool.ts';
import type { Model } from '../model.ts';

export type Verdict = Pick<EndReport, 'outcome' | 'cause' | 'summary' | 'comment' | 'report'>;

export interface LoopEvents {
  turn(turn: number, model: string): void;
  tool(call: { name: string; about: string; ok: boolean | null; ms: number }): void;
  note(text: string): void;
}

export interface LoopInput {
  spec: TaskSpec;
  /** Text of the first user message. */
  opening: string;
  /** The route: the first model, then those that continue its work when it fails. */
  models: readonly Model[];
  tools: readonly Tool[];
  context: ToolContext;
  /** Takes the comments by people that arrived since the last call. */
  takeMessages: () => string[];
  events: LoopEvents;
  now: () => number;
  /** What other engines used of the task's limits before; absent where none did. */
  begun?: { turns: number; toolCalls: number };
}

export interface LoopResult extends Verdict {
  turns: number;
  toolCalls: number;
  model: string | null;
  /** The model it worked with is left alone for so long, and another engine may go on. */
  waitMs?: number;
}
