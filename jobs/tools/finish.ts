import { z } from 'zod';
import { type Report, type ReportKind, REPORTS } from '../../schema/wire/report.ts';
import { RESULT_LIMITS } from '../../schema/wire/result.ts';
import { defineTool, type Tool, type ToolResult } from './tool.ts';

const DESCRIPTION =
  'Ends the task. Call it alone, once the work is complete and checked (done), or when a person has to decide or help (needs_human). The files as they are now become the proposed change.';

const INPUT = z.strictObject({
  outcome: z.enum(['done', 'needs_human']),
  summary: z
    .string()
    .min(1)
    .max(RESULT_LIMITS.summaryChars)
    .describe('What was done and how it was checked, or what is missing; Markdown'),
  comment: z
    .string()
    .max(RESULT_LIMITS.commentChars)
    .nullish()
    .describe('Answer or question for the people in the issue; Markdown'),
});

/**
 * The tool that ends a task whose result carries a report of `kind`. With outcome `done` the report
 * is required, because votes and findings are made of it; with `none` there is no such property.
 */
export function finishTool(kind: ReportKind): Tool {
  if (kind === 'none') {
    return defineTool({
      name: 'finish',
      description: DESCRIPTION,
      input: INPUT,
      about: ({ outcome }) => outcome,
      run: async (input) => ended(input),
    });
  }
  // A model that must name every property writes null for what it leaves out.
  const report: z.ZodType<Report> = z.preprocess(withoutNulls, REPORTS[kind]);
  return defineTool({
    name: 'finish',
    description: `${DESCRIPTION} With done, report is required.`,
    input: INPUT.extend({ report: report.nullish() }).refine(
      (input) => input.outcome !== 'done' || Boolean(input.report),
      { path: ['report'], message: `Missing; with outcome "done" give the ${kind} report` },
    ),
    about: ({ outcome }) => outcome,
    run: async (input) => ended(input, input.report),
  });
}

function ended(input: z.output<typeof INPUT>, report?: Report | null): ToolResult {
  const { outcome, summary, comment } = input;
  return {
    ok: true,
    text: 'The task is ended.',
    end: {
      outcome: outcome === 'done' ? 'finished' : 'needs_human',
      summary,
      ...(comment ? { comment } : {}),
      ...(report ? { report } : {}),
    },
  };
}

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(([, inner]) => inner !== null);
  return Object.fromEntries(kept.map(([key, inner]) => [key, withoutNulls(inner)]));
}
