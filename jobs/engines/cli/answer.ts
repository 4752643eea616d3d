/** The final answer of a command line tool: the same fields as the tool `finish`, as one JSON object. */
import type { ReportKind } from '../../../schema/wire/report.ts';
import { finishTool } from '../../tools/finish.ts';
import { strictSchema } from '../strict-schema.ts';
import { checkCall, toolSpec, type ToolContext, type ToolResult } from '../../tools/tool.ts';

/** The JSON schema of the answer; `strict`: every property is required, and null where it may be missing. */
export function answerSchema(kind: ReportKind, strict: boolean): Record<string, unknown> {
  const { parameters } = toolSpec(finishTool(kind));
  return strict ? strictSchema(parameters) : parameters;
}

/** What was asked for, for tools whose model does not see the schema. */
export function answerAdvice(kind: ReportKind): string {
  const report = kind === 'none' ? '' : `, and "report" is the ${kind} report`;
  return (
    'When the work is complete and checked, end with the structured answer: "outcome" is "done", or ' +
    `"needs_human" when a person has to decide; "summary" says what was done and how it was checked${report}. ` +
    'The files as they are then become the proposed change; do not commit or push.'
  );
}

/** The answer checked against the schema of `finish`. */
export async function readAnswer(
  kind: ReportKind,
  json: string,
): Promise<{ ok: true; end: NonNullable<ToolResult['end']> } | { ok: false; why: string }> {
  const checked = checkCall([finishTool(kind)], 'finish', json);
  if (!checked.ok) return { ok: false, why: checked.text };
  const { end } = await checked.tool.run(checked.input, NO_CONTEXT);
  return end ? { ok: true, end } : { ok: false, why: 'It ended nothing.' };
}

/** `finish` looks at nothing. */
const NO_CONTEXT = {} as ToolContext;
