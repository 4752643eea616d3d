import { formatCents } from './format.js';
import { rateOf } from './tax.js';

/** Price with tax in whole cents; whole numbers until the one division, so that halves are exact. */
function grossCents(item) {
  const net = Math.round(item.price * 100);
  return Math.round((net * (100 + rateOf(item))) / 100);
}

/** The invoice for items `{text, price, tax?}`: its lines and its total as printed. */
export function makeInvoice(items) {
  const cents = items.map(grossCents);
  const lines = items.map((item, index) => ({ text: item.text, gross: formatCents(cents[index]) }));
  return { lines, total: formatCents(cents.reduce((sum, one) => sum + one, 0)) };
}
