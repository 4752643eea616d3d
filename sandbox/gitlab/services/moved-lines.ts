/** Where a line goes by a unified diff of its file. Pure. */

/**
 * The number of an old line on the new side, or with `back` of a new line on the old one; null when the
 * diff changes that very line. Lines outside of all hunks only shift.
 */
export function moveLine(patch: string, line: number, way: 'on' | 'back' = 'on'): number | null {
  let shift = 0;
  let [from, to] = [0, 0];
  for (const text of patch.replace(/\n$/, '').split('\n')) {
    const hunk = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@/.exec(text);
    if (hunk) {
      // An empty side names the line before it.
      const old = Number(hunk[1]) + (hunk[2] === '0' ? 1 : 0);
      const now = Number(hunk[3]) + (hunk[4] === '0' ? 1 : 0);
      [from, to] = way === 'on' ? [old, now] : [now, old];
      if (line < from) return line + shift;
      continue;
    }
    const sign = text.charAt(0);
    const gone = way === 'on' ? '-' : '+';
    const fresh = way === 'on' ? '+' : '-';
    if (sign === gone) {
      if (from === line) return null;
      from += 1;
    } else if (sign === fresh) {
      to += 1;
    } else if (sign === ' ' || text === '') {
      if (from === line) return to;
      from += 1;
      to += 1;
    }
    shift = to - from;
  }
  return line + shift;
}
