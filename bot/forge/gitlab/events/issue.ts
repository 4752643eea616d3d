/** Issue Hook: issues and all other work item types (gitlab-facts §2.1). */
import type { ForgeEvent } from '../../../domain/events.ts';
import { at, isObject, pick } from '../../payload.ts';
import {
  actorOf,
  issueOf,
  labelChanges,
  malformed,
  type Payload,
  unknownAction,
} from './common.ts';

type IssueAction = Extract<ForgeEvent, { kind: 'issue' }>['action'];

const ACTIONS: Readonly<Record<string, IssueAction>> = {
  open: 'opened',
  update: 'updated',
  close: 'closed',
  reopen: 'reopened',
};

export function readIssue(payload: Payload): ForgeEvent {
  const issue = issueOf(payload.attrs, payload);
  if (issue === null) return malformed(payload, 'iid');
  const action = pick(ACTIONS, at(payload.attrs, 'action'));
  if (action === undefined) return unknownAction(payload);
  const changes = at(payload.body, 'changes');
  return {
    kind: 'issue',
    action,
    project: payload.project,
    actor: actorOf(payload.body),
    issue,
    ...labelChanges(payload, issue.labels),
    textChanged:
      action === 'updated' &&
      (isObject(at(changes, 'title')) || isObject(at(changes, 'description'))),
  };
}
