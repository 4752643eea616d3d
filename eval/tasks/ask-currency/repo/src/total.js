/** The sum of an order `{currency, lines: [{cents, count}]}` in cents of a euro. */
export function totalCents(order) {
  return order.lines.reduce((sum, { cents, count }) => sum + cents * count, 0);
}

/** The sum as it is printed. */
export function printTotal(order) {
  return `${(totalCents(order) / 100).toFixed(2)} EUR`;
}
