/** Purpose: one GitLab payload in, one domain event out, whatever the payload. */
import type { ForgeEvent } from '../../../domain/events.ts';
import type { Headers } from '../../forge.ts';
import { at, isObject, shortName, text } from '../../payload.ts';
import { readChange } from './change.ts';
import { readJob, readPipeline } from './ci.ts';
import { ignored, type Payload, projectOf } from './common.ts';
import { readIssue } from './issue.ts';
import { readNote } from './note.ts';
import { readEmoji, readPush, readToken } from './others.ts';

/**
 * Dispatches on the body, as the header of a system hook says only `System Hook` (gitlab-facts §1.1).
 * `body` is the parsed payload, or undefined when it could not be parsed. Never throws.
 */
export function normaliseGitLab(headers: Headers, body: unknown): ForgeEvent {
  const header = shortName(headers['x-gitlab-event']);
  if (!isObject(body)) return ignored(header, 'the body is not a JSON object');
  const kind = shortName(at(body, 'object_kind')) || shortName(at(body, 'event_name'));
  if (kind === '') {
    return ignored(
      header,
      'the body has no object_kind: remove the custom webhook template from the hook, the bot needs GitLab’s own payload',
    );
  }
  const project = projectOf(body);
  if (kind === 'access_token') return readToken(body, project);
  const read = readerOf(kind);
  if (read === null) return ignored(kind, 'the bot has no use for this kind of event');
  if (project === null) {
    return ignored(kind, 'the payload names no project id; events of groups are not acted upon');
  }
  const confidential =
    header.startsWith('Confidential ') || text(at(body, 'event_type')).startsWith('confidential_');
  return read({ body, attrs: at(body, 'object_attributes'), kind, confidential, project });
}

function readerOf(kind: string): ((payload: Payload) => ForgeEvent) | null {
  switch (kind) {
    case 'issue':
    case 'work_item':
      return readIssue;
    case 'note':
      return readNote;
    case 'merge_request':
      return readChange;
    case 'pipeline':
      return readPipeline;
    case 'build':
      return readJob;
    case 'emoji':
      return readEmoji;
    case 'push':
    case 'tag_push':
      return readPush;
    default:
      return null;
  }
}
