/** What CI says of a change: facts that no model had a hand in (DESIGN §5). */

/** Counts and coverage of one pipeline; zero and null where no job tells them. */
export interface TestFacts {
  passed: number;
  failed: number;
  skipped: number;
  /** Percent, of the change's own pipeline. */
  coverage: number | null;
  /** Percent, of the default branch's newest pipeline that tells it. */
  coverageBefore: number | null;
}

/** How a change's own pipeline ended; `none` and `late`: it was not waited for any longer. */
export type CheckOutcome = 'passed' | 'failed' | 'cancelled' | 'none' | 'late' | 'not run';

/** What CI said of a change when its votes were counted. */
export interface CheckFacts {
  outcome: CheckOutcome;
  sha: string;
  /** The pipeline; '' where there was none. */
  url: string;
  tests: TestFacts | null;
}
