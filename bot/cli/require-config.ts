/** The configuration for a command, or every problem at once and exit code 2. */
import { describeProblems, readEnv, type Config } from '../config/env.ts';

/** Thrown for mistakes of the person at the terminal; printed without a stack. */
export class UsageError extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode = 2) {
    super(message);
    this.name = 'UsageError';
    this.exitCode = exitCode;
  }
}

/** @throws UsageError naming every variable that is missing or wrong, with its fix. */
export function requireConfig(): Config {
  const result = readEnv();
  if (!result.ok) throw new UsageError(describeProblems(result.problems));
  return result.config;
}
