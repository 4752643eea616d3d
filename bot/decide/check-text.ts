/** Purpose: what CI says of a change, in words: for the tester's vote, the verdict and the change's page. */
import type { CheckFacts, TestFacts } from '../domain/checks.ts';

/** `48 passed, coverage 87 % (+1.2)`; '' when no job tells anything. */
export function testsText(tests: TestFacts | null): string {
  if (tests === null) return '';
  const { passed, failed, skipped } = tests;
  const parts: string[] = [];
  if (passed + failed + skipped > 0) parts.push(`${passed} passed`);
  if (failed > 0) parts.push(`${failed} failed`);
  if (skipped > 0) parts.push(`${skipped} skipped`);
  if (tests.coverage !== null) parts.push(coverageText(tests.coverage, tests.coverageBefore));
  return parts.join(', ');
}

/** `coverage 87 % (+1.2)`, the difference to the default branch in points. */
function coverageText(coverage: number, before: number | null): string {
  const now = `coverage ${digits(coverage)} %`;
  if (before === null) return now;
  const change = Math.round((coverage - before) * 10) / 10;
  if (change === 0) return `${now} (±0)`;
  return `${now} (${change > 0 ? '+' : '−'}${digits(Math.abs(change))})`;
}

function digits(value: number): string {
  return String(Math.round(value * 10) / 10);
}

/** One sentence on the change's own pipeline, with its figures. */
export function checksSentence(checks: CheckFacts): string {
  const figures = testsText(checks.tests);
  const told = figures === '' ? '' : `: ${figures}`;
  const pipeline = checks.url === '' ? 'pipeline' : `[pipeline](${checks.url})`;
  switch (checks.outcome) {
    case 'passed':
      return `Its ${pipeline} passed${told}.`;
    case 'failed':
      return `Its ${pipeline} failed${told}.`;
    case 'cancelled':
      return `Its ${pipeline} was cancelled.`;
    case 'not run':
      return `Its ${pipeline} did not run.`;
    case 'late':
      return `Its ${pipeline} had not ended when the wait was over.`;
    case 'none':
      return 'The repository ran no pipeline for it.';
  }
}
