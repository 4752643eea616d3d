/** The configuration for a command, or every problem at once and exit code 2. */
import { describeProblems, readEnv, type Config } from '../config/env.ts';

/** Thrown for what a person at the terminal can mend; printed without a stack. */
export class UsageError extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode = 2, options?: ErrorOptions) {
    super(message, options);
    this.name = 'UsageError';
    this.exitCode = exitCode;
  }
}

/** An error in three short lines: what is, why, and what to do. Exit code 1 unless said otherwise. */
export function failure(
  what: string,
  why: string,
  fix: string,
  options: { exitCode?: number; cause?: unknown } = {},
): UsageError {
  const cause = options.cause === undefined ? undefined : { cause: options.cause };
  return new UsageError(`${what}\n  why: ${why}\n  fix: ${fix}`, options.exitCode ?? 1, cause);
}

/** @throws UsageError naming every variable that is missing or wrong, with its fix. */
export function requireConfig(): Config {
  const result = readEnv();
  if (!result.ok) throw new UsageError(describeProblems(result.problems));
  return result.config;
}
