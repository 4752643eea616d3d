/** Starts the agent process, reads what it reports, and makes sure that it is gone afterwards. */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import type { Finding } from '../../schema/wire/finding.ts';
import type { ThreadRequest } from '../../schema/wire/job-api.ts';
import { type Attachment, type CommandCheck, RESULT_LIMITS } from '../../schema/wire/result.ts';
import { asAttachment } from '../agent/pictures.ts';
import { type EndReport, lineReader, type Order, Report, REPORT_LINES } from '../agent/protocol.ts';
import { findingBook } from '../findings.ts';
import { killStragglers, killTree } from '../process-group.ts';

/** Checks kept; the newest are the ones that count. */
const CHECKS = 50;
/** Bytes of the agent's own error output that reach the log. */
const STDERR_BYTES = 4_000;

export interface AgentOptions {
  /** Command line that starts this program. */
  self: readonly string[];
  env: Record<string, string>;
  cwd: string;
  start: Extract<Order, { type: 'start' }>;
  log: (line: string) => void;
  /** Answers what the agent asks of the bot. */
  onAsk: (thread: ThreadRequest) => Promise<{ ok: boolean; text: string }>;
}

export interface AgentProcess {
  /** What it does now, for the heartbeat. */
  status(): { turn: number; doing: string };
  /** Hands it a comment by a person. */
  tell(text: string): void;
  /** Commands it says it ran, oldest first. */
  checks(): CommandCheck[];
  /** Pictures it kept for the people, oldest first. */
  pictures(): Attachment[];
  /** Findings it recorded so far. */
  findings(): Finding[];
  /** Why another engine does the work than the one asked for; null when it is that one. */
  engine(): string | null;
  /** Resolves when the process is gone: with its verdict, or with how it died. */
  ended: Promise<{ end: EndReport | null; died: string }>;
  /** Kills it, its commands and whatever they left behind. Safe to call twice. */
  kill(): Promise<void>;
}

/** Starts the agent in a process group of its own with exactly the environment given. */
export function startAgent(options: AgentOptions): AgentProcess {
  const [file, ...args] = options.self;
  const child = spawn(file ?? process.execPath, [...args, 'agent'], {
    cwd: options.cwd,
    env: options.env,
    detached: true,
    stdio: ['pipe', 'ignore', 'pipe', 'pipe'],
  });
  const send = (order: Order): void => void child.stdin?.write(`${JSON.stringify(order)}\n`);
  const state = reportState(options.log, (id, thread) => {
    void options.onAsk(thread).then(({ ok, text }) => send({ type: 'answer', id, ok, text }));
  });
  const reports = child.stdio[3] as Readable;
  reports.on(
    'data',
    lineReader(state.take, (why) => options.log(`agent: ${why}`)),
  );
  reports.on('error', () => undefined);
  child.stderr?.on('data', errorOutput(options.log));
  child.stdin?.on('error', () => undefined);
  send(options.start);
  const kill = async (): Promise<void> => {
    if (child.pid) await killTree(child.pid);
    await killStragglers(options.env['TMPDIR'] ?? '', [options.cwd]);
  };
  // `exit`, not `close`: a leftover child may hold the pipes open. Its last lines are read already
  // when the pipe ends; otherwise after a moment.
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(`could not be started: ${error.message}`));
    child.once('exit', (code, signal) => {
      const by = signal ?? signalOf(code);
      const how = by === null ? `ended with exit code ${code}` : `was ended by ${by}`;
      if (reports.readableEnded) resolve(how);
      reports.once('end', () => resolve(how));
      setTimeout(() => resolve(how), 500).unref();
    });
  });
  return {
    status: state.status,
    tell: (text) => send({ type: 'message', text }),
    checks: state.checks,
    pictures: state.pictures,
    findings: state.findings,
    engine: state.engine,
    ended: ended.then(async (died) => {
      await kill();
      return { end: state.end(), died };
    }),
    kill,
  };
}

/** The signal behind an exit code of a program that ran another one for us. */
function signalOf(code: number | null): string | null {
  const number = (code ?? 0) - 128;
  const found = Object.entries(constants.signals).find(([, value]) => value === number);
  return found?.[0] ?? null;
}

/** Follows the reports; after the verdict nothing more is taken. */
function reportState(
  log: (line: string) => void,
  onAsk: (id: number, thread: ThreadRequest) => void,
) {
  let turn = 0;
  let doing = 'starting';
  let lines = 0;
  let end: EndReport | null = null;
  let engine: string | null = null;
  const pictures: Attachment[] = [];
  const checks: CommandCheck[] = [];
  const book = findingBook();
  const apply = (report: Report): void => {
    switch (report.type) {
      case 'turn':
        turn = report.turn;
        doing = `thinking (${report.model})`;
        return log(`turn ${report.turn} · ${report.model}`);
      case 'tool':
        doing = `${report.name} ${report.about}`;
        return log(toolLine(report));
      case 'command':
        checks.push(report.check);
        if (checks.length > CHECKS) checks.shift();
        return;
      case 'picture':
        if (pictures.length < RESULT_LIMITS.attachments) {
          pictures.push(asAttachment(report, pictures.length));
        }
        return;
      case 'finding':
        book.add(report.finding);
        return;
      case 'ask':
        return onAsk(report.id, report.thread);
      case 'engine':
        engine ??= report.why;
        return log(`engine: ${report.why}`);
      case 'note':
        return log(`agent: ${report.text}`);
      case 'end':
        end = report;
    }
  };
  const take = (value: unknown): void => {
    lines += 1;
    if (end !== null || lines > REPORT_LINES) return;
    const parsed = Report.safeParse(value);
    if (parsed.success) apply(parsed.data);
    else log('agent: a report that does not fit was dropped');
  };
  return {
    take,
    status: () => ({ turn, doing }),
    checks: () => [...checks],
    pictures: () => [...pictures],
    findings: () => book.all(),
    engine: () => engine,
    end: (): EndReport | null => end,
  };
}

/** Passes on the first bytes of the agent's own error output. */
function errorOutput(log: (line: string) => void): (part: Buffer) => void {
  let room = STDERR_BYTES;
  return (part) => {
    if (room > 0) log(`agent error output: ${part.subarray(0, room).toString('utf8')}`);
    room -= part.length;
  };
}

function toolLine(report: Extract<Report, { type: 'tool' }>): string {
  const { name, about, ok, ms } = report;
  if (ok === null) return `  ${name} ${about}`;
  const seconds = (ms / 1000).toFixed(1);
  return ok ? `  ${name} done in ${seconds} s` : `  ${name} refused: ${about} (${seconds} s)`;
}
