/** A change that people ask to be looked at. */
import type { Change } from './events.ts';
import type { KnownFinding } from './findings.ts';

/** A change that a look was asked for, as the forge has it now. */
export interface TargetChange extends Change {
  /** Changed files; `diff` is empty where the forge shows none. */
  files: readonly { path: string; diff: string }[];
  /** Findings of earlier looks, with what people said of them by now. */
  findings: readonly KnownFinding[];
}
