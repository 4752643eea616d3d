/** What the bot reads from GitLab (ForgeRead). Rules: gitlab-facts §3. */
import { z } from 'zod';
import type { ForgeRead, StoredNote } from '../forge.ts';
import { listAll, orNull, parseAnswer } from './resources.ts';
import type { Resources } from './resources.ts';
import { ChangeAnswer, IssueAnswer, toChange, toIssue } from './shapes.ts';

export const READ_LIMITS = {
  /** GitLab allows 5,000 comments per issue or merge request; system notes come on top. */
  notes: 10_000,
} as const;

const UserAnswer = z.object({ id: z.number().int(), username: z.string(), state: z.string() });

const ProjectAnswer = z.object({
  id: z.number().int(),
  path_with_namespace: z.string(),
  default_branch: z.string().nullish(),
  web_url: z.string(),
  archived: z.boolean().nullish(),
  visibility: z.string().nullish(),
  issues_access_level: z.string().nullish(),
  merge_requests_access_level: z.string().nullish(),
  repository_access_level: z.string().nullish(),
  only_allow_merge_if_pipeline_succeeds: z.boolean().nullish(),
});

const MemberAnswer = z.object({
  access_level: z.number().int(),
  state: z.string(),
  /** Of the membership itself; EE only. */
  membership_state: z.string().nullish(),
});

const NoteAnswer = z.object({
  id: z.number().int(),
  body: z.string().nullish(),
  author: z.object({ id: z.number().int() }),
  discussion_id: z.string().nullish(),
  internal: z.boolean().nullish(),
  confidential: z.boolean().nullish(),
  created_at: z.string(),
  updated_at: z.string(),
  system: z.boolean(),
});

const BranchAnswer = z.object({
  commit: z.object({ id: z.string(), message: z.string().nullish() }),
});

const FileAnswer = z.object({ content: z.string(), encoding: z.literal('base64') });

/** `defaultBranch` is empty while the repository has no commits. */
function toProject(row: z.infer<typeof ProjectAnswer>) {
  return {
    forge: 'gitlab' as const,
    id: row.id,
    path: row.path_with_namespace,
    defaultBranch: row.default_branch ?? '',
    webUrl: row.web_url,
    archived: row.archived ?? false,
    visibility: row.visibility ?? 'private',
    access: {
      issues: row.issues_access_level ?? '',
      changes: row.merge_requests_access_level ?? '',
      code: row.repository_access_level ?? '',
    },
    pipelinesMustSucceed: row.only_allow_merge_if_pipeline_succeeds ?? false,
  };
}

/** GitLab 17 names an internal note `internal`; `confidential` is the older word. */
function toNote(row: z.infer<typeof NoteAnswer>): StoredNote {
  return {
    id: row.id,
    body: row.body ?? '',
    authorId: row.author.id,
    discussionId: row.discussion_id ?? null,
    internal: row.internal ?? row.confidential ?? false,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    system: row.system,
  };
}

/** Highest level among the active memberships; the same user may be listed by several paths. */
function highestLevel(members: readonly z.infer<typeof MemberAnswer>[]): number {
  const active = members.filter(
    (member) => member.state === 'active' && (member.membership_state ?? 'active') === 'active',
  );
  return Math.max(0, ...active.map((member) => member.access_level));
}

export function createGitLabRead(api: Resources): ForgeRead {
  return {
    async me() {
      return parseAnswer(UserAnswer, await api.users.showCurrentUser(), 'GET user');
    },

    async project(idOrPath) {
      const answer = await api.projects.show(idOrPath);
      return toProject(parseAnswer(ProjectAnswer, answer, `GET project ${idOrPath}`));
    },

    async issue(projectId, iid) {
      const answer = await api.issues.show(iid, { projectId });
      return toIssue(parseAnswer(IssueAnswer, answer, `GET issue ${projectId}#${iid}`));
    },

    async change(projectId, iid) {
      const answer = await api.mergeRequests.show(projectId, iid);
      return toChange(parseAnswer(ChangeAnswer, answer, `GET merge request ${projectId}!${iid}`));
    },

    /** `members/all` counts inherited and invited groups (gitlab-facts §3.6). */
    async accessLevel(projectId, userId) {
      const answer = await orNull<unknown>(
        api.members.show(projectId, userId, { includeInherited: true }),
      );
      if (answer === null) return 0;
      const what = `GET member ${userId} of project ${projectId}`;
      const rows = Array.isArray(answer) ? answer : [answer];
      return highestLevel(parseAnswer(z.array(MemberAnswer), rows, what));
    },

    /** GitLab's list of notes does not name their discussions: `discussionId` stays null then. */
    async notes(projectId, on) {
      const what = `GET notes of ${on.type} ${on.iid} in project ${projectId}`;
      const rows = await listAll(NoteAnswer, what, READ_LIMITS.notes, (page) =>
        api.on[on.type].notes.all(projectId, on.iid, {
          ...page,
          orderBy: 'created_at',
          sort: 'asc',
        }),
      );
      return rows.map(toNote);
    },

    async file(projectId, path, ref) {
      const answer = await orNull<unknown>(api.files.show(projectId, path, ref));
      if (answer === null) return null;
      const { content } = parseAnswer(FileAnswer, answer, `GET file of project ${projectId}`);
      return Buffer.from(content, 'base64').toString('utf8');
    },

    async branch(projectId, name) {
      const answer = await orNull<unknown>(api.branches.show(projectId, name));
      if (answer === null) return null;
      const { commit } = parseAnswer(BranchAnswer, answer, `GET branch of project ${projectId}`);
      return { sha: commit.id, message: commit.message ?? '' };
    },
  };
}
