import assert from 'node:assert/strict';
import { test } from 'node:test';

const { makeInvoice } = await import(`${process.env.REPO}/src/invoice.js`);
const { formatCents } = await import(`${process.env.REPO}/src/format.js`);

const cents = (text) => Math.round(Number(text) * 100);
const invoice = (...items) => makeInvoice(items.map(([price, tax]) => ({ text: 'x', price, tax })));

test('the invoice of the report adds up', () => {
  const { lines, total } = invoice([19.99], [19.99], [19.99]);
  assert.deepEqual(
    lines.map(({ gross }) => gross),
    ['23.79', '23.79', '23.79'],
  );
  assert.equal(total, '71.37');
});
test('every invoice is the sum of its lines', () => {
  for (let price = 0.01; price < 40; price += 0.37) {
    const items = Array.from({ length: 7 }, (_, i) => [
      Number((price + i / 7).toFixed(2)),
      ['standard', 'reduced', 'free'][i % 3],
    ]);
    const { lines, total } = invoice(...items);
    assert.equal(
      cents(total),
      lines.reduce((sum, { gross }) => sum + cents(gross), 0),
    );
  }
});
test('half a cent is rounded up, whatever floating point makes of it', () => {
  // 0.50 and 1.50 with 7 % are 53.5 and 160.5 cents; 4.50 is 481.5; 8.50 with 19 % is 1011.5.
  const { lines } = invoice([0.5, 'reduced'], [1.5, 'reduced'], [4.5, 'reduced'], [8.5]);
  assert.deepEqual(
    lines.map(({ gross }) => gross),
    ['0.54', '1.61', '4.82', '10.12'],
  );
  for (let net = 50; net < 100_000; net += 100) {
    const [line] = invoice([net / 100, 'reduced']).lines;
    assert.equal(cents(line.gross), Math.floor((net * 107 + 50) / 100), String(net));
  }
});
test('amounts are printed as before', () => {
  assert.equal(formatCents(2378.81), '23.79');
  assert.equal(formatCents(5), '0.05');
  assert.equal(formatCents(-1250), '-12.50');
});
test('a wrong tax rate is still refused', () => {
  assert.throws(() => invoice([1, 'luxury']), RangeError);
});
