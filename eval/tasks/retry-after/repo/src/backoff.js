const FIRST_MS = 500;

/** Milliseconds to wait before try n + 1: 500, 1000, 2000, … */
export function backoff(n) {
  return FIRST_MS * 2 ** (n - 1);
}
