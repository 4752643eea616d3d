/** Parts that several GitHub payloads share (docs.github.com/webhooks/webhook-events-and-payloads). */
import type { Actor, Change, ForgeEvent, Issue, Project } from '../../../domain/events.ts';
import { at, id, list, sha, shortName, text } from '../../payload.ts';

export interface Payload {
  body: unknown;
  /** `X-GitHub-Event`. */
  name: string;
  /** `action`, '' for the events without one. */
  action: string;
  project: Project;
  actor: Actor;
}

export type Ignored = Extract<ForgeEvent, { kind: 'ignored' }>;

export function ignored(name: string, action: string, reason: string): Ignored {
  const of = action === '' ? name : `${name}.${action}`;
  return { kind: 'ignored', of: shortName(of) || 'unnamed', reason };
}

/** An action of a known event that the bot has no use for. */
export function unusedAction(payload: Payload): Ignored {
  return ignored(payload.name, payload.action, 'the bot has no use for this action');
}

/** An authentic payload without what its event cannot be understood without. */
export function malformed(payload: Payload, missing: string): Ignored {
  return ignored(payload.name, payload.action, `the payload has no usable ${missing}`);
}

/** Null when the event belongs to an account or organisation instead of a repository. */
export function projectOf(body: unknown): Project | null {
  const repository = at(body, 'repository');
  const projectId = id(at(repository, 'id'));
  if (projectId === null) return null;
  return {
    forge: 'github',
    id: projectId,
    path: text(at(repository, 'full_name')),
    defaultBranch: text(at(repository, 'default_branch')),
    webUrl: text(at(repository, 'html_url')),
  };
}

/** Who acted, also on an edit: the editor. Id 0 when the payload does not say; nobody has it. */
export function actorOf(body: unknown): Actor {
  return { id: id(at(body, 'sender', 'id')) ?? 0, username: text(at(body, 'sender', 'login')) };
}

export function labelNames(labels: unknown): string[] {
  return list(labels)
    .map((label) => text(at(label, 'name')))
    .filter((name) => name !== '');
}

/**
 * The label of a `labeled` / `unlabeled` action. An issue or pull request opened with labels sends one
 * `labeled` event for each, so `opened` itself adds none.
 */
export function labelChanges(payload: Payload): {
  labelsAdded: string[];
  labelsRemoved: string[];
} {
  const name = labelNames([at(payload.body, 'label')]);
  return {
    labelsAdded: payload.action === 'labeled' ? name : [],
    labelsRemoved: payload.action === 'unlabeled' ? name : [],
  };
}

export function issueOf(issue: unknown): Issue | null {
  const iid = id(at(issue, 'number'));
  if (iid === null) return null;
  return {
    iid,
    title: text(at(issue, 'title')),
    description: text(at(issue, 'body')),
    state: at(issue, 'state') === 'closed' ? 'closed' : 'opened',
    labels: labelNames(at(issue, 'labels')),
    authorId: id(at(issue, 'user', 'id')),
    confidential: false,
    type: text(at(issue, 'type', 'name')) || 'Issue',
    url: text(at(issue, 'html_url')),
  };
}

/**
 * A pull request; also from the `issue` of a comment on one, which says nothing about branches and
 * commits: those fields are empty then and must be read by API.
 */
export function changeOf(pull: unknown): Change | null {
  const iid = id(at(pull, 'number'));
  if (iid === null) return null;
  const merged =
    at(pull, 'merged') === true ||
    text(at(pull, 'merged_at')) !== '' ||
    text(at(pull, 'pull_request', 'merged_at')) !== '';
  const open = at(pull, 'state') !== 'closed';
  return {
    iid,
    title: text(at(pull, 'title')),
    description: text(at(pull, 'body')),
    state: merged ? 'merged' : open ? 'opened' : 'closed',
    draft: at(pull, 'draft') === true,
    sourceBranch: text(at(pull, 'head', 'ref')),
    targetBranch: text(at(pull, 'base', 'ref')),
    // Null also when the fork was deleted.
    sourceProjectId: id(at(pull, 'head', 'repo', 'id')),
    targetProjectId: id(at(pull, 'base', 'repo', 'id')),
    headSha: sha(at(pull, 'head', 'sha')) ?? '',
    mergedSha: merged ? sha(at(pull, 'merge_commit_sha')) : null,
    labels: labelNames(at(pull, 'labels')),
    authorId: id(at(pull, 'user', 'id')),
    url: text(at(pull, 'html_url')),
  };
}
