/**
 * Asks for one turn, whatever becomes of the models: a cut stream is asked for again, a model that cools
 * down makes way for the next one of the route, which gets the same transcript (threats G5, R15, R16).
 * From the first failure to the request to another model pass less than 60 seconds: the gateway answers at
 * once for a model that cools down, and gives a silent one up before that (bot/gateway/limits.ts `firstMs`).
 */
import type { EndReport } from '../../agent/protocol.ts';
import { toFailure } from '../failures.ts';
import type { AssistantTurn, ModelFailure, Step, ToolSpec } from '../model.ts';
import { NEAR_MS, NEAR_WAITS, pause, type RouteState } from '../route-state.ts';
import type { LoopInput } from './loop-input.ts';

/** Further tries of one turn with the same transcript after its stream was cut. */
export const CUT_RETRIES = 2;
/** Pauses before further tries when the gateway itself is not there, as while the bot is restarted. */
export const GATEWAY_PAUSES_MS = [500, 1_000, 2_000, 4_000, 8_000, 8_000] as const;

export type Answer =
  | { kind: 'turn'; turn: AssistantTurn; route: number }
  | { kind: 'failed'; outcome: EndReport['outcome']; cause: string; route: number };

/** Failures of the model that is asked now, in this turn. */
interface Tries {
  cuts: number;
  near: number;
  gateway: number;
}

const NO_TRIES: Tries = { cuts: 0, near: 0, gateway: 0 };

/**
 * One turn from the model at `at`, or from another one of the route when that one cannot be asked now. A
 * cut answer is thrown away whole: no part of it is ever acted on.
 */
export async function ask(
  input: LoopInput,
  tools: readonly ToolSpec[],
  transcript: readonly Step[],
  from: { at: number; route: RouteState },
): Promise<Answer> {
  const { spec, models, context, events } = input;
  const { route } = from;
  let { at } = from;
  let tries = NO_TRIES;
  for (;;) {
    const model = models[at];
    if (!model) return failed(at, 'model_error', 'No model is set');
    let failure: ModelFailure;
    try {
      const turn = await model.turn({
        instructions: spec.instructions,
        transcript,
        tools,
        maxOutputTokens: spec.limits.maxOutputTokens,
        signal: context.signal,
      });
      route.answered(at);
      return { kind: 'turn', turn, route: at };
    } catch (error) {
      failure = toFailure(error, context.signal);
    }
    switch (failure.kind) {
      case 'budget':
        return failed(at, 'budget', failure.message);
      case 'revoked':
      case 'aborted':
        return failed(at, 'cancelled', failure.message);
    }
    events.note(`${model.name}: ${failure.message}`);
    const again = tryAgain(failure, tries);
    if (again !== null) {
      tries = again.tries;
      await pause(again.pauseMs, context.signal);
      continue;
    }
    if (failure.kind === 'cooling') route.cool(at, failure.waitMs);
    else route.broke(at);
    const next = route.next(at);
    if (next.kind === 'out') return outOf(next.until, at, `${model.name}: ${failure.message}`);
    if (next.kind === 'wait') {
      events.note(`every model cools down; waiting ${Math.ceil(next.ms / 1000)} s for a reset`);
      await pause(next.ms, context.signal);
    }
    at = next.at;
    tries = NO_TRIES;
  }
}

/** Whether the same model is asked once more, and after which pause. */
function tryAgain(failure: ModelFailure, tries: Tries): { tries: Tries; pauseMs: number } | null {
  switch (failure.kind) {
    case 'cut':
      if (tries.cuts >= CUT_RETRIES) return null;
      return { tries: { ...tries, cuts: tries.cuts + 1 }, pauseMs: 0 };
    case 'cooling':
      if (failure.waitMs > NEAR_MS || tries.near >= NEAR_WAITS) return null;
      return { tries: { ...tries, near: tries.near + 1 }, pauseMs: failure.waitMs };
    case 'gateway': {
      const pauseMs = GATEWAY_PAUSES_MS[tries.gateway];
      if (pauseMs === undefined) return null;
      return { tries: { ...tries, gateway: tries.gateway + 1 }, pauseMs };
    }
    default:
      return null;
  }
}

/** Nothing is left to be asked: an outage while some model has a time at which it can be asked again. */
function outOf(until: number | null, at: number, last: string): Answer {
  if (until === null) return failed(at, 'model_error', `No model gave an answer. ${last}`);
  const time = new Date(until).toISOString();
  return failed(at, 'outage', `Every model is left alone until ${time}. ${last}`);
}

function failed(at: number, outcome: EndReport['outcome'], cause: string): Answer {
  return { kind: 'failed', outcome, cause: sentence(cause).slice(0, 1_000), route: at };
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
