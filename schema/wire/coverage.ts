/** Which lines the repository's own tests reach, as a file says that their run left behind. */
import * as z from 'zod';

/** Upper bounds; what is more is left out. */
export const COVERAGE_LIMITS = { files: 1_000, linesOfFile: 20_000, lines: 60_000 } as const;

export const CoverageFormat = z.enum(['lcov', 'cobertura', 'clover', 'jacoco']);
export type CoverageFormat = z.infer<typeof CoverageFormat>;

export const CoveredFile = z.strictObject({
  /** A file of the commit, from the root of the repository. */
  path: z.string().min(1).max(400),
  /** Line and how often it ran; 0 where no test reaches it. */
  lines: z
    .array(z.tuple([z.int().positive(), z.int().nonnegative()]))
    .max(COVERAGE_LIMITS.linesOfFile),
});
export type CoveredFile = z.infer<typeof CoveredFile>;

export const Coverage = z
  .strictObject({
    format: CoverageFormat,
    /** The file that says so. */
    source: z.string().min(1).max(400),
    files: z.array(CoveredFile).min(1).max(COVERAGE_LIMITS.files),
  })
  .refine(
    ({ files }) => files.reduce((sum, { lines }) => sum + lines.length, 0) <= COVERAGE_LIMITS.lines,
    { path: ['files'], message: 'must not hold more lines than COVERAGE_LIMITS.lines' },
  );
export type Coverage = z.infer<typeof Coverage>;
