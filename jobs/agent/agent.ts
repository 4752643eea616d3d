/** `autodev-job agent`: the process that talks to the model. It holds one token, for one attempt. */
import { realpath } from 'node:fs/promises';
import { writeSync } from 'node:fs';
import { firstMessage } from '../context/first-message.ts';
import type { TaskSpec } from '../../schema/wire/job-api.ts';
import { runLoop } from '../engines/builtin/loop.ts';
import type { LoopEvents } from '../engines/builtin/loop-input.ts';
import { buildRoute } from '../engines/builtin/route.ts';
import { findEngine } from '../engines/cli/find.ts';
import { runCli } from '../engines/cli/run.ts';
import { commandEnv } from '../env.ts';
import { findingBook } from '../findings.ts';
import { trimSlashes } from '../slashes.ts';
import { startSocketForwarder } from '../socket-forwarder.ts';
import { selectTools } from '../tools/all.ts';
import { alongRoute, type Leg } from './along-route.ts';
import { reportAdvice } from '../tools/finish.ts';
import { pictureKeeper } from './pictures.ts';
import type { ToolContext } from '../tools/tool.ts';
import { lineReader, Order, REPORT_FD, type Report } from './protocol.ts';

type Start = Extract<Order, { type: 'start' }>;

/** Messages from people kept for the next turn. */
const MESSAGES = 50;

/** Waits for the start order on standard input, works, and reports on descriptor 3. */
export async function agent(self: readonly string[]): Promise<void> {
  const messages: string[] = [];
  const answers = answerBook();
  let begin: (order: Start) => void = () => undefined;
  const started = new Promise<Start>((resolve) => (begin = resolve));
  process.stdin.on(
    'data',
    lineReader(
      (value) => {
        const order = Order.parse(value);
        if (order.type === 'start') begin(order);
        else if (order.type === 'answer') answers.take(order);
        else if (messages.length < MESSAGES) messages.push(order.text);
      },
      (why) => report({ type: 'note', text: `agent input: ${why}` }),
    ),
  );
  // Without a supervisor there is nobody to work for.
  process.stdin.on('end', () => process.exit(1));
  await work(await started, messages, self, answers.ask);
  process.exit(0);
}

async function work(
  order: Start,
  messages: string[],
  self: readonly string[],
  readThread: ToolContext['readThread'],
): Promise<void> {
  const { spec } = order;
  const startedAt = performance.now();
  let firstRequestMs: number | null = null;
  // performance.now() counts from the start of this process.
  const onRequest = (): void => void (firstRequestMs ??= performance.now());
  const gateway =
    order.socket === null ? trimSlashes(order.gateway) : await startSocketForwarder(order.socket);
  const routeOf = (models: TaskSpec['models']): ReturnType<typeof buildRoute> =>
    buildRoute(models, { gateway, token: order.token, onRequest });
  const first = routeOf(spec.models);
  const root = await realpath(order.workspace);
  const loading = spec.engine === 'builtin' ? first.preload() : undefined;
  const opening = await firstMessage(root, spec.input, order.guides);
  await loading;
  const context = contextOf(spec, root, self, readThread);
  const { env, signal, onCommand } = context;
  const path = env['PATH'] ?? '';
  const tmp = env['TMPDIR'] ?? root;
  const takeMessages = (): string[] => messages.splice(0);
  /** What every engine is given, with what was done before it. */
  const common = ({ spec: own, handover, begun }: Leg) => {
    const told = handover === '' ? opening : `${opening}\n\n${handover}`;
    return { spec: own, opening: told, takeMessages, events: EVENTS, now: Date.now, begun };
  };
  const verdict = await alongRoute({
    ...{ spec, path, folder: root, tmp, signal, now: Date.now },
    find: (engine) => findEngine(engine, path, self),
    withLoop: (leg) => {
      const given = common(leg);
      const asked = `${given.opening}\n\n${reportAdvice(spec.report)}`;
      const { models } = leg.spec === spec ? first : routeOf(leg.spec.models);
      return runLoop({ ...given, opening: asked, models, tools: selectTools(spec), context });
    },
    withTool: ({ engine, program }, leg) =>
      runCli(engine, {
        ...common(leg),
        ...{ program, gateway, workspace: root, env, tmp, signal, onRequest, onCommand },
        token: order.token,
        isolated: order.isolated,
      }),
    note: EVENTS.note,
    instead: (why) => report({ type: 'engine', why }),
  });
  const { turns, toolCalls, model, waitMs: _waited, ...rest } = verdict;
  const seconds = (performance.now() - startedAt) / 1000;
  report({ type: 'end', ...rest, stats: { turns, toolCalls, seconds, firstRequestMs, model } });
}

const EVENTS: LoopEvents = {
  turn: (turn, model) => report({ type: 'turn', turn, model }),
  tool: (call) => report({ type: 'tool', ...call }),
  note: (text) => report({ type: 'note', text }),
};

/** What tools work with; the task's time begins here. */
function contextOf(
  spec: TaskSpec,
  root: string,
  self: readonly string[],
  readThread: ToolContext['readThread'],
): ToolContext {
  const { commandSeconds, toolResultBytes: resultBytes } = spec.limits;
  const keeper = pictureKeeper((picture) => report({ type: 'picture', ...picture }));
  // Only a validation is told in a comment that has room for pictures.
  const shows = spec.task.type === 'validate_feature' ? { onPicture: keeper } : {};
  return {
    ...{ root, resultBytes, commandSeconds, env: commandEnv(), self, readThread, ...shows },
    signal: AbortSignal.timeout(Math.ceil(spec.limits.minutes * 60_000)),
    onCommand: (check) => report({ type: 'command', check }),
    onFinding: findingKeeper(),
  };
}

/** Tells of each finding once. */
function findingKeeper(): ToolContext['onFinding'] {
  const book = findingBook();
  return (finding) => {
    const kept = book.add(finding);
    if (kept === 'kept') report({ type: 'finding', finding });
    return kept;
  };
}

/** Questions that wait for the supervisor's answer. */
function answerBook() {
  const waiting = new Map<number, (answer: { ok: boolean; text: string }) => void>();
  let asked = 0;
  const ask: ToolContext['readThread'] = (thread) => {
    const id = (asked += 1);
    return new Promise((resolve) => {
      waiting.set(id, resolve);
      report({ type: 'ask', id, thread });
    });
  };
  const take = ({ id, ok, text }: { id: number; ok: boolean; text: string }): void => {
    waiting.get(id)?.({ ok, text });
    waiting.delete(id);
  };
  return { ask, take };
}

/** Written at once and whole, so that a kill right after it loses nothing. */
function report(line: Report): void {
  let rest = Buffer.from(`${JSON.stringify(line)}\n`);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(REPORT_FD, rest));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    }
  }
}
