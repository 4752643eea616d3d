/** `issues`, `issue_comment`, `pull_request`, `pull_request_review` and its comments. */
import type { ForgeEvent, NoteSubject } from '../../../domain/events.ts';
import { at, id, isObject, pick, sha, text, textOrNull } from '../../payload.ts';
import {
  changeOf,
  ignored,
  issueOf,
  labelChanges,
  malformed,
  type Payload,
  unusedAction,
} from './common.ts';

type IssueAction = Extract<ForgeEvent, { kind: 'issue' }>['action'];
type ChangeAction = Extract<ForgeEvent, { kind: 'change' }>['action'];

/** Actions that GitLab, too, reports as an update. */
const UPDATES = {
  edited: 'updated',
  labeled: 'updated',
  unlabeled: 'updated',
  assigned: 'updated',
  unassigned: 'updated',
  milestoned: 'updated',
  demilestoned: 'updated',
  locked: 'updated',
  unlocked: 'updated',
} as const;

const ISSUE_ACTIONS: Readonly<Record<string, IssueAction>> = {
  ...UPDATES,
  opened: 'opened',
  closed: 'closed',
  reopened: 'reopened',
  typed: 'updated',
  untyped: 'updated',
};

const CHANGE_ACTIONS: Readonly<Record<string, ChangeAction>> = {
  ...UPDATES,
  opened: 'opened',
  closed: 'closed',
  reopened: 'reopened',
  synchronize: 'updated',
  ready_for_review: 'updated',
  converted_to_draft: 'updated',
  review_requested: 'updated',
  review_request_removed: 'updated',
};

const NOTE_ACTIONS: Readonly<Record<string, 'created' | 'edited'>> = {
  created: 'created',
  edited: 'edited',
};

export function readIssue(payload: Payload): ForgeEvent {
  const action = pick(ISSUE_ACTIONS, payload.action);
  if (action === undefined) return unusedAction(payload);
  const issue = issueOf(at(payload.body, 'issue'));
  if (issue === null) return malformed(payload, 'issue number');
  const changes = at(payload.body, 'changes');
  return {
    kind: 'issue',
    action,
    project: payload.project,
    actor: payload.actor,
    issue,
    at: textOrNull(at(payload.body, 'issue', 'updated_at')),
    ...labelChanges(payload),
    textChanged:
      payload.action === 'edited' &&
      (isObject(at(changes, 'title')) || isObject(at(changes, 'body'))),
  };
}

export function readPull(payload: Payload): ForgeEvent {
  const action = pick(CHANGE_ACTIONS, payload.action);
  if (action === undefined) return unusedAction(payload);
  const change = changeOf(at(payload.body, 'pull_request'));
  if (change === null) return malformed(payload, 'pull request number');
  return {
    kind: 'change',
    action: action === 'closed' && change.state === 'merged' ? 'merged' : action,
    project: payload.project,
    actor: payload.actor,
    change,
    oldHeadSha: payload.action === 'synchronize' ? sha(at(payload.body, 'before')) : null,
    ...labelChanges(payload),
  };
}

/** An approving review, or one taken back; other reviews speak through their comments. */
export function readReview(payload: Payload): ForgeEvent {
  const state = at(payload.body, 'review', 'state');
  const approved = payload.action === 'submitted' && state === 'approved';
  if (!approved && payload.action !== 'dismissed') {
    return ignored(payload.name, payload.action, 'the review neither gives nor takes an approval');
  }
  const change = changeOf(at(payload.body, 'pull_request'));
  if (change === null) return malformed(payload, 'pull request number');
  return {
    kind: 'change',
    action: approved ? 'approved' : 'unapproved',
    project: payload.project,
    actor: payload.actor,
    change,
    oldHeadSha: null,
    labelsAdded: [],
    labelsRemoved: [],
  };
}

/** A comment in the conversation of an issue or pull request. */
export function readIssueComment(payload: Payload): ForgeEvent {
  const issue = at(payload.body, 'issue');
  return readNote(payload, () => {
    if (isObject(at(issue, 'pull_request'))) {
      const change = changeOf(issue);
      return change && { type: 'change', change };
    }
    const found = issueOf(issue);
    return found && { type: 'issue', issue: found };
  });
}

/** A comment on a line of a diff; the thread is named by its first comment. */
export function readReviewComment(payload: Payload): ForgeEvent {
  return readNote(payload, () => {
    const change = changeOf(at(payload.body, 'pull_request'));
    return change && { type: 'change', change };
  });
}

function readNote(payload: Payload, subjectOf: () => NoteSubject | null): ForgeEvent {
  const action = pick(NOTE_ACTIONS, payload.action);
  if (action === undefined) return unusedAction(payload);
  const comment = at(payload.body, 'comment');
  const noteId = id(at(comment, 'id'));
  const on = subjectOf();
  if (noteId === null || on === null) return malformed(payload, 'comment id and number');
  const thread = id(at(comment, 'in_reply_to_id')) ?? noteId;
  return {
    kind: 'note',
    action,
    project: payload.project,
    actor: payload.actor,
    note: {
      id: noteId,
      body: text(at(comment, 'body')),
      discussionId: payload.name === 'pull_request_review_comment' ? String(thread) : null,
      system: false,
      confidential: false,
      byBot: at(comment, 'user', 'type') === 'Bot' || at(payload.body, 'sender', 'type') === 'Bot',
      url: text(at(comment, 'html_url')),
    },
    on,
  };
}
