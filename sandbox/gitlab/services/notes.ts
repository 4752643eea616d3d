/** Creating, editing and deleting notes of people: rights, quick actions, hooks (gitlab-facts §2.2, §6). */
import type { Instance } from '../instance.ts';
import { fireNote } from '../hooks/events.ts';
import { badRequest, forbidden, notFound, unauthorized } from '../rest/reply.ts';
import { ACCESS } from '../state/access-levels.ts';
import type { Note, Noteable, Project, User } from '../state/types.ts';
import { levelOf } from './access.ts';
import { readSuggestions } from './suggestions.ts';
import { touch } from './issuables.ts';
import { addNote, type NewNote } from './note-records.ts';
import { extractQuickActions, runQuickActions, type QuickContext } from './quick-actions.ts';

/** GitLab's limit of a note, in characters. */
const MAX_NOTE = 1_000_000;

export type NoteOutcome =
  | { kind: 'note'; note: Note; changes: Record<string, unknown> }
  /** Only quick actions: nothing is stored, the API answers 202. */
  | { kind: 'commands'; changes: Record<string, unknown>; summary: string[] };

/** Stores a note after its quick actions were cut out and carried out. */
export async function createNote(
  gl: Instance,
  project: Project,
  item: Noteable,
  author: User,
  input: NewNote,
  context: QuickContext,
): Promise<NoteOutcome> {
  const level = levelOf(project, author);
  if (project.archived) throw forbidden();
  if (input.internal && level < ACCESS.planner) throw forbidden();
  if (item.discussionLocked && level < ACCESS.guest) throw notFound('Note');
  if (input.body.trim() === '')
    throw badRequest('400 (Bad request) "Note {:note=>["can\'t be blank"]}" not given');
  if (input.body.length > MAX_NOTE) {
    throw badRequest({ note: [`is too long (maximum is ${MAX_NOTE} characters)`] });
  }
  const { text, commands } = extractQuickActions(input.body);
  if (commands.length > 0 && text === '') {
    const { changes, refused } = await runQuickActions(
      gl,
      project,
      item,
      author,
      commands,
      context,
    );
    if (refused.length === commands.length) {
      throw badRequest(`400 Bad request - Failed to apply commands: ${refused.join(', ')}.`);
    }
    const summary = commands
      .filter((command) => !refused.includes(command.name))
      .map((command) => `Applied /${command.name}.`);
    return { kind: 'commands', changes, summary };
  }
  const note = addNote(gl, item, author, { ...input, body: text });
  await readSuggestions(gl, project, item, note);
  const { changes } = await runQuickActions(gl, project, item, author, commands, context);
  await fireNote(gl, item, note, 'create');
  return { kind: 'note', note, changes };
}

export function canAdminNote(project: Project, note: Note, user: User): boolean {
  if (note.system) return false;
  return note.authorId === user.id || levelOf(project, user) >= ACCESS.maintainer;
}

/** Edits a note; only a changed text fires a hook, with the note's author as its user. */
export async function updateNote(
  gl: Instance,
  project: Project,
  item: Noteable,
  note: Note,
  editor: User,
  body: string,
): Promise<void> {
  if (!canAdminNote(project, note, editor)) throw unauthorized();
  if (body.trim() === '') throw badRequest({ note: ["can't be blank"] });
  const { text, commands } = extractQuickActions(body);
  if (text !== note.body && text !== '') {
    note.body = text;
    await readSuggestions(gl, project, item, note);
    note.updatedAt = gl.now();
    note.updatedById = editor.id;
    item.updatedAt = note.updatedAt;
    await fireNote(gl, item, note, 'update');
  }
  await runQuickActions(gl, project, item, editor, commands, { headSha: undefined });
}

/** Deleting fires nothing. */
export function deleteNote(gl: Instance, project: Project, item: Noteable, note: Note, user: User) {
  if (!canAdminNote(project, note, user)) throw unauthorized();
  item.notes = item.notes.filter((kept) => kept !== note);
  touch(gl, item, user);
}

/** Resolving: Developers and the author of the merge request; fires no Note Hook. */
export function resolveDiscussion(
  gl: Instance,
  project: Project,
  item: Noteable,
  notes: readonly Note[],
  user: User,
  resolved: boolean,
): void {
  if (levelOf(project, user) < ACCESS.developer && item.authorId !== user.id) throw forbidden();
  for (const note of notes.filter((candidate) => candidate.resolvable)) {
    note.resolvedAt = resolved ? gl.now() : null;
    note.resolvedById = resolved ? user.id : null;
  }
}
