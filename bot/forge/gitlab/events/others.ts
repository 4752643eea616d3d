/** Emoji Hook, Push and Tag Push Hook, Resource Access Token Hook (gitlab-facts §2.6, §2.7). */
import type { ForgeEvent, Project } from '../../../domain/events.ts';
import { at, id, pick, sha, text } from '../../payload.ts';
import { actorOf, ignored, malformed, type Payload, unknownAction } from './common.ts';

const EMOJI_ACTIONS: Readonly<Record<string, 'awarded' | 'revoked'>> = {
  award: 'awarded',
  revoke: 'revoked',
};
const AWARDABLES: Readonly<Record<string, 'issue' | 'change' | 'note'>> = {
  Issue: 'issue',
  MergeRequest: 'change',
  Note: 'note',
};

/** `iid` is the issue's or merge request's, also when one of its notes got the emoji. */
export function readEmoji(payload: Payload): ForgeEvent {
  const { attrs, body } = payload;
  const action =
    pick(EMOJI_ACTIONS, at(attrs, 'action')) ?? pick(EMOJI_ACTIONS, at(body, 'event_type'));
  if (action === undefined) return unknownAction(payload);
  const name = text(at(attrs, 'name'));
  if (name === '') return malformed(payload, 'emoji name');
  const type = pick(AWARDABLES, at(attrs, 'awardable_type')) ?? 'other';
  return {
    kind: 'emoji',
    action,
    project: payload.project,
    actor: actorOf(body),
    name,
    on: {
      type,
      iid: id(at(body, 'issue', 'iid')) ?? id(at(body, 'merge_request', 'iid')),
      noteId: type === 'note' ? id(at(attrs, 'awardable_id')) : null,
    },
  };
}

/** Branches and tags. The actor stands in flat fields; a null commit is a created or deleted ref. */
export function readPush(payload: Payload): ForgeEvent {
  const { body } = payload;
  const ref = text(at(body, 'ref'));
  if (ref === '') return malformed(payload, 'ref');
  return {
    kind: 'push',
    project: payload.project,
    actor: { id: id(at(body, 'user_id')) ?? 0, username: text(at(body, 'user_username')) },
    ref,
    tag: payload.kind === 'tag_push',
    before: sha(at(body, 'before')),
    after: sha(at(body, 'after')),
  };
}

/** Tokens of projects and groups that expire soon; `project` is null for a group's. */
export function readToken(body: unknown, project: Project | null): ForgeEvent {
  const attrs = at(body, 'object_attributes');
  const userId = id(at(attrs, 'user_id'));
  const expiresAt = text(at(attrs, 'expires_at'));
  if (at(body, 'event_name') !== 'expiring_access_token' || userId === null || expiresAt === '') {
    return ignored('access_token', 'the payload is not about a token that expires');
  }
  return {
    kind: 'token_expiring',
    project,
    token: { name: text(at(attrs, 'name')), userId, expiresAt },
  };
}
