/** Merge Request Hook (gitlab-facts §2.3). */
import type { ForgeEvent } from '../../../domain/events.ts';
import { at, pick, sha } from '../../payload.ts';
import {
  actorOf,
  changeOf,
  labelChanges,
  malformed,
  type Payload,
  unknownAction,
} from './common.ts';

type ChangeAction = Extract<ForgeEvent, { kind: 'change' }>['action'];

/**
 * EE says `approval` for one approval and `approved` only when the rules are met; CE says `approved`
 * for any. Both mean no more than "somebody approved": whether it suffices is re-read by API.
 */
const ACTIONS: Readonly<Record<string, ChangeAction>> = {
  open: 'opened',
  update: 'updated',
  close: 'closed',
  reopen: 'reopened',
  merge: 'merged',
  approval: 'approved',
  approved: 'approved',
  unapproval: 'unapproved',
  unapproved: 'unapproved',
};

export function readChange(payload: Payload): ForgeEvent {
  const change = changeOf(payload.attrs, payload);
  if (change === null) return malformed(payload, 'iid');
  const action = pick(ACTIONS, at(payload.attrs, 'action'));
  if (action === undefined) return unknownAction(payload);
  return {
    kind: 'change',
    action,
    project: payload.project,
    actor: actorOf(payload.body),
    change,
    // A push also causes a second update without `oldrev`, when the head pipeline changes.
    oldHeadSha: action === 'updated' ? sha(at(payload.attrs, 'oldrev')) : null,
    ...labelChanges(payload, change.labels),
  };
}
