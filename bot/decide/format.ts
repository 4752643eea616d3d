/** Purpose: money, durations and times as people read them. */

/** Micro-dollars as dollars with two digits: `$0.41`; a started cent is shown as `<$0.01`. */
export function money(microusd: number): string {
  if (microusd > 0 && microusd < 10_000) return '<$0.01';
  return `$${(microusd / 1_000_000).toFixed(2)}`;
}

/** Milliseconds as `45 s`, `3 min`, `2 h 5 min`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 90) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A time of day as plain UTC: `14:20 UTC`. */
export function utcTime(date: Date): string {
  return `${date.toISOString().slice(11, 16)} UTC`;
}

/** A time as plain UTC to the minute: `2026-11-21 14:20 UTC`. */
export function utc(date: Date): string {
  return `${date.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
