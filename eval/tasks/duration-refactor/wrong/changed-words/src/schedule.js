import { parseDuration } from './duration.js';

/** The next time, in milliseconds, of something that happens every `interval` since `start`. */
export function nextDue(start, interval, now) {
  const every = parseDuration(interval);
  if (every === null) throw new RangeError(`"${interval}" is not a duration such as 90s or 2h30m`);
  if (every === 0) throw new RangeError('cannot repeat without a pause');
  if (now < start) return start;
  return start + (Math.floor((now - start) / every) + 1) * every;
}
