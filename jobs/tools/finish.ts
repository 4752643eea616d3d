import * as z from 'zod';
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
 * is required, because votes and findings are made of it; with `none` there must be none. The model is
 * told of all `kinds`, which are those of its role.
 */
export function finishTool(kind: ReportKind, kinds: readonly ReportKind[] = [kind]): Tool {
  const told = toldReports([...kinds, kind]);
  return defineTool({
    name: 'finish',
    description:
      told === null
        ? DESCRIPTION
        : `${DESCRIPTION} With done, give the report that the task names.`,
    input: inputOf(kind, told !== null),
    ...(told === null ? {} : { told: INPUT.extend({ report: told.nullish() }) }),
    about: ({ outcome }) => outcome,
    run: async (input) => ended(input),
  });
}

/** What the task's own message says about the report; the tool itself is told the same to all tasks. */
export function reportAdvice(kind: ReportKind): string {
  if (kind === 'none') return 'This task takes no report: leave `report` out of `finish`, or null.';
  return `With outcome done, \`finish\` takes a \`report\` of kind "${kind}" here, and no other.`;
}

/** One of the kinds, in a fixed order; null when there is none. */
function toldReports(kinds: readonly ReportKind[]): z.ZodType<Report> | null {
  const schemas = Object.entries(REPORTS)
    .filter(([kind]) => kinds.includes(kind as ReportKind))
    .map(([, schema]): z.ZodType<Report> => schema);
  const [first] = schemas;
  if (first === undefined) return null;
  return schemas.length === 1 ? first : z.union(schemas);
}

type FinishInput = z.output<typeof INPUT> & { report?: Report | null | undefined };

function inputOf(kind: ReportKind, toldOfReports: boolean): z.ZodType<FinishInput> {
  if (kind !== 'none') return withReport(kind);
  return toldOfReports ? WITHOUT_REPORT : INPUT;
}

const WITHOUT_REPORT = INPUT.extend({
  report: z.null({ error: 'This task takes no report; leave it out' }).optional(),
});

function withReport(kind: Exclude<ReportKind, 'none'>) {
  // A model that must name every property writes null for what it leaves out.
  const report: z.ZodType<Report> = z.preprocess(withoutNulls, REPORTS[kind]);
  return INPUT.extend({ report: report.nullish() }).refine(
    (input) => input.outcome !== 'done' || Boolean(input.report),
    { path: ['report'], message: `Missing; with outcome "done" give the ${kind} report` },
  );
}

function ended({ outcome, summary, comment, report }: FinishInput): ToolResult {
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

/** A model that must name every property writes null for what it leaves out. */
export function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(([, inner]) => inner !== null);
  return Object.fromEntries(kept.map(([key, inner]) => [key, withoutNulls(inner)]));
}
