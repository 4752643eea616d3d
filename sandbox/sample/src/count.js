const WORD = /[\p{L}\p{N}]+/gu;

/**
 * Counts the words of a text, most frequent first; ties are in alphabetical order.
 *
 * @param {string} text
 * @returns {{ word: string, count: number }[]}
 */
export function countWords(text) {
  const counts = new Map();
  for (const [word] of text.toLowerCase().matchAll(WORD)) {
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return [...counts]
    .map(([word, count]) => ({ word, count }))
    .sort((a, b) => b.count - a.count || a.word.localeCompare(b.word));
}
