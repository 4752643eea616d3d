/** The sandbox's memory: users, tokens and projects, with the id counters of every kind. */
import { randomBytes } from 'node:crypto';
import type { Epic, IssueLink } from './tracker-types.ts';
import type { Issue, JobToken, MergeRequest, Project, Token, User } from './types.ts';

/** First id of each kind, far apart so that mixing two kinds up never works by accident. */
const FIRST_IDS = {
  user: 1,
  token: 51,
  project: 101,
  label: 301,
  pipeline: 501,
  hook: 701,
  issue: 1001,
  mergeRequest: 5001,
  mrVersion: 7001,
  note: 10_001,
  job: 30_001,
  award: 50_001,
  suggestion: 55_001,
  event: 60_001,
  status: 70_001,
  hookLog: 80_001,
  issueLink: 85_001,
  environment: 90_001,
  deployment: 95_001,
} as const;

export type IdKind = keyof typeof FIRST_IDS;

export interface State {
  users: User[];
  tokens: Token[];
  jobTokens: JobToken[];
  projects: Project[];
  /** Newest first. */
  epics: Epic[];
  issueLinks: IssueLink[];
  /** Members of groups by the group's path: user id → access level. */
  groupMembers: Map<string, Map<number, number>>;
  nextId(kind: IdKind): number;
}

/** An empty instance. */
export function createState(): State {
  const next: Record<IdKind, number> = { ...FIRST_IDS };
  return {
    users: [],
    tokens: [],
    jobTokens: [],
    projects: [],
    epics: [],
    issueLinks: [],
    groupMembers: new Map(),
    nextId: (kind) => next[kind]++,
  };
}

/** A secret with GitLab's prefix, e.g. `glpat-…`. */
export function newSecret(prefix: string): string {
  return `${prefix}-${randomBytes(15).toString('base64url')}`;
}

export function findUser(state: State, id: number): User | undefined {
  return state.users.find((user) => user.id === id);
}

/** The user of an id the state itself stored; throws when the state is broken. */
export function userOf(state: State, id: number): User {
  const user = findUser(state, id);
  if (!user) throw new Error(`The sandbox has no user ${id}.`);
  return user;
}

/** Usernames are case-insensitive, as in GitLab's URLs. */
export function findUsername(state: State, username: string): User | undefined {
  const wanted = username.replace(/^@/, '').toLowerCase();
  return state.users.find((user) => user.username.toLowerCase() === wanted);
}

/** By numeric id or full path. */
export function findProject(state: State, idOrPath: string | number): Project | undefined {
  const text = String(idOrPath);
  if (/^\d+$/.test(text)) return state.projects.find((project) => project.id === Number(text));
  return state.projects.find((project) => project.path.toLowerCase() === text.toLowerCase());
}

export function projectOf(state: State, id: number): Project {
  const project = state.projects.find((candidate) => candidate.id === id);
  if (!project) throw new Error(`The sandbox has no project ${id}.`);
  return project;
}

export function findIssue(project: Project, iid: number): Issue | undefined {
  return project.issues.find((issue) => issue.iid === iid);
}

export function findMergeRequest(project: Project, iid: number): MergeRequest | undefined {
  return project.mergeRequests.find((mr) => mr.iid === iid);
}

/** Head commit of a merge request: the newest version's. */
export function headSha(mr: MergeRequest): string {
  const newest = mr.versions.at(-1);
  if (!newest) throw new Error(`Merge request !${mr.iid} has no version.`);
  return newest.headSha;
}

export function isDraft(mr: MergeRequest): boolean {
  return /^\s*(\[draft\]|draft:|\(draft\))/i.test(mr.title);
}
