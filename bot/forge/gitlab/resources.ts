/** The gitbeaker resources the driver uses, and how their answers are read. */
import {
  Branches,
  Commits,
  Deployments,
  IssueAwardEmojis,
  IssueDiscussions,
  IssueLabelEvents,
  IssueLinks,
  IssueNoteAwardEmojis,
  IssueNotes,
  Issues,
  Jobs,
  Lint,
  MergeRequestApprovals,
  MergeRequestAwardEmojis,
  MergeRequestDiscussions,
  MergeRequestNoteAwardEmojis,
  MergeRequestNotes,
  MergeRequests,
  Metadata,
  PersonalAccessTokens,
  Pipelines,
  ProjectHooks,
  ProjectLabels,
  ProjectMembers,
  Projects,
  RepositoryFiles,
  Runners,
  Users,
} from '@gitbeaker/rest';
import { z } from 'zod';
import { ForgeError } from '../errors.ts';
import { isRead } from '../retry.ts';
import type { createGitLabRequester } from './requester.ts';

const PAGE_SIZE = 100;

/** Only these are made: gitbeaker's `Gitlab` would build about a hundred. */
export function createResources(options: {
  url: string;
  token: string;
  requesterFn: ReturnType<typeof createGitLabRequester>;
}) {
  const common = {
    host: options.url.endsWith('/') ? options.url.slice(0, -1) : options.url,
    token: options.token,
    requesterFn: options.requesterFn,
    // Time-outs and limits are the requester's; gitbeaker's own are left out.
    queryTimeout: null,
    rateLimits: {},
  };
  return {
    approvals: new MergeRequestApprovals(common),
    branches: new Branches(common),
    commits: new Commits(common),
    deployments: new Deployments(common),
    files: new RepositoryFiles(common),
    issues: new Issues(common),
    issueLinks: new IssueLinks(common),
    jobs: new Jobs(common),
    lint: new Lint(common),
    mergeRequests: new MergeRequests(common),
    metadata: new Metadata(common),
    ownToken: new PersonalAccessTokens(common),
    pipelines: new Pipelines(common),
    hooks: new ProjectHooks(common),
    labels: new ProjectLabels(common),
    labelEvents: new IssueLabelEvents(common),
    members: new ProjectMembers(common),
    projects: new Projects(common),
    runners: new Runners(common),
    users: new Users(common),
    /** gitbeaker speaks REST only; the requester is the same, so retries and limits are, too. */
    graphql: options.requesterFn({
      url: `${common.host}/api/`,
      headers: {},
      authHeaders: { 'private-token': () => Promise.resolve(options.token) },
      rateLimits: {},
    }),
    /** Per kind of note target; the paths differ in one word. */
    on: {
      issue: {
        notes: new IssueNotes(common),
        discussions: new IssueDiscussions(common),
        emojis: new IssueAwardEmojis(common),
        noteEmojis: new IssueNoteAwardEmojis(common),
      },
      change: {
        notes: new MergeRequestNotes(common),
        discussions: new MergeRequestDiscussions(common),
        emojis: new MergeRequestAwardEmojis(common),
        noteEmojis: new MergeRequestNoteAwardEmojis(common),
      },
    },
  };
}

export type Resources = ReturnType<typeof createResources>;

/**
 * Reads one answer by its shape; unknown fields are dropped.
 * @param what method and subject for the message, e.g. `GET issue 7#3`
 * @throws ForgeError naming the field: `invalid` for a read; `ambiguous` for a write, which landed
 */
export function parseAnswer<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const field = issue?.path.join('.') || 'the answer itself';
  throw new ForgeError(
    isRead(what.split(' ')[0] ?? '') ? 'invalid' : 'ambiguous',
    `GitLab's answer to ${what} does not fit: ${field}: ${issue?.message ?? 'unknown fault'}`,
  );
}

/** An answer with its status, as gitbeaker's `showExpanded` gives it. */
export function parseExpanded<T>(
  schema: z.ZodType<T>,
  value: unknown,
  what: string,
): { status: number; data: T } {
  const { status, data } = parseAnswer(
    z.object({ status: z.number(), data: z.unknown() }),
    value,
    what,
  );
  return { status, data: parseAnswer(schema, data, what) };
}

/**
 * GitLab answers 202 to a note that holds nothing but quick actions: they ran, no note exists
 * (gitlab-facts §3.4).
 * @param answer expanded, as `parseExpanded` takes it
 * @throws ForgeError `invalid`
 */
export function refuseCommandsOnly(answer: unknown, what: string): unknown {
  const { status, data } = parseExpanded(z.unknown(), answer, what);
  if (status !== 202) return data;
  throw new ForgeError(
    'invalid',
    `GitLab took ${what} for quick actions only and stored no note; neutralise lines that start with "/"`,
    { status },
  );
}

const Page = z.object({
  data: z.array(z.unknown()),
  paginationInfo: z.object({ next: z.number().nullable() }),
});

export interface PageOptions {
  page: number;
  perPage: number;
  showExpanded: true;
}

/**
 * Every row of a list, page by page. The next page is asked for when GitLab names one or the page
 * was full, so a proxy that drops the paging headers loses nothing.
 * @param maxRows the named limit of this list
 * @throws ForgeError `invalid` when the list is longer than that
 */
export async function listAll<T>(
  schema: z.ZodType<T>,
  what: string,
  maxRows: number,
  fetchPage: (options: PageOptions) => Promise<unknown>,
): Promise<T[]> {
  const rows: T[] = [];
  for (let page = 1; ; page += 1) {
    if (rows.length >= maxRows || page > maxRows / PAGE_SIZE + 1) {
      throw new ForgeError(
        'invalid',
        `GitLab's answer to ${what} is too long: more than ${maxRows} rows, the limit for this list`,
      );
    }
    const answer = await fetchPage({ page, perPage: PAGE_SIZE, showExpanded: true });
    const { data, paginationInfo } = parseAnswer(Page, answer, what);
    rows.push(...parseAnswer(z.array(schema), data, what));
    if (paginationInfo.next === null && data.length < PAGE_SIZE) return rows;
  }
}

/**
 * Null when the thing asked for is not there. A project that is missing or hidden is still an error:
 * it says nothing about the thing.
 */
export async function orNull<T>(asked: Promise<T>): Promise<T | null> {
  try {
    return await asked;
  } catch (error) {
    const hidden = error instanceof ForgeError && /project not found/i.test(error.message);
    if (error instanceof ForgeError && error.kind === 'not_found' && !hidden) return null;
    throw error;
  }
}
