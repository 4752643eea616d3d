/** The final answer of a command line tool: the same fields as the tool `finish`, as one JSON object. */
import type { ReportKind } from '../../../schema/wire/report.ts';
import { finishTool } from '../../tools/finish.ts';
import { checkCall, toolSpec, type ToolContext, type ToolResult } from '../../tools/tool.ts';

/** Keywords that structured outputs of the providers do not take; the answer is checked again by us. */
const LEFT_OUT = new Set(['minLength', 'maxLength', 'default', 'pattern', 'format']);

/** The JSON schema of the answer, every property named as required and null where it may be missing. */
export function answerSchema(kind: ReportKind): Record<string, unknown> {
  return strict(toolSpec(finishTool(kind)).parameters) as Record<string, unknown>;
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

function strict(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(strict);
  if (typeof schema !== 'object' || schema === null) return schema;
  const entries = Object.entries(schema as Record<string, unknown>).filter(
    ([name]) => !LEFT_OUT.has(name),
  );
  const plain = Object.fromEntries(
    entries.map(([name, value]) => [
      name,
      name === 'properties' ? strictProperties(value) : strict(value),
    ]),
  );
  const properties = plain['properties'] as Record<string, unknown> | undefined;
  if (properties === undefined) return plain;
  const required = new Set((plain['required'] as string[] | undefined) ?? []);
  const all = Object.entries(properties).map(([name, value]) => [
    name,
    required.has(name) ? value : nullable(value),
  ]);
  return {
    ...plain,
    properties: Object.fromEntries(all),
    required: Object.keys(properties),
    additionalProperties: false,
  };
}

/** Property names are no keywords: one may be called `format`. */
function strictProperties(value: unknown): unknown {
  return Object.fromEntries(
    Object.entries(value as Record<string, unknown>).map(([name, inner]) => [name, strict(inner)]),
  );
}

function nullable(schema: unknown): unknown {
  const options = (schema as { anyOf?: unknown[] }).anyOf;
  if (options?.some((one) => (one as { type?: unknown }).type === 'null')) return schema;
  return { anyOf: [schema, { type: 'null' }] };
}
