/** What a tool is, and how a model's call becomes a result. */
import * as z from 'zod';
import type { CommandCheck, JobOutcome } from '../../schema/wire/result.ts';
import type { ThreadRequest, ToolName } from '../../schema/wire/job-api.ts';
import type { Finding } from '../../schema/wire/finding.ts';
import type { Report } from '../../schema/wire/report.ts';
import type { ToolSpec } from '../engines/model.ts';

/** What a tool may use. */
export interface ToolContext {
  /** The workspace, as a real path. */
  root: string;
  /** Bytes of one result that reach the model. */
  resultBytes: number;
  /** Upper bound of one command, in seconds. */
  commandSeconds: number;
  /** Environment of commands: no token in it. */
  env: Record<string, string>;
  /** Command line that starts this program, for the built-in search. */
  self: readonly string[];
  /** Stops a running command or search. */
  signal: AbortSignal;
  /** Told when a command of the agent ended. */
  onCommand(check: CommandCheck): void;
  /**
   * Keeps a picture (PNG, base64) for the people; answers with what became of it, for the model. Absent
   * where nobody waits for pictures.
   */
  onPicture?(picture: { title: string; content: string }): string;
  /** Keeps a finding for the result, whatever becomes of the task. */
  onFinding(finding: Finding): 'kept' | 'known' | 'full';
  /** Asks the bot for an issue or change, through the supervisor. The text of a refusal says why. */
  readThread(request: ThreadRequest): Promise<{ ok: boolean; text: string }>;
}

export interface ToolResult {
  /** False: the model is told that its call was wrong and how to mend it. */
  ok: boolean;
  text: string;
  /** Pictures (PNG, base64) that the model is shown beside the text. */
  images?: string[];
  /** Set by `finish`. */
  end?: {
    outcome: Extract<JobOutcome, 'finished' | 'needs_human'>;
    summary: string;
    comment?: string;
    report?: Report;
  };
}

export interface Tool<Input = unknown> {
  name: ToolName;
  description: string;
  input: z.ZodType<Input>;
  /** What the model is told instead of `input`, where the check knows more than every task of a role may. */
  told?: z.ZodType;
  /** One short line for the log, e.g. the path. */
  about(input: Input): string;
  run(input: Input, context: ToolContext): Promise<ToolResult>;
}

/** Ties a tool's schema to its functions and forgets the input type, so that tools fit one list. */
export function defineTool<Schema extends z.ZodType>(
  tool: Omit<Tool<z.output<Schema>>, 'input'> & { input: Schema },
): Tool {
  return tool as unknown as Tool;
}

/** The tool as told to a model: a plain JSON schema without the dialect's own noise. */
export function toolSpec(tool: Tool): ToolSpec {
  const { $schema: _, ...parameters } = z.toJSONSchema(tool.told ?? tool.input, {
    override: ({ jsonSchema }) => {
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
    },
  });
  return { name: tool.name, description: tool.description, parameters };
}

/** A refusal or failure told to the model. */
export function toolError(text: string): ToolResult {
  return { ok: false, text };
}

export type Checked =
  | { ok: true; tool: Tool; input: unknown }
  /** `report`: the call would end the task, but its report is missing or does not fit. */
  | { ok: false; text: string; report?: true };

/** Checks a model's call against the tools it has; the text names the field and the fix. */
export function checkCall(tools: readonly Tool[], name: string, json: string): Checked {
  const tool = tools.find((candidate) => candidate.name === name);
  if (!tool) {
    const known = tools.map((candidate) => candidate.name).join(', ');
    return { ok: false, text: `There is no tool "${name.slice(0, 60)}". Use one of: ${known}.` };
  }
  let value: unknown;
  try {
    value = JSON.parse(json === '' ? '{}' : json);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return {
      ok: false,
      text: `The arguments of ${name} are not valid JSON (${why}). Send the call again.`,
    };
  }
  const parsed = tool.input.safeParse(value);
  if (parsed.success) return { ok: true, tool, input: parsed.data };
  const issues = parsed.error.issues
    .slice(0, 5)
    .map((issue) => `${issue.path.join('.') || 'arguments'}: ${issue.message}`);
  const report = name === 'finish' && parsed.error.issues.some(({ path }) => path[0] === 'report');
  return {
    ok: false,
    text: `The arguments of ${name} do not fit: ${issues.join('; ')}. Mend them and call again.`,
    ...(report ? { report } : {}),
  };
}

/** Cuts a text to `bytes` of UTF-8, saying so at the end. */
export function clipBytes(text: string, bytes: number, advice: string): string {
  const all = Buffer.from(text, 'utf8');
  if (all.length <= bytes) return text;
  const kept = new TextDecoder('utf-8').decode(all.subarray(0, bytes), { stream: true });
  return `${kept}\n[... ${all.length - bytes} more bytes left out. ${advice}]`;
}
