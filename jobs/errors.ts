/** An error meant for people: what happened, why, and what to do. Printed as one line. */
export class JobError extends Error {
  override readonly name = 'JobError';
  readonly why: string;
  readonly fix: string;

  constructor(what: string, why: string, fix: string) {
    super(what);
    this.why = why;
    this.fix = fix;
  }
}

/** The runner or the job image lacks what the settings ask for: trying again there would not help. */
export class UnableError extends JobError {}

/** One line for any thrown value: `what: why. fix`, without a stack. */
export function describeError(error: unknown): string {
  if (error instanceof JobError) return `${error.message}: ${error.why}. ${error.fix}`;
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
