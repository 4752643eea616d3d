/** Asks for one turn: retries a cut stream, then goes on to the next model of the route. */
import type { EndReport } from '../../agent/protocol.ts';
import { toFailure } from '../failures.ts';
import type { AssistantTurn, Step, ToolSpec } from '../model.ts';
import type { LoopInput } from './loop-input.ts';

/** Further tries of one turn with the same transcript after its stream was cut. */
export const CUT_RETRIES = 2;

export type Answer =
  | { kind: 'turn'; turn: AssistantTurn; route: number }
  | { kind: 'failed'; outcome: EndReport['outcome']; cause: string; route: number };

/**
 * One turn from the model at `route`, or from one after it when that model fails for good. A cut
 * answer is thrown away whole: no part of it is ever acted on.
 */
export async function ask(
  input: LoopInput,
  tools: readonly ToolSpec[],
  transcript: readonly Step[],
  route: number,
): Promise<Answer> {
  const { spec, models, context, events } = input;
  const last = models.length - 1;
  let cuts = 0;
  for (let at = route; ;) {
    const model = models[at];
    if (!model) return { kind: 'failed', outcome: 'model_error', cause: 'No model is set', route };
    try {
      const turn = await model.turn({
        instructions: spec.instructions,
        transcript,
        tools,
        maxOutputTokens: spec.limits.maxOutputTokens,
        signal: context.signal,
      });
      return { kind: 'turn', turn, route: at };
    } catch (error) {
      const failure = toFailure(error, context.signal);
      if (failure.kind === 'budget' || failure.kind === 'revoked' || failure.kind === 'aborted') {
        const outcome = failure.kind === 'budget' ? 'budget' : 'cancelled';
        return { kind: 'failed', outcome, cause: sentence(failure.message), route: at };
      }
      events.note(`${model.name}: ${failure.message}`);
      if (failure.kind === 'cut' && cuts < CUT_RETRIES) {
        cuts += 1;
      } else if (at < last) {
        at += 1;
        cuts = 0;
      } else {
        const cause = `${model.name} gave no answer: ${failure.message}`;
        return { kind: 'failed', outcome: 'model_error', cause: cause.slice(0, 1_000), route: at };
      }
    }
  }
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
