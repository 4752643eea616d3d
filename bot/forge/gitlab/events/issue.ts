/** Issue Hook: issues and all other work item types (gitlab-facts §2.1). */
import type { ForgeEvent } from '../../../domain/events.ts';
import { at, isObject, pick, text } from '../../payload.ts';
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

/** ISO or `2026-11-21 12:00:00 UTC`, as GitLab's versions write it; null for anything else. */
function timeOf(value: unknown): string | null {
  const time = Date.parse(text(value));
  return Number.isNaN(time) ? null : new Date(time).toISOString();
}

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
    at: timeOf(at(payload.attrs, 'updated_at')),
    ...labelChanges(payload, issue.labels),
    textChanged:
      action === 'updated' &&
      (isObject(at(changes, 'title')) || isObject(at(changes, 'description'))),
  };
}
