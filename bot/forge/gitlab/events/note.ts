/** Note Hook: comments on issues, merge requests, commits and the rest (gitlab-facts §2.2). */
import type { Actor, ForgeEvent, NoteSubject } from '../../../domain/events.ts';
import { at, id, isObject, shortName, text, textOrNull } from '../../payload.ts';
import { actorOf, changeOf, issueOf, malformed, type Payload, unknownAction } from './common.ts';

export function readNote(payload: Payload): ForgeEvent {
  const { attrs, body } = payload;
  const noteId = id(at(attrs, 'id'));
  if (noteId === null) return malformed(payload, 'note id');
  const action = noteAction(at(attrs, 'action'));
  if (action === null) return unknownAction(payload);
  const on = subjectOf(payload);
  return {
    kind: 'note',
    action,
    project: payload.project,
    actor: noteActor(payload, action),
    note: {
      id: noteId,
      body: text(at(attrs, 'note')),
      discussionId: textOrNull(at(attrs, 'discussion_id')),
      system: at(attrs, 'system') === true,
      confidential:
        payload.confidential ||
        at(attrs, 'internal') === true ||
        at(attrs, 'confidential') === true ||
        at(body, 'issue', 'confidential') === true,
      byBot: false,
      url: text(at(attrs, 'url')),
    },
    on,
  };
}

function noteAction(action: unknown): 'created' | 'edited' | 'unknown' | null {
  if (action === 'create') return 'created';
  if (action === 'update') return 'edited';
  return action === undefined || action === null ? 'unknown' : null;
}

/**
 * `user` is the author of the note, also when somebody else edited it; then only `updated_by_id`
 * names the editor, and his user name is not in the payload (threats A16).
 */
function noteActor({ attrs, body }: Payload, action: string): Actor {
  const user = actorOf(body);
  const authorId = id(at(attrs, 'author_id'));
  const author = user.id === 0 ? { ...user, id: authorId ?? 0 } : user;
  const editorId = action === 'edited' ? id(at(attrs, 'updated_by_id')) : null;
  return editorId === null || editorId === author.id ? author : { id: editorId, username: '' };
}

function subjectOf(payload: Payload): NoteSubject {
  const { attrs, body } = payload;
  if (isObject(at(body, 'issue'))) {
    const issue = issueOf(at(body, 'issue'), payload);
    if (issue !== null) return { type: 'issue', issue };
  }
  if (isObject(at(body, 'merge_request'))) {
    const change = changeOf(at(body, 'merge_request'), payload);
    if (change !== null) return { type: 'change', change };
  }
  const sha = text(at(body, 'commit', 'id')) || text(at(attrs, 'commit_id'));
  if (at(attrs, 'noteable_type') === 'Commit' && sha !== '') return { type: 'commit', sha };
  return { type: 'other', name: shortName(at(attrs, 'noteable_type')) };
}
