/** The tool loop: asks a model for turns and runs its calls until it finishes or a bound is reached. */
import { checkCall, clipBytes, toolSpec } from '../../tools/tool.ts';
import type { AssistantTurn, Step, ToolCall, ToolSpec } from '../model.ts';
import { ask } from './ask.ts';
import type { LoopInput, LoopResult, Verdict } from './loop-input.ts';
import { RouteState } from '../route-state.ts';
import { repeatGuard } from './repeat-guard.ts';

/** Malformed calls in a row after which the model is given up. */
export const BAD_CALLS = 8;
/** Reports of `finish` that may be missing or wrong in one task; one more ends it. */
export const BAD_REPORTS = 2;
/** Answers in a row without any tool call after which the loop ends. */
export const NUDGES = 2;
/** Calls of one answer that are run. */
export const CALLS_PER_TURN = 32;
/** Part of the turns or the time after which the model is told to come to an end. */
export const STEER_AT = 0.8;

interface State {
  readonly input: LoopInput;
  readonly specs: ToolSpec[];
  readonly transcript: Step[];
  readonly guard: ReturnType<typeof repeatGuard>;
  readonly startedAt: number;
  turns: number;
  toolCalls: number;
  /** Index into `models` of the one that is asked first. */
  at: number;
  readonly route: RouteState;
  badCalls: number;
  badReports: number;
  silent: number;
  circled: boolean;
  steered: boolean;
  lastText: string;
}

/** Runs the task to its verdict. Never throws for what a model, a tool or the gateway does. */
export async function runLoop(input: LoopInput): Promise<LoopResult> {
  const state: State = {
    input,
    specs: input.tools.map(toolSpec),
    transcript: [{ kind: 'user', text: input.opening }],
    guard: repeatGuard(),
    startedAt: input.now(),
    turns: input.begun?.turns ?? 0,
    toolCalls: input.begun?.toolCalls ?? 0,
    at: 0,
    route: new RouteState(input.models.length, input.now),
    badCalls: 0,
    badReports: 0,
    silent: 0,
    circled: false,
    steered: false,
    lastText: '',
  };
  let verdict: Verdict | null = null;
  while (verdict === null) verdict = await step(state);
  const { turns, toolCalls, at } = state;
  return { ...verdict, turns, toolCalls, model: input.models[at]?.name ?? null };
}

async function step(state: State): Promise<Verdict | null> {
  const { spec, takeMessages, events, models } = state.input;
  if (state.turns >= spec.limits.turns) {
    return stopped(state, 'limit', `All ${spec.limits.turns} turns are used up`);
  }
  for (const text of takeMessages()) {
    say(state, `Message from the bot or from a person with rights on this task:\n${text}`);
  }
  steer(state);
  state.turns += 1;
  events.turn(state.turns, models[state.at]?.name ?? '');
  const answer = await ask(state.input, state.specs, state.transcript, state);
  state.at = answer.route;
  if (answer.kind === 'failed') {
    const timeUp = answer.outcome === 'cancelled' && state.input.context.signal.aborted;
    if (timeUp) return stopped(state, 'limit', `The ${spec.limits.minutes} minutes are used up`);
    return stopped(state, answer.outcome, answer.cause);
  }
  return take(state, answer.turn);
}

/** Once per task, near its end: time to wrap up. */
function steer(state: State): void {
  const { limits } = state.input.spec;
  const minutes = (state.input.now() - state.startedAt) / 60_000;
  const used = Math.max(state.turns / limits.turns, minutes / limits.minutes);
  if (state.steered || used < STEER_AT) return;
  state.steered = true;
  const turns = limits.turns - state.turns;
  const left = Math.max(0, limits.minutes - minutes).toFixed(1);
  say(
    state,
    `${turns} turns and ${left} minutes are left. Bring the work into a state that holds, then call finish; say in the summary what is missing.`,
  );
}

async function take(state: State, turn: AssistantTurn): Promise<Verdict | null> {
  if (turn.text.trim()) state.lastText = turn.text;
  switch (turn.stop) {
    case 'refusal':
      return stopped(state, 'needs_human', 'The model refused to go on');
    case 'max_tokens':
      return cutAnswer(state, turn);
    case 'done':
  }
  // A turn without content cannot be sent back: the providers refuse it.
  if (turn.calls.length > 0 || turn.text.trim()) state.transcript.push({ kind: 'assistant', turn });
  if (turn.calls.length === 0) return nudge(state);
  state.silent = 0;
  return runCalls(state, turn.calls);
}

/** The answer hit its own token limit: nothing of it was run, the half call is not kept. */
function cutAnswer(state: State, turn: AssistantTurn): Verdict | null {
  const tokens = state.input.spec.limits.maxOutputTokens;
  if (turn.text.trim()) {
    const raw = { model: '', items: [] };
    state.transcript.push({ kind: 'assistant', turn: { ...turn, calls: [], raw } });
  }
  say(
    state,
    `Your answer was cut at ${tokens} tokens and no tool call of it was run. Continue in smaller steps, e.g. several small edits.`,
  );
  return badCall(state, `answers were cut at ${tokens} tokens`);
}

function nudge(state: State): Verdict | null {
  state.silent += 1;
  if (state.silent > NUDGES) {
    return stopped(state, 'needs_human', 'The model stopped working without calling finish');
  }
  say(
    state,
    'No tool was called. Go on with the next tool call, or call finish if the work is complete or cannot go on.',
  );
  return null;
}

async function runCalls(state: State, calls: readonly ToolCall[]): Promise<Verdict | null> {
  let end: Verdict | null = null;
  let failed = false;
  for (const [index, call] of calls.entries()) {
    const skipped = skipReason(end !== null, index, call.name === 'finish' && failed);
    const result: CallResult = skipped ? { text: skipped, ok: false } : await runCall(state, call);
    const { text, ok, images } = result;
    failed ||= !ok;
    end ??= result.verdict ?? null;
    state.transcript.push({
      kind: 'result',
      callId: call.id,
      name: call.name,
      text,
      ...(images === undefined ? {} : { images }),
      isError: !ok,
    });
  }
  if (end === null && state.input.context.signal.aborted) {
    return stopped(state, 'limit', `The ${state.input.spec.limits.minutes} minutes are used up`);
  }
  return end;
}

function skipReason(ended: boolean, index: number, finishAfterFailure: boolean): string | null {
  if (ended) return 'Not run: the task ended.';
  if (index >= CALLS_PER_TURN) return `Not run: more than ${CALLS_PER_TURN} calls in one answer.`;
  return finishAfterFailure
    ? 'Not ended: an earlier call of this answer failed. Look at its result first.'
    : null;
}

interface CallResult {
  text: string;
  images?: string[];
  ok: boolean;
  verdict?: Verdict | null;
}

async function runCall(state: State, call: ToolCall): Promise<CallResult> {
  const { tools, context, events, now } = state.input;
  state.toolCalls += 1;
  const checked = checkCall(tools, call.name, call.arguments);
  if (!checked.ok) {
    events.tool({ name: call.name, about: 'malformed call', ok: false, ms: 0 });
    const { text, ok, report } = checked;
    const verdict =
      (report && badReport(state, text)) || badCall(state, 'tool calls were malformed');
    return { text, ok, verdict };
  }
  state.badCalls = 0;
  if (state.guard.circles(call.name, call.arguments)) return circle(state);
  const about = checked.tool.about(checked.input);
  const started = now();
  events.tool({ name: call.name, about, ok: null, ms: 0 });
  try {
    const result = await checked.tool.run(checked.input, context);
    events.tool({ name: call.name, about, ok: result.ok, ms: now() - started });
    const text = clipBytes(result.text, context.resultBytes + 1_000, 'Ask for less.');
    const { end, ok, images } = result;
    const shown = images === undefined ? {} : { images };
    return { text, ...shown, ok, verdict: end ? { ...end, cause: causeOf(end.outcome) } : null };
  } catch (error) {
    events.tool({ name: call.name, about, ok: false, ms: now() - started });
    const why = error instanceof Error ? error.message : String(error);
    return { text: `${call.name} failed: ${why}`, ok: false };
  }
}

/** The first circle is told to the model, the second one ends the task. */
function circle(state: State): CallResult {
  const text =
    'Not run: the same calls repeat and nothing changes. Try another way, or call finish with needs_human.';
  if (state.circled) {
    return { text, ok: false, verdict: stopped(state, 'limit', 'The agent went round in circles') };
  }
  state.circled = true;
  return { text, ok: false };
}

function causeOf(outcome: 'finished' | 'needs_human'): string {
  return outcome === 'finished' ? 'The agent finished its work' : 'The agent asks for a person';
}

function badCall(state: State, what: string): Verdict | null {
  state.badCalls += 1;
  if (state.badCalls < BAD_CALLS) return null;
  return stopped(state, 'model_error', `${BAD_CALLS} ${what} in a row`);
}

/** A result without its report is worth nothing to those who wait for it. */
function badReport(state: State, why: string): Verdict | null {
  state.badReports += 1;
  if (state.badReports <= BAD_REPORTS) return null;
  const cause = `The report was wrong ${state.badReports} times; at last: ${why}`;
  return stopped(state, 'model_error', cause.slice(0, 1_000));
}

function say(state: State, text: string): void {
  state.transcript.push({ kind: 'user', text });
}

/** An end the model did not choose; its last words stand in for the summary. */
function stopped(state: State, outcome: Verdict['outcome'], cause: string): Verdict {
  return { outcome, cause, summary: state.lastText };
}
