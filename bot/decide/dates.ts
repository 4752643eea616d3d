/** Purpose: the moments people name in `/autodev defer <date>`; everything is UTC. */

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
/** Nobody remembers why a run sleeps for longer. */
const MAX_DAYS = 366;

const UNIT_MS: Readonly<Record<string, number>> = {
  minute: MINUTE,
  hour: 60 * MINUTE,
  day: DAY,
  week: 7 * DAY,
};

/** How a moment can be written, for people. */
export const DATE_FORMS =
  '`2026-12-01`, `2026-12-01 14:30`, `in 2 hours`, `3 days`, `2 weeks`, `tomorrow` or `next week`';

export type ParsedDate = { at: Date } | { problem: 'unknown' | 'past' | 'far' };

/**
 * The moment that `words` name, seen from `now`: a date (its first minute) or date and time, a number
 * of minutes, hours, days or weeks from now, `tomorrow`, or `next week`, which is the next Monday. It
 * must lie ahead, by a year at most.
 */
export function parseDate(words: string, now: Date): ParsedDate {
  const at = moment(words.trim().toLowerCase(), now);
  if (at === null) return { problem: 'unknown' };
  if (at.getTime() <= now.getTime()) return { problem: 'past' };
  if (at.getTime() > now.getTime() + MAX_DAYS * DAY) return { problem: 'far' };
  return { at };
}

function moment(words: string, now: Date): Date | null {
  const midnight = now.getTime() - (now.getTime() % DAY);
  if (words === 'tomorrow') return new Date(midnight + DAY);
  if (words === 'next week') {
    const daysToMonday = (8 - now.getUTCDay()) % 7 || 7;
    return new Date(midnight + daysToMonday * DAY);
  }
  return relative(words, now) ?? calendar(words);
}

function relative(words: string, now: Date): Date | null {
  const found = /^(?:in )?(\d{1,6}) (minute|hour|day|week)s?$/.exec(words);
  const [, count = '', unit = ''] = found ?? [];
  const ms = UNIT_MS[unit];
  return ms === undefined ? null : new Date(now.getTime() + Number(count) * ms);
}

function calendar(words: string): Date | null {
  const found =
    /^(\d{4})-(\d{2})-(\d{2})(?:[ t](\d{2}):(\d{2})(?::\d{2}(?:\.\d{1,9})?)?)?(?:z| utc)?$/.exec(
      words,
    );
  if (found === null) return null;
  const [, year, month, day, hour = '00', minute = '00'] = found;
  const iso = `${year}-${month}-${day}T${hour}:${minute}:00.000Z`;
  const at = new Date(iso);
  // 2026-02-31 would become a day in March.
  return Number.isNaN(at.getTime()) || at.toISOString() !== iso ? null : at;
}
