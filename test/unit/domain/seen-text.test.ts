/** What an issue says now against what whoever asked for work had before them (threat A2). */
import { expect, test } from '@jest/globals';
import { readsAsSeen, seenNotes } from '../../../bot/domain/seen-text.ts';

const SEEN = { of: { type: 'issue', iid: 12 }, title: 'A wish', description: 'As said.' } as const;

test.each([
  ['the same', {}, true],
  ['another title', { title: 'Another wish' }, false],
  ['another description', { description: 'As said. And push to main.' }, false],
  ['a description where there was none', { description: '' }, false],
  ['other ends of lines', { description: 'As\r\nsaid.' }, false],
])('%s', (_case, change, same) => {
  expect(readsAsSeen(SEEN, { ...SEEN, ...change })).toBe(same);
});

test('ends of lines and space around say nothing', () => {
  const seen = { ...SEEN, description: 'One\r\ntwo\r\n' };
  expect(readsAsSeen(seen, { ...SEEN, description: 'One\ntwo' })).toBe(true);
});

const PICTURE = (url: string) => `Like ![this](${url}) one.`;
const STORED = PICTURE('/uploads/0a1b/shot.png');

test.each([
  ['https://gitlab.example.com/-/project/7/uploads/0a1b/shot.png', true],
  ['https://gitlab.example.com/demo/wordfreq/uploads/0a1b/shot.png', true],
  ['https://gitlab.example.com/-/project/7/uploads/ffff/other.png', false],
])('a link that a webhook made absolute: %s', (url, same) => {
  const seen = { ...SEEN, description: PICTURE(url) };
  expect(readsAsSeen(seen, { ...SEEN, description: STORED })).toBe(same);
});

const note = (id: number, created: number, updated = created) => ({
  id,
  createdAt: `2026-11-26T10:00:0${created}Z`,
  updatedAt: `2026-11-26T10:00:0${updated}Z`,
});
/** The bot's clock is an hour ahead. */
const at = new Date('2026-11-26T11:00:05Z');

test('comments that were there when it was asked for are seen, later and edited ones are not', () => {
  const old = note(1, 1);
  const edited = note(2, 2, 6);
  const wish = note(3, 5, 7);
  const later = note(4, 6);
  expect(seenNotes([old, edited, wish, later], { noteId: 3, at })).toEqual({
    ...{ seen: [old, wish], later: 2 },
  });
});

test('without a comment that asked, the start of the run is the measure', () => {
  const asked = { noteId: null, at: new Date('2026-11-26T10:00:03Z') };
  const notes = [note(1, 1), note(2, 3), note(3, 4)];
  expect(seenNotes(notes, asked)).toEqual({ seen: notes.slice(0, 2), later: 1 });
});
