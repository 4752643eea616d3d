/** Notes and discussions of issues and merge requests. */
import { createNote, deleteNote, resolveDiscussion, updateNote } from '../services/notes.ts';
import { replyTo, type NewNote } from '../services/note-records.ts';
import { needNoteable, needUser, page, visibleNotes, type Call, type Route } from '../rest/call.ts';
import {
  accepted,
  badParameter,
  badRequest,
  created,
  noContent,
  notFound,
  ok,
  type Reply,
} from '../rest/reply.ts';
import { discussionEntity, noteEntity } from '../present/issuables.ts';
import { positionOf } from './positions.ts';
import type { Note, Noteable, Project } from '../state/types.ts';

interface Found {
  project: Project;
  item: Noteable;
  note: Note;
}

export function needNote(call: Call, kind: Noteable['kind']): Found {
  const { project, item } = needNoteable(call, kind);
  const id = Number(call.params['note_id']);
  const note = visibleNotes(call, project, item).find((one) => one.id === id);
  if (!note) throw notFound('Note');
  return { project, item, note };
}

async function post(call: Call, project: Project, item: Noteable, note: NewNote): Promise<Reply> {
  const outcome = await createNote(call.gl, project, item, needUser(call), note, {
    headSha: call.input.str('merge_request_diff_head_sha'),
  });
  if (outcome.kind === 'commands') {
    return accepted({ commands_changes: outcome.changes, summary: outcome.summary });
  }
  return created(noteEntity(call.gl, project, item, outcome.note, outcome.changes));
}

function noteRoutes(kind: Noteable['kind'], base: string): Route[] {
  return [
    {
      method: 'GET',
      path: `${base}/notes`,
      jobToken: kind === 'merge_request',
      handler: (call) => {
        const { project, item } = needNoteable(call, kind);
        const sign = call.input.str('sort') === 'asc' ? 1 : -1;
        const by = call.input.str('order_by') === 'updated_at' ? 'updatedAt' : 'createdAt';
        const rows = [...visibleNotes(call, project, item)].toSorted(
          (a, b) => sign * (a[by].localeCompare(b[by]) || a.id - b.id),
        );
        return page(call, rows, (note) => noteEntity(call.gl, project, item, note));
      },
    },
    {
      method: 'GET',
      path: `${base}/notes/:note_id`,
      jobToken: kind === 'merge_request',
      handler: (call) => {
        const { project, item, note } = needNote(call, kind);
        return ok(noteEntity(call.gl, project, item, note));
      },
    },
    {
      method: 'POST',
      path: `${base}/notes`,
      handler: (call) => {
        const { project, item } = needNoteable(call, kind);
        const internal = call.input.bool('internal') ?? call.input.bool('confidential') ?? false;
        return post(call, project, item, { body: call.input.need('body'), internal });
      },
    },
    {
      method: 'PUT',
      path: `${base}/notes/:note_id`,
      handler: async (call) => {
        const { project, item, note } = needNote(call, kind);
        const body = call.input.need('body');
        await updateNote(call.gl, project, item, note, needUser(call), body);
        return ok(noteEntity(call.gl, project, item, note));
      },
    },
    {
      method: 'DELETE',
      path: `${base}/notes/:note_id`,
      handler: (call) => {
        const { project, item, note } = needNote(call, kind);
        deleteNote(call.gl, project, item, note, needUser(call));
        return noContent();
      },
    },
  ];
}

function discussion(call: Call, kind: Noteable['kind']) {
  const { project, item } = needNoteable(call, kind);
  const notes = visibleNotes(call, project, item).filter(
    (note) => note.discussionId === call.params['discussion_id'],
  );
  if (notes.length === 0) throw notFound('Discussion');
  return { project, item, notes };
}

function showDiscussion(call: Call, project: Project, item: Noteable, id: string): unknown {
  const notes = item.notes.filter((note) => note.discussionId === id);
  return discussionEntity(call.gl, project, item, notes);
}

async function startDiscussion(call: Call, kind: Noteable['kind']): Promise<Reply> {
  const { project, item } = needNoteable(call, kind);
  const position = await positionOf(call, project, item);
  const note: NewNote = {
    body: call.input.need('body'),
    internal: call.input.bool('internal') ?? false,
    type: position ? 'DiffNote' : 'DiscussionNote',
    resolvable: kind === 'merge_request',
    ...(position ? { position } : {}),
  };
  const context = { headSha: undefined };
  const outcome = await createNote(call.gl, project, item, needUser(call), note, context);
  if (outcome.kind === 'commands') throw badRequest('400 Bad request - Note is only commands');
  return created(showDiscussion(call, project, item, outcome.note.discussionId));
}

function discussionRoutes(kind: Noteable['kind'], base: string): Route[] {
  return [
    {
      method: 'GET',
      path: `${base}/discussions`,
      handler: (call) => {
        const { project, item } = needNoteable(call, kind);
        const ids = [...new Set(visibleNotes(call, project, item).map((n) => n.discussionId))];
        return page(call, ids, (id) => showDiscussion(call, project, item, id));
      },
    },
    {
      method: 'GET',
      path: `${base}/discussions/:discussion_id`,
      handler: (call) => {
        const { project, item, notes } = discussion(call, kind);
        return ok(discussionEntity(call.gl, project, item, notes));
      },
    },
    {
      method: 'POST',
      path: `${base}/discussions`,
      handler: (call) => startDiscussion(call, kind),
    },
    {
      method: 'POST',
      path: `${base}/discussions/:discussion_id/notes`,
      handler: (call) => {
        const { project, item, notes } = discussion(call, kind);
        return post(call, project, item, replyTo(notes[0] as Note, call.input.need('body')));
      },
    },
    {
      method: 'PUT',
      path: `${base}/discussions/:discussion_id`,
      handler: (call) => {
        const { project, item, notes } = discussion(call, kind);
        const resolved = call.input.bool('resolved');
        if (resolved === undefined) throw badParameter('resolved is missing');
        resolveDiscussion(call.gl, project, item, notes, needUser(call), resolved);
        return ok(discussionEntity(call.gl, project, item, notes));
      },
    },
  ];
}

function allOf(kind: Noteable['kind']): Route[] {
  const folder = kind === 'issue' ? 'issues' : 'merge_requests';
  const base = `/projects/:id/${folder}/:noteable_id`;
  return [...noteRoutes(kind, base), ...discussionRoutes(kind, base)];
}

export const noteableRoutes: Route[] = [...allOf('issue'), ...allOf('merge_request')];
