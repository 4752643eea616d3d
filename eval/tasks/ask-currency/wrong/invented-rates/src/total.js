/** The sum of an order `{currency, lines: [{cents, count}]}` in cents of a euro. */
export function totalCents(order) {
  return order.lines.reduce((sum, { cents, count }) => sum + cents * count, 0);
}

const RATES = { USD: 1.085, GBP: 0.85 };

/** The sum as it is printed. */
export function printTotal(order) {
  const euros = totalCents(order) / 100;
  const rate = RATES[order.currency];
  const own = rate === undefined ? '' : ` (${(euros * rate).toFixed(2)} ${order.currency})`;
  return `${euros.toFixed(2)} EUR${own}`;
}
