/** The moments that `/autodev defer` understands. */
import { expect, test } from '@jest/globals';
import { DATE_FORMS, parseDate } from '../../../bot/decide/dates.ts';

/** A Saturday. */
const NOW = new Date('2026-11-21T12:00:00Z');

test.each([
  ['2026-12-01', '2026-12-01T00:00:00.000Z'],
  [' 2026-12-01 14:30 ', '2026-12-01T14:30:00.000Z'],
  ['2026-12-01T14:30', '2026-12-01T14:30:00.000Z'],
  ['2026-12-01T14:30:15Z', '2026-12-01T14:30:00.000Z'],
  ['2026-12-01 14:30 UTC', '2026-12-01T14:30:00.000Z'],
  ['2026-11-22', '2026-11-22T00:00:00.000Z'],
  ['3 days', '2026-11-24T12:00:00.000Z'],
  ['in 1 day', '2026-11-22T12:00:00.000Z'],
  ['In 2 Hours', '2026-11-21T14:00:00.000Z'],
  ['90 minutes', '2026-11-21T13:30:00.000Z'],
  ['2 weeks', '2026-12-05T12:00:00.000Z'],
  ['tomorrow', '2026-11-22T00:00:00.000Z'],
  ['next week', '2026-11-23T00:00:00.000Z'],
])('%s', (words, iso) => {
  expect(parseDate(words, NOW)).toEqual({ at: new Date(iso) });
});

test('next week is the next Monday, never today', () => {
  for (const day of ['2026-11-23', '2026-11-24', '2026-11-29']) {
    const now = new Date(`${day}T09:00:00Z`);
    expect(parseDate('next week', now)).toEqual({ at: new Date('2026-11-30T00:00:00Z') });
  }
});

test.each([
  ['', 'unknown'],
  ['soon', 'unknown'],
  ['3', 'unknown'],
  ['3 moons', 'unknown'],
  ['-3 days', 'unknown'],
  ['2026-02-31', 'unknown'],
  ['2026-13-01', 'unknown'],
  ['01.12.2026', 'unknown'],
  ['2026-12-01 25:00', 'unknown'],
  ['2026-12-01 or so', 'unknown'],
  ['3 days\n/autodev cancel', 'unknown'],
  ['0 days', 'past'],
  ['2026-11-21', 'past'],
  ['2026-11-21 12:00', 'past'],
  ['2020-01-01', 'past'],
  ['2027-12-01', 'far'],
  ['400 days', 'far'],
  ['999999 weeks', 'far'],
])('%j is refused: %s', (words, problem) => {
  expect(parseDate(words, NOW)).toEqual({ problem });
});

test('every form that people are told of is understood', () => {
  const forms = [...DATE_FORMS.matchAll(/`([^`]+)`/g)].map(([, form]) => form ?? '');
  expect(forms.length).toBeGreaterThan(5);
  for (const form of forms)
    expect([form, parseDate(form, NOW)]).toEqual([form, { at: expect.any(Date) }]);
});
