/**
 * Lays counts out as a table with a heading, words to the left, numbers to the right.
 *
 * @param {{ word: string, count: number }[]} counts
 * @returns {string} lines without a line break at the end
 */
export function formatTable(counts) {
  const rows = [['word', 'count'], ...counts.map(({ word, count }) => [word, String(count)])];
  const left = Math.max(...rows.map(([word]) => word.length));
  const right = Math.max(...rows.map(([, count]) => count.length));
  return rows.map(([word, count]) => `${word.padEnd(left)}  ${count.padStart(right)}`).join('\n');
}
