/** What makes two inputs one wish. */
import { expect, test } from '@jest/globals';
import { labelKey, wishOfLabels, wishOfNote } from '../../../bot/domain/wishes.ts';
import { labelled, note } from '../decide/builders.ts';

type NoteEvent = Parameters<typeof wishOfNote>[0];
type IssueEvent = Parameters<typeof wishOfLabels>[0];

test('a new note is named by its id; an edit has a name of its own and heeds the first', () => {
  const created = wishOfNote(note('/autodev help') as NoteEvent);
  expect(created).toEqual({ keys: ['note/501'], known: ['note/501'], made: null });
  expect(wishOfNote(note('/autodev help', { action: 'unknown' }) as NoteEvent)).toEqual(created);
  expect(wishOfNote(note('/autodev help', { action: 'edited' }) as NoteEvent)).toEqual({
    keys: ['edit/501'],
    known: ['note/501', 'edit/501'],
    made: null,
  });
});

test('labels are named by issue, label and person; the first one decides for those beside it', () => {
  const event = labelled('bug', 'autodev', 'autodev::fix') as IssueEvent;
  const { iid } = event.issue;
  const [first, second] = ['autodev', 'autodev::fix'].map((label) => labelKey(iid, label, 3));
  expect(wishOfLabels(event)).toEqual({
    keys: [first, second],
    known: [first],
    made: { at: event.at },
  });
  expect(labelKey(iid, 'autodev', 4)).not.toBe(first);
});
