/** Where a line of the new side stands in a file's unified diff (gitlab-facts §3.4). Pure. */

export type NewSideLine = { kind: 'added' } | { kind: 'context'; oldLine: number };

const HUNK = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@/;

/**
 * What line `line` (from 1) of the new file is in `diff`, the hunks of that one file as GitLab's
 * `diffs` gives them; null when no hunk shows it. Hunks are read by the lengths in their headers,
 * since lines of the file may look like headers.
 */
export function newSideLine(diff: string, line: number): NewSideLine | null {
  let oldLine = 0;
  let newLine = 0;
  let oldLeft = 0;
  let newLeft = 0;
  for (const text of diff.split('\n')) {
    if (oldLeft <= 0 && newLeft <= 0) {
      const hunk = HUNK.exec(text);
      if (!hunk) continue;
      oldLine = Number(hunk[1]);
      oldLeft = Number(hunk[2] ?? 1);
      newLine = Number(hunk[3]);
      newLeft = Number(hunk[4] ?? 1);
    } else if (text.startsWith('+')) {
      if (newLine === line) return { kind: 'added' };
      newLine += 1;
      newLeft -= 1;
    } else if (text.startsWith('-')) {
      oldLine += 1;
      oldLeft -= 1;
    } else if (!text.startsWith('\\')) {
      if (newLine === line) return { kind: 'context', oldLine };
      newLine += 1;
      newLeft -= 1;
      oldLine += 1;
      oldLeft -= 1;
    }
  }
  return null;
}
