import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatCents } from '../src/format.js';
import { makeInvoice } from '../src/invoice.js';

test('prints lines and total', () => {
  assert.deepEqual(
    makeInvoice([
      { text: 'Pen', price: 1 },
      { text: 'Ink', price: 2 },
    ]),
    {
      lines: [
        { text: 'Pen', gross: '1.19' },
        { text: 'Ink', gross: '2.38' },
      ],
      total: '3.57',
    },
  );
});

test('prints amounts', () => {
  assert.equal(formatCents(5), '0.05');
  assert.equal(formatCents(-1250), '-12.50');
  assert.equal(formatCents(2378.81), '23.79');
});
