/** Test set-up: people, tokens, projects and members without going through the REST API. */
import { rm } from 'node:fs/promises';
import { mkdir, mkdtemp, writeFile, chmod } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { PipelineRecord } from '../ci/contract.ts';
import { commitFolder, createBare } from './git/write.ts';
import type { Instance } from './instance.ts';
import { pipelinesOf } from './services/pipeline-list.ts';
import {
  findIssue,
  findMergeRequest,
  findProject,
  findUsername,
  newSecret,
} from './state/state.ts';
import { ACCESS } from './state/access-levels.ts';
import type { Epic } from './state/tracker-types.ts';
import type { Issue, MergeRequest, Note, Project, Protection, Token, User } from './state/types.ts';

export interface NewProject {
  /** Full path, `group/name`. */
  path: string;
  /** Content of the first commit: a folder, or files by path. */
  folder?: string;
  files?: Record<string, string>;
  visibility?: Project['visibility'];
  defaultBranch?: string;
  description?: string;
  /** Becomes Owner; default root. */
  owner?: User;
  /** Who may push to and merge into the default branch; null leaves it open to Developers. */
  protection?: Protection | null;
  message?: string;
}

export interface Setup {
  createUser(user: {
    username: string;
    name?: string;
    email?: string;
    admin?: boolean;
    bot?: boolean;
    external?: boolean;
  }): User;
  createToken(
    user: User,
    options?: { name?: string; scopes?: string[]; expiresAt?: string | null },
  ): Token;
  createProject(project: NewProject): Promise<Project>;
  addMember(project: Project, user: User, level: number): void;
  /** Makes a user a member of the group itself: a project's members have no say there. */
  addGroupMember(group: string, user: User, level: number): void;
  /** Epics of a group, newest first. */
  epics(group: string): Epic[];
  /** Level 0 removes the member. */
  setLevel(project: Project, user: User, level: number): void;
  user(username: string): User;
  project(path: string): Project;
  issue(path: string, iid: number): Issue;
  mergeRequest(path: string, iid: number): MergeRequest;
  /** Notes of people and bots, oldest first, without system notes. */
  notes(item: Issue | MergeRequest): Note[];
  /** Newest first, children included. */
  pipelines(path: string): PipelineRecord[];
}

export function createSetup(gl: Instance): Setup {
  const need = <T>(found: T | undefined, what: string): T => {
    if (found === undefined) throw new Error(`The sandbox has no ${what}.`);
    return found;
  };
  const project = (path: string): Project => need(findProject(gl.state, path), `project ${path}`);
  const setLevel = (target: Project, user: User, level: number): void => {
    if (level === 0) target.members.delete(user.id);
    else target.members.set(user.id, level);
  };
  return {
    createUser: (input) => createUser(gl, input),
    createToken: (user, options = {}) => createToken(gl, user, options),
    createProject: (input) => createProject(gl, input),
    addMember: setLevel,
    addGroupMember: (group, user, level) => {
      const members = gl.state.groupMembers.get(group) ?? new Map<number, number>();
      gl.state.groupMembers.set(group, members.set(user.id, level));
    },
    epics: (group) => gl.state.epics.filter((epic) => epic.group === group),
    setLevel,
    project,
    user: (name) => need(findUsername(gl.state, name), `user ${name}`),
    issue: (path, iid) => need(findIssue(project(path), iid), `issue ${path}#${iid}`),
    mergeRequest: (path, iid) =>
      need(findMergeRequest(project(path), iid), `merge request ${path}!${iid}`),
    notes: (item) => item.notes.filter((note) => !note.system),
    pipelines: (path) => pipelinesOf(gl, project(path)),
  };
}

type Base = Pick<Instance, 'state' | 'now' | 'clock'>;

export function createUser(gl: Base, input: Parameters<Setup['createUser']>[0]): User {
  const user: User = {
    id: gl.state.nextId('user'),
    username: input.username,
    name: input.name ?? input.username,
    email: input.email ?? `${input.username}@example.com`,
    admin: input.admin ?? false,
    bot: input.bot ?? false,
    external: input.external ?? false,
    state: 'active',
    createdAt: gl.now(),
  };
  gl.state.users.push(user);
  return user;
}

const YEAR_MS = 365 * 24 * 3600 * 1000;

export function createToken(
  gl: Base,
  user: User,
  options: { name?: string; scopes?: string[]; expiresAt?: string | null },
): Token {
  const inAYear = new Date(gl.clock().getTime() + YEAR_MS).toISOString().slice(0, 10);
  const token: Token = {
    id: gl.state.nextId('token'),
    value: newSecret('glpat'),
    userId: user.id,
    name: options.name ?? 'sandbox',
    scopes: options.scopes ?? ['api'],
    expiresAt: options.expiresAt === undefined ? inAYear : options.expiresAt,
    revoked: false,
    createdAt: gl.now(),
    lastUsedAt: null,
  };
  gl.state.tokens.push(token);
  return token;
}

async function createProject(gl: Instance, input: NewProject): Promise<Project> {
  const owner = input.owner ?? gl.root;
  const defaultBranch = input.defaultBranch ?? 'main';
  const gitDir = join(gl.dataDir, 'repositories', `${input.path}.git`);
  await createBare(gitDir, defaultBranch);
  const stamp = {
    message: input.message ?? 'Initial commit',
    committer: { name: owner.name, email: owner.email },
    when: gl.clock(),
  };
  if (input.folder) await commitFolder(gitDir, input.folder, defaultBranch, stamp);
  else {
    await withFiles(input.files ?? { 'README.md': `# ${input.path}\n` }, (folder) =>
      commitFolder(gitDir, folder, defaultBranch, stamp),
    );
  }
  const now = gl.now();
  const guard = { push: ACCESS.maintainer, merge: ACCESS.maintainer };
  const protection = input.protection === undefined ? guard : input.protection;
  const project: Project = {
    id: gl.state.nextId('project'),
    path: input.path,
    name: input.path.slice(input.path.lastIndexOf('/') + 1),
    description: input.description ?? null,
    visibility: input.visibility ?? 'private',
    defaultBranch,
    gitDir,
    creatorId: owner.id,
    archived: false,
    createdAt: now,
    lastActivityAt: now,
    members: new Map([[owner.id, ACCESS.owner]]),
    labels: [],
    uploads: [],
    issues: [],
    lastIssueIid: 0,
    mergeRequests: [],
    hooks: [],
    variables: [],
    protectedBranches: new Map(protection ? [[defaultBranch, protection]] : []),
    settings: {
      pipelineVariablesRole: 'no_one_allowed',
      onlyAllowMergeIfPipelineSucceeds: false,
      allowMergeOnSkippedPipeline: false,
      onlyAllowMergeIfAllDiscussionsAreResolved: false,
      removeSourceBranchAfterMerge: true,
      approvalsRequired: 0,
      resetApprovalsOnPush: true,
      protectedEnvironments: {},
    },
    statuses: [],
    externalPipelines: [],
    pipelineIids: new Map(),
    environments: [],
    deployments: [],
  };
  gl.state.projects.push(project);
  return project;
}

async function withFiles<T>(
  files: Record<string, string>,
  work: (folder: string) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'autodev-sandbox-'));
  try {
    for (const [path, content] of Object.entries(files)) {
      const file = join(folder, path);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, content);
      if (content.startsWith('#!')) await chmod(file, 0o755);
    }
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
