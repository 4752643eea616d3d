/**
 * Errors of the store that a person has to act on. Everything else is a driver error, as it came.
 */

export type StoreErrorCode =
  /** Another process works in the same embedded database folder. */
  | 'data_dir_locked'
  /** A migration that was applied has another text now. */
  | 'migration_changed'
  /** The database was migrated by a newer version of AutoDev. */
  | 'database_newer'
  /** Migration files are not numbered 0001, 0002, … without gaps. */
  | 'migration_numbering'
  /** A query on the outer handle was made while a transaction of the same flow is open. */
  | 'query_outside_transaction'
  /** A function that needs a transaction was called without one. */
  | 'transaction_required'
  /** A 64-bit value does not fit a JavaScript number. */
  | 'unsafe_integer';

/** A problem with the store; branch on `code`, show `message` (what, why, what to do). */
export class StoreError extends Error {
  readonly code: StoreErrorCode;

  constructor(code: StoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StoreError';
    this.code = code;
  }
}

/** SQLSTATE of a driver error, or null when the error is not the database's. */
export function sqlState(error: unknown): string | null {
  if (typeof error !== 'object' || error === null || !('code' in error)) return null;
  return typeof error.code === 'string' && /^[0-9A-Z]{5}$/.test(error.code) ? error.code : null;
}

const UNIQUE_VIOLATION = '23505';

/** True when a statement was refused because another row holds what may stand once. */
export const isUniqueViolation = (error: unknown): boolean => sqlState(error) === UNIQUE_VIOLATION;
