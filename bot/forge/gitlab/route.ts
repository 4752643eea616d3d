/** Names requests for logs, counters and errors without the values in them. Pure. */
import { ForgeError } from '../errors.ts';

/** Placeholder for the path segment that follows one of these. */
const PARAMETERS: Readonly<Record<string, string>> = {
  projects: ':id',
  issues: ':iid',
  merge_requests: ':iid',
  notes: ':note_id',
  discussions: ':discussion_id',
  branches: ':branch',
  files: ':path',
  pipelines: ':pipeline_id',
  versions: ':version_id',
  statuses: ':sha',
  hooks: ':hook_id',
  runners: ':runner_id',
  all: ':user_id',
};

export interface Route {
  /** Path template below `/api/v4/`, e.g. `projects/:id/issues/:iid/notes`. */
  template: string;
  /** What it is about, for people: `7#3`, `7!12`, `project 7`, or `` for the instance. */
  subject: string;
}

/** Template and subject of a path below `/api/v4/`, still percent-encoded. */
export function routeOf(path: string): Route {
  const segments = path.split('/');
  const template = segments
    .map((segment, index) => {
      const before = index === 0 ? undefined : PARAMETERS[segments[index - 1] ?? ''];
      return before ?? segment;
    })
    .join('/');
  return { template, subject: subjectOf(segments) };
}

function subjectOf(segments: readonly string[]): string {
  if (segments[0] !== 'projects' || segments[1] === undefined) return '';
  const project = decode(segments[1]);
  const iid = segments[3];
  if (segments[2] === 'issues' && iid !== undefined) return `${project}#${iid}`;
  if (segments[2] === 'merge_requests' && iid !== undefined) return `${project}!${iid}`;
  return `project ${project}`;
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

/**
 * The address of one request. Refuses an empty, `.` or `..` segment: URL parsing would drop it and
 * the request would reach another resource (deleting branch `..` must not delete the repository).
 * @throws ForgeError `invalid`
 */
export function requestUrl(prefixUrl: string, endpoint: string, search: string): URL {
  const bad = endpoint
    .split('/')
    .some((segment) => segment === '' || /^(\.|%2e){1,2}$/i.test(segment));
  if (bad) {
    throw new ForgeError(
      'invalid',
      `GitLab request refused before it was sent: "${endpoint.slice(0, 200)}" has an empty or dot name in its path`,
    );
  }
  // gitbeaker ends it with a slash for some resources only.
  const url = new URL(`${prefixUrl.endsWith('/') ? prefixUrl : `${prefixUrl}/`}${endpoint}`);
  url.search = search;
  return url;
}
