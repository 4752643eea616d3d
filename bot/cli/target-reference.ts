/** How people name projects, issues and merge requests at the terminal. */
import type { Target } from '../domain/runs.ts';
import { failure } from './require-config.ts';

/** `group/project`, any depth; GitLab's own rules are stricter. */
const PATH = /^[\w.-]{1,255}(\/[\w.-]{1,255}){1,20}$/;

export interface Reference {
  path: string;
  target: Target;
}

/**
 * The path of a project given as path or URL.
 * @throws UsageError (exit code 2) when it is neither.
 */
export function projectPath(text: string, gitlabUrl: string): string {
  const path = withoutHost(text, gitlabUrl).replace(/\/$/, '');
  if (PATH.test(path)) return path;
  throw failure(
    `"${text}" does not name a project.`,
    'a project is named by its path or its URL',
    `write it as group/project or ${gitlabUrl}/group/project`,
    { exitCode: 2 },
  );
}

/**
 * An issue (`group/project#12`) or merge request (`group/project!4`), or the URL of one.
 * @throws UsageError (exit code 2) when it is none of them.
 */
export function parseReference(text: string, gitlabUrl: string): Reference {
  const local = withoutHost(text, gitlabUrl);
  const short = /^([^#!]+)([#!])(\d{1,9})$/.exec(local);
  const long = /^(.+?)\/-\/(issues|work_items|merge_requests)\/(\d{1,9})(?:[/?#].*)?$/.exec(local);
  const [, path = '', kind = '', iid = ''] = short ?? long ?? [];
  if (PATH.test(path)) {
    const type = kind === '!' || kind === 'merge_requests' ? 'change' : 'issue';
    return { path, target: { type, iid: Number(iid) } };
  }
  throw failure(
    `"${text}" does not name an issue or a merge request.`,
    `it is neither group/project#12, nor group/project!4, nor a URL of ${gitlabUrl}`,
    "write it in quotes, e.g. autodev explain 'group/project#12'",
    { exitCode: 2 },
  );
}

/** `group/project#12` and `group/project!4`, as GitLab writes them. */
export function referenceText({ path, target }: Reference): string {
  return `${path}${target.type === 'issue' ? '#' : '!'}${target.iid}`;
}

function withoutHost(text: string, gitlabUrl: string): string {
  return text.startsWith(`${gitlabUrl}/`) ? text.slice(gitlabUrl.length + 1) : text;
}
