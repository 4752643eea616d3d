const DURATION = /^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/;

/** Milliseconds of a text such as `90s`, `2h30m` or `1d`; null for what is no duration. */
export function parseDuration(text) {
  const match = typeof text === 'string' && text !== '' ? DURATION.exec(text) : null;
  if (!match) return null;
  const [, d = 0, h = 0, m = 0, s = 0] = match.map((part) => Number(part ?? 0));
  return (((d * 24 + h) * 60 + m) * 60 + s) * 1000;
}
