/** Cents as an amount with two decimals: 2379 is printed as 23.79. Fractions of a cent are cut off. */
export function formatCents(cents) {
  const whole = Math.floor(cents);
  const sign = whole < 0 ? '-' : '';
  const digits = String(Math.abs(whole)).padStart(3, '0');
  return `${sign}${digits.slice(0, -2)}.${digits.slice(-2)}`;
}
