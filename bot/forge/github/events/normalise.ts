/** Purpose: one GitHub payload in, one domain event out, whatever the payload. */
import type { ForgeEvent } from '../../../domain/events.ts';
import type { Headers } from '../../forge.ts';
import { at, isObject, pick, shortName } from '../../payload.ts';
import { readCheckRun, readCheckSuite, readPush, readWorkflowJob, readWorkflowRun } from './ci.ts';
import { actorOf, ignored, type Payload, projectOf } from './common.ts';
import { readIssue, readIssueComment, readPull, readReview, readReviewComment } from './work.ts';

const READERS: Readonly<Record<string, (payload: Payload) => ForgeEvent>> = {
  issues: readIssue,
  issue_comment: readIssueComment,
  pull_request: readPull,
  pull_request_review: readReview,
  pull_request_review_comment: readReviewComment,
  workflow_run: readWorkflowRun,
  check_suite: readCheckSuite,
  workflow_job: readWorkflowJob,
  check_run: readCheckRun,
  push: readPush,
};

/**
 * Dispatches on `X-GitHub-Event`; the body does not say what it is. `body` is the parsed payload, or
 * undefined when it could not be parsed. Never throws.
 */
export function normaliseGitHub(headers: Headers, body: unknown): ForgeEvent {
  const name = shortName(headers['x-github-event']);
  if (!isObject(body)) {
    return ignored(
      name,
      '',
      'the body is not a JSON object: set the content type of the webhook to application/json',
    );
  }
  const action = shortName(at(body, 'action'));
  const read = pick(READERS, name);
  if (read === undefined) {
    return ignored(name, action, 'the bot has no use for this kind of event');
  }
  const project = projectOf(body);
  if (project === null) return ignored(name, action, 'the payload names no repository');
  return read({ body, name, action, project, actor: actorOf(body) });
}
