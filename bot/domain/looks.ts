/** Looks at a change that people ask for under it: by command, the workflow that does it. */
import type { Change } from './events.ts';

const LOOKS = ['review', 'test', 'security'] as const;
export type Look = (typeof LOOKS)[number];

/** True for commands that look at the very change they are written under, whoever made it. */
export function isLook(command: string): command is Look {
  return LOOKS.some((name) => name === command);
}

/** A change that a look was asked for, as the forge has it now. */
export interface TargetChange extends Change {
  /** Markdown by its author. */
  description: string;
  /** Changed files; `diff` is empty where the forge shows none. */
  files: readonly { path: string; diff: string }[];
}
