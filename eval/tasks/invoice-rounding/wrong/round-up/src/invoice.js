import { formatCents } from './format.js';
import { rateOf } from './tax.js';

const gross = (item) => item.price * 100 * (1 + rateOf(item) / 100);

/** The invoice for items `{text, price, tax?}`: its lines and its total as printed. */
export function makeInvoice(items) {
  const lines = items.map((item) => ({ text: item.text, gross: formatCents(gross(item)) }));
  const total = items.reduce((sum, item) => sum + gross(item), 0);
  return { lines, total: formatCents(Math.ceil(total)) };
}
