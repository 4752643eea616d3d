/** Money and quotes as `explain` prints them. */

/** Longest reason or argument of a person that is repeated. */
const MAX_QUOTE = 300;

export function dollars(microusd: number): string {
  return `$${(microusd / 1_000_000).toFixed(2)}`;
}

/** On one bounded line. */
export function cut(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return line.length > MAX_QUOTE ? `${line.slice(0, MAX_QUOTE)}…` : line;
}
