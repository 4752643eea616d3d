const DURATION = /^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/;

/** The next time, in milliseconds, of something that happens every `interval` since `start`. */
export function nextDue(start, interval, now) {
  const found = interval === '' ? null : DURATION.exec(interval ?? '');
  const [, days, hours, minutes, seconds] = found ?? [];
  const every =
    Number(days ?? 0) * 86_400_000 +
    Number(hours ?? 0) * 3_600_000 +
    Number(minutes ?? 0) * 60_000 +
    Number(seconds ?? 0) * 1_000;
  if (!found || !interval) throw new RangeError(`cannot repeat every "${interval}"`);
  if (every === 0) throw new RangeError('cannot repeat without a pause');
  if (now < start) return start;
  return start + (Math.floor((now - start) / every) + 1) * every;
}
