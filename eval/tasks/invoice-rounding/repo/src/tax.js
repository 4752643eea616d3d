/** Percent by kind of item. */
const RATES = { standard: 19, reduced: 7, free: 0 };

/** Tax rate of an item in percent. */
export function rateOf(item) {
  const rate = RATES[item.tax ?? 'standard'];
  if (rate === undefined) throw new RangeError(`there is no tax rate ${item.tax}`);
  return rate;
}
