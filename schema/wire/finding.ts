/** One remark on code, as every kind of look brings it. */
import * as z from 'zod';

export const Severity = z.enum(['critical', 'high', 'medium', 'low', 'info']);
export type Severity = z.infer<typeof Severity>;

/** One review remark; `line` counts on the new side of the diff. */
export const Finding = z
  .strictObject({
    path: z.string().min(1).max(400),
    line: z.int().positive(),
    /** The last line it is about, where that is another one. */
    endLine: z.int().positive().optional(),
    severity: Severity,
    category: z.string().min(1).max(40),
    /** The kind of weakness, for security problems. */
    cwe: z
      .string()
      .max(12)
      .regex(/^CWE-\d{1,7}$/, 'must be like CWE-79')
      .optional(),
    title: z.string().min(1).max(200),
    body: z.string().min(1).max(4_000),
    /** Text that replaces the lines, when the remark can be applied as it is. */
    suggestion: z.string().max(4_000).optional(),
    /** How sure the agent is, from 0 to 1. */
    confidence: z.number().min(0).max(1),
  })
  .refine(({ line, endLine }) => endLine === undefined || endLine >= line, {
    path: ['endLine'],
    message: 'must not be before line',
  });
export type Finding = z.infer<typeof Finding>;

export const Findings = z.array(Finding).max(50);

/** What a look says of a finding of an earlier look at the same change. */
export const Verified = z.strictObject({
  /** The number the finding was given to the agent under. */
  id: z.int().positive(),
  /** True when the problem is gone at the head that was looked at. */
  fixed: z.boolean(),
  /** One line: what mended it, or why it is still there. */
  why: z.string().max(300),
});
export type Verified = z.infer<typeof Verified>;

/** Absent where there was nothing to verify. */
export const VerifiedList = z.array(Verified).max(100).optional();

/** How good something is, from 0 to 100. */
export const Score = z.int().min(0).max(100);
