/**
 * The line between supervisor and agent process: JSON lines, down on the agent's standard input, up
 * on its file descriptor 3. The agent is not believed: the supervisor checks and clips every line.
 */
import * as z from 'zod';
import { Finding } from '../../schema/wire/finding.ts';
import { TaskSpec, ThreadRequest } from '../../schema/wire/job-api.ts';
import { Report as TaskReport } from '../../schema/wire/report.ts';
import { Attachment, CommandCheck, JobStats, RESULT_LIMITS } from '../../schema/wire/result.ts';

/** File descriptor on which the agent reports. */
export const REPORT_FD = 3;
/** Longest line either side accepts, in bytes. */
export const LINE_BYTES = 2 * 1024 * 1024;
/** Most lines the supervisor takes from one agent. */
export const REPORT_LINES = 100_000;

/** What the supervisor tells the agent. */
export const Order = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('start'),
    spec: TaskSpec,
    /** '' when the gateway is reached through `socket`. */
    gateway: z.string(),
    /** A socket file that leads to the gateway, for an agent without a network. */
    socket: z.string().nullable(),
    token: z.string(),
    workspace: z.string(),
    /** The process stands in namespaces of its own. */
    isolated: z.boolean(),
    /** Documents of the default branch, and files of their kind that the change alters. */
    guides: z.strictObject({
      documents: z.array(z.strictObject({ name: z.string(), text: z.string() })),
      altered: z.array(z.string()),
    }),
  }),
  /** A comment by a person, for the next turn. */
  z.strictObject({ type: z.literal('message'), text: z.string() }),
  /** What the bot said to an `ask`. */
  z.strictObject({
    type: z.literal('answer'),
    id: z.int().nonnegative(),
    ok: z.boolean(),
    text: z.string(),
  }),
]);
export type Order = z.infer<typeof Order>;

const brief = z.string().transform((text) => text.slice(0, 200));

/** What the agent tells the supervisor. */
export const Report = z.discriminatedUnion('type', [
  /** A turn of the model begins. */
  z.strictObject({ type: z.literal('turn'), turn: z.int().nonnegative(), model: brief }),
  /** A tool call begins (`ok` null) or ended. */
  z.strictObject({
    type: z.literal('tool'),
    name: brief,
    about: brief,
    ok: z.boolean().nullable(),
    ms: z.number().nonnegative(),
  }),
  z.strictObject({ type: z.literal('command'), check: CommandCheck }),
  /** A picture for the people. */
  z.strictObject({
    type: z.literal('picture'),
    title: Attachment.shape.title,
    content: Attachment.shape.content,
  }),
  /** Another engine than the one asked for does the work, and why. */
  z.strictObject({ type: z.literal('engine'), why: z.string() }),
  /** A finding, as soon as it is recorded. */
  z.strictObject({ type: z.literal('finding'), finding: Finding }),
  /** A question to the bot, which only the supervisor can reach. */
  z.strictObject({
    type: z.literal('ask'),
    id: z.int().nonnegative(),
    thread: ThreadRequest,
  }),
  /** Something worth a line in the log. */
  z.strictObject({ type: z.literal('note'), text: z.string() }),
  /** The verdict; the last line. */
  z.strictObject({
    type: z.literal('end'),
    outcome: z.enum([
      'finished',
      'needs_human',
      'limit',
      'budget',
      'model_error',
      'outage',
      'cancelled',
      'unable',
    ]),
    cause: z.string().transform((text) => text.slice(0, 1_000)),
    summary: z.string().transform((text) => text.slice(0, RESULT_LIMITS.summaryChars)),
    comment: z
      .string()
      .transform((text) => text.slice(0, RESULT_LIMITS.commentChars))
      .optional(),
    report: TaskReport.optional(),
    stats: JobStats,
  }),
]);
export type Report = z.infer<typeof Report>;
export type EndReport = Extract<Report, { type: 'end' }>;

/**
 * Cuts a byte stream into JSON lines and hands each parsed value to `take`. A line that is too long
 * or not JSON is handed to `bad` as one sentence.
 */
export function lineReader(
  take: (value: unknown) => void,
  bad: (why: string) => void,
): (part: Buffer) => void {
  let pending: Buffer[] = [];
  let bytes = 0;
  let skipping = false;
  return (part) => {
    let rest = part;
    for (;;) {
      const end = rest.indexOf(10);
      const piece = end === -1 ? rest : rest.subarray(0, end);
      bytes += piece.length;
      if (bytes > LINE_BYTES) skipping = true;
      if (skipping) pending = [];
      else pending.push(Buffer.from(piece));
      if (end === -1) return;
      const line = Buffer.concat(pending).toString('utf8');
      if (skipping) bad(`a line longer than ${LINE_BYTES} bytes was dropped`);
      else if (line.trim() !== '') parse(line, take, bad);
      pending = [];
      bytes = 0;
      skipping = false;
      rest = rest.subarray(end + 1);
    }
  };
}

function parse(line: string, take: (value: unknown) => void, bad: (why: string) => void): void {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    bad('a line that is not JSON was dropped');
    return;
  }
  take(value);
}
