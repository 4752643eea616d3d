/** Runs a task with a command line tool: starts it, follows its lines, keeps the task's bounds. */
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CommandCheck } from '../../../schema/wire/result.ts';
import { lineReader } from '../../agent/protocol.ts';
import { killTree } from '../../process-group.ts';
import type { LoopInput, LoopResult, Verdict } from '../builtin/loop-input.ts';
import { answerAdvice, answerSchema, readAnswer } from './answer.ts';
import type { CliCommand, CliEngine, CliEvent } from './contract.ts';
import { startGatewayProxy, type GatewayProxy, type Terminal } from '../../gateway-proxy.ts';

/** Answers that may not fit in one task; the tool is started again on its own work with what was wrong. */
export const BAD_ANSWERS = 2;
/** Characters of its error output kept for the cause. */
const STDERR_CHARS = 2_000;

export interface CliInput extends Pick<
  LoopInput,
  'spec' | 'opening' | 'takeMessages' | 'events' | 'now' | 'begun'
> {
  /** Full path of the program. */
  program: string;
  gateway: string;
  token: string;
  workspace: string;
  /** Environment of the agent process, without any secret. */
  env: Record<string, string>;
  tmp: string;
  isolated: boolean;
  signal: AbortSignal;
  onRequest: () => void;
  onCommand: (check: CommandCheck) => void;
}

interface Session {
  turns: number;
  toolCalls: number;
  /** Times it asked a model; a program that never did could not start its work. */
  requests: number;
  lastText: string;
  answer: string | null;
  failed: string | null;
  terminal: { why: Terminal; message: string; waitMs: number } | null;
  outOfTurns: boolean;
  /** Kills the program that runs now. */
  kill: () => void;
}

/** Runs the task to its verdict. Never throws for what the tool, the model or the gateway does. */
export async function runCli(engine: CliEngine, input: CliInput): Promise<LoopResult> {
  const model = input.spec.models.find(({ provider }) => provider === engine.provider);
  if (!model) {
    const cause = `${engine.name} needs a model of ${engine.provider}, and the task has none`;
    return { outcome: 'unable', cause, summary: '', turns: 0, toolCalls: 0, model: null };
  }
  const name = `${model.provider}/${model.model}`;
  const session: Session = {
    turns: input.begun?.turns ?? 0,
    toolCalls: input.begun?.toolCalls ?? 0,
    requests: 0,
    lastText: '',
    answer: null,
    failed: null,
    terminal: null,
    outOfTurns: false,
    kill: () => undefined,
  };
  const verdict = await withProxy(input, session, name, async (proxy) => {
    let note = '';
    for (let bad = 0; ; bad += 1) {
      await runOnce(engine, input, model.model, proxy, session, note);
      const checked = await verdictOf(engine, input, session);
      if (!('retry' in checked)) return checked;
      if (bad >= BAD_ANSWERS && !checked.said) {
        return stopped(session, 'model_error', checked.retry);
      }
      if (checked.said) bad -= 1;
      input.events.note(`${engine.name}: ${checked.retry}`);
      note = `\n\nThis was begun before, and its work is in the folder. ${checked.retry}`;
    }
  });
  const { turns, toolCalls, terminal } = session;
  const waits = terminal?.why === 'cooling' ? { waitMs: terminal.waitMs } : {};
  return { ...verdict, turns, toolCalls, model: name, ...waits };
}

async function withProxy(
  input: CliInput,
  session: Session,
  model: string,
  work: (proxy: GatewayProxy) => Promise<Verdict>,
): Promise<Verdict> {
  const proxy = await startGatewayProxy({
    gateway: input.gateway,
    token: input.token,
    admit: () => admitTurn(input, session, model),
    onRequest: () => {
      session.requests += 1;
      input.onRequest();
    },
    // What the provider did not answer was no turn; the program asks again by itself.
    onAnswer: (status) => {
      if (status >= 400) session.turns -= 1;
    },
    onTerminal: (why, message, waitMs) => {
      session.terminal ??= { why, message, waitMs };
      session.kill();
    },
  });
  try {
    return await work(proxy);
  } finally {
    await proxy.close();
  }
}

/**
 * A turn is a request to the model: these programs do not say when one begins, and their models may act
 * without a word.
 */
function admitTurn(input: CliInput, session: Session, model: string): string | null {
  if (session.turns >= input.spec.limits.turns) {
    session.outOfTurns = true;
    session.kill();
    return 'no turns are left';
  }
  session.turns += 1;
  input.events.turn(session.turns, model);
  return null;
}

async function runOnce(
  engine: CliEngine,
  input: CliInput,
  model: string,
  proxy: GatewayProxy,
  session: Session,
  note: string,
): Promise<void> {
  await mkdir(input.tmp, { recursive: true });
  const scratch = await mkdtemp(join(input.tmp, `${engine.name}-`));
  const schema = answerSchema(input.spec.report, engine.strict);
  await writeFile(join(scratch, 'answer-schema.json'), JSON.stringify(schema));
  session.answer = null;
  session.failed = null;
  const command = engine.command({
    instructions: input.spec.instructions,
    opening: `${input.opening}\n\n${answerAdvice(input.spec.report)}${note}`,
    model,
    workspace: input.workspace,
    scratch,
    answerSchema: schema,
    gateway: proxy.url,
    key: proxy.key,
    writes: input.spec.tools.includes('edit_file'),
    runs: input.spec.tools.includes('run_command'),
    isolated: input.isolated,
  });
  try {
    await follow(engine, input, command, session);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Starts the program and reads it to its end; it is killed when a bound of the task is reached. */
async function follow(
  engine: CliEngine,
  input: CliInput,
  command: CliCommand,
  session: Session,
): Promise<void> {
  const child = spawn(input.program, command.args, {
    cwd: input.workspace,
    env: { ...input.env, ...command.env },
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const ended = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      session.failed = `it could not be started: ${error.message}`;
      resolve();
    });
    child.once('close', () => resolve());
  });
  let errors = '';
  child.stderr.on('data', (part: Buffer) => {
    errors = (errors + part.toString('utf8')).slice(-STDERR_CHARS);
  });
  const kill = (): void => {
    if (child.pid) void killTree(child.pid);
  };
  session.kill = kill;
  const take = (event: CliEvent): void => apply(event, input, session);
  const reader = lineReader(
    (line) => engine.read(line).forEach(take),
    (why) => input.events.note(`${engine.name}: ${why}`),
  );
  child.stdout.on('data', reader);
  child.stdin.on('error', () => undefined);
  child.stdin.end(command.input);
  input.signal.addEventListener('abort', kill, { once: true });
  if (input.signal.aborted) kill();
  await ended;
  session.kill = () => undefined;
  input.signal.removeEventListener('abort', kill);
  if (child.pid) await killTree(child.pid);
  if (session.answer === null && session.failed === null) {
    session.failed = lastLine(errors) || `it ended with exit code ${child.exitCode}`;
  }
}

function apply(event: CliEvent, input: CliInput, session: Session): void {
  switch (event.kind) {
    case 'tool':
      if (event.ok === null) session.toolCalls += 1;
      return input.events.tool({ name: event.name, about: event.about, ok: event.ok, ms: 0 });
    case 'command':
      return input.onCommand(event.check);
    case 'text':
      if (event.text.trim() !== '') session.lastText = event.text;
      return;
    case 'answer':
      session.answer = event.json;
      return;
    case 'failed':
      session.failed = event.cause;
  }
}

const TERMINAL = { budget: 'budget', revoked: 'cancelled', cooling: 'outage' } as const;

async function verdictOf(
  engine: CliEngine,
  input: CliInput,
  session: Session,
): Promise<Verdict | { retry: string; said: boolean }> {
  const { terminal } = session;
  if (terminal !== null) {
    return stopped(session, TERMINAL[terminal.why], terminal.message);
  }
  if (session.outOfTurns) {
    return stopped(session, 'limit', `All ${input.spec.limits.turns} turns are used up`);
  }
  if (input.signal.aborted) {
    return stopped(session, 'limit', `The ${input.spec.limits.minutes} minutes are used up`);
  }
  if (session.answer === null || session.failed !== null) {
    const cause = `${engine.name}: ${session.failed ?? 'it gave no answer'}`.slice(0, 1_000);
    return stopped(session, session.requests === 0 ? 'unable' : 'model_error', cause);
  }
  const read = await readAnswer(input.spec.report, session.answer);
  if (!read.ok) {
    const retry = `The final answer did not fit. ${read.why}`.slice(0, 1_000);
    return { retry, said: false };
  }
  // These tools take no message while they work: what people said meanwhile begins another session.
  const messages = input.takeMessages();
  if (messages.length > 0) {
    const retry = `People with rights on this task said meanwhile:\n${messages.join('\n')}`;
    return { retry, said: true };
  }
  const { outcome } = read.end;
  const cause =
    outcome === 'finished' ? 'The agent finished its work' : 'The agent asks for a person';
  return { ...read.end, cause };
}

/** An end the tool did not choose; its last words stand in for the summary. */
function stopped(session: Session, outcome: Verdict['outcome'], cause: string): Verdict {
  return { outcome, cause, summary: session.lastText };
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}
