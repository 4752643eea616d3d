/** Closing issues by `Closes #n` in commits and merge requests. */
import type { Instance } from '../instance.ts';
import { findIssue } from '../state/state.ts';
import type { Project, User } from '../state/types.ts';
import { changeState } from './issuables.ts';

/** GitLab's closing pattern, without cross-project references. */
const CLOSING =
  /\b(?:clos(?:e[sd]?|ing)|fix(?:e[sd]|ing)?|resolv(?:e[sd]?|ing)|implement(?:s|ed|ing)?):?\s+((?:#\d+(?:\s*,\s*(?:and\s+)?|\s+and\s+)?)+)/gi;

/** Numbers of the issues a text closes, e.g. `Closes #1, #2`. */
export function closingNumbers(text: string): number[] {
  const found = [...text.matchAll(CLOSING)].flatMap((match) =>
    [...(match[1] ?? '').matchAll(/#(\d+)/g)].map((number) => Number(number[1])),
  );
  return [...new Set(found)];
}

/** Closes the open issues a text names. */
export async function closeByText(
  gl: Instance,
  project: Project,
  user: User,
  text: string,
): Promise<void> {
  for (const iid of closingNumbers(text)) {
    const issue = findIssue(project, iid);
    if (issue?.state === 'opened') await changeState(gl, issue, user, 'close');
  }
}
