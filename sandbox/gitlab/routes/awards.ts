/** Emoji and label events of issues and merge requests. */
import { award, revoke } from '../services/awards.ts';
import { needNoteable, needUser, page, type Call, type Route } from '../rest/call.ts';
import { badRequest, created, noContent, notFound, unauthorized } from '../rest/reply.ts';
import { awardEntity, labelEventEntity } from '../present/basics.ts';
import type { Note, Noteable, Project } from '../state/types.ts';
import { needNote } from './notes.ts';

/** Emoji of the item itself, or of one of its notes. */
function awardRoutes(kind: Noteable['kind'], base: string, onNote: boolean): Route[] {
  const target = (call: Call) => {
    const found: { project: Project; item: Noteable; note: Note | null } = onNote
      ? needNote(call, kind)
      : { ...needNoteable(call, kind), note: null };
    const type = onNote ? 'Note' : kind === 'issue' ? 'Issue' : 'MergeRequest';
    return { ...found, on: { type, id: (found.note ?? found.item).id } as const };
  };
  const path = onNote ? `${base}/notes/:note_id/award_emoji` : `${base}/award_emoji`;
  return [
    {
      method: 'GET',
      path,
      handler: (call) => {
        const { item, note, on } = target(call);
        return page(call, (note ?? item).awards, (one) => awardEntity(call.gl, one, on));
      },
    },
    {
      method: 'POST',
      path,
      handler: async (call) => {
        const { item, note, on } = target(call);
        const user = needUser(call);
        const name = call.input.need('name');
        if (!/^[a-z0-9_+-]+$/.test(name)) throw badRequest({ name: ['is not a valid emoji name'] });
        const given = await award(call.gl, item, note, user, name);
        // 404 is what GitLab answers here (lib/api/award_emoji.rb).
        if (!given) throw notFound('Award Emoji Name has already been taken');
        return created(awardEntity(call.gl, given, on));
      },
    },
    {
      method: 'DELETE',
      path: `${path}/:award_id`,
      handler: async (call) => {
        const { item, note } = target(call);
        const id = Number(call.params['award_id']);
        const found = (note ?? item).awards.find((one) => one.id === id);
        if (!found) throw notFound();
        const user = needUser(call);
        if (found.userId !== user.id && !user.admin) throw unauthorized();
        await revoke(call.gl, item, note, id);
        return noContent();
      },
    },
  ];
}

function labelEventRoutes(kind: Noteable['kind'], base: string): Route[] {
  return [
    {
      method: 'GET',
      path: `${base}/resource_label_events`,
      handler: (call) => {
        const { project, item } = needNoteable(call, kind);
        return page(call, item.labelEvents, (event) =>
          labelEventEntity(call.gl, project, item, event),
        );
      },
    },
  ];
}

function allOf(kind: Noteable['kind']): Route[] {
  const folder = kind === 'issue' ? 'issues' : 'merge_requests';
  const base = `/projects/:id/${folder}/:noteable_id`;
  return [
    ...awardRoutes(kind, base, false),
    ...awardRoutes(kind, base, true),
    ...labelEventRoutes(kind, base),
  ];
}

export const awardAndEventRoutes: Route[] = [...allOf('issue'), ...allOf('merge_request')];
