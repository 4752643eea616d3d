/**
 * Issues of an epic on GitLab (ForgeTracker). Rules: gitlab-facts §3.5. Issues are REST everywhere; epics
 * are work items of a group, Premium and up, and reached by GraphQL only.
 */
import { z } from 'zod';
import type { Issue } from '../../domain/events.ts';
import { ForgeError } from '../errors.ts';
import type { ForgeTracker } from '../tracker.ts';
import { askGraphql } from './graphql.ts';
import { listAll, parseAnswer, parseExpanded } from './resources.ts';
import type { Resources } from './resources.ts';
import { IssueAnswer, toIssue } from './shapes.ts';

export const TRACKER_LIMITS = {
  /** Issues of one plan that are read at once. */
  issues: 100,
  /** Open issues that are read at once: one page. */
  backlog: 100,
  /** Issues with the bot's label that are looked through. */
  labelled: 2_000,
} as const;

const Metadata = z.object({ enterprise: z.boolean().nullish() });
const ProjectAnswer = z.object({
  path_with_namespace: z.string(),
  namespace: z.object({ kind: z.string(), full_path: z.string() }).nullish(),
});
const CreatedIssue = z.object({ iid: z.number().int(), web_url: z.string() });
const IssueId = z.object({ id: z.number().int() });

const Types = z
  .object({
    workItemTypes: z.object({ nodes: z.array(z.object({ id: z.string() })).nullish() }).nullish(),
  })
  .nullable();
const Epic = z.object({ id: z.string(), webUrl: z.string().nullish() });
const Created = z.object({ workItem: Epic.nullable() });
const Epics = z
  .object({
    workItems: z
      .object({ nodes: z.array(Epic.extend({ description: z.string().nullish() })).nullish() })
      .nullish(),
  })
  .nullable();

const EPIC_TYPE = `query EpicType($path: ID!) {
  namespace(fullPath: $path) { workItemTypes(name: EPIC) { nodes { id } } }
}`;
/** Hidden markers are no words to GitLab's search, so the author's epics are read instead. */
const OWN_EPICS = `query OwnEpics($path: ID!, $author: String) {
  group(fullPath: $path) {
    workItems(types: [EPIC], authorUsername: $author, sort: CREATED_DESC, first: 100) {
      nodes { id webUrl description }
    }
  }
}`;
const CREATE_EPIC = `mutation CreateEpic(
  $path: ID!, $type: WorkItemsTypeID!, $title: String!, $text: String!
) {
  workItemCreate(input: {
    namespacePath: $path, workItemTypeId: $type, title: $title,
    descriptionWidget: { description: $text }
  }) { workItem { id webUrl } errors }
}`;
const SET_PARENT = `mutation SetParent($item: WorkItemID!, $parent: WorkItemID) {
  workItemUpdate(input: { id: $item, hierarchyWidget: { parentId: $parent } }) {
    workItem { id } errors
  }
}`;

/** The group a project is in; null for projects of a person, which have no epics. */
async function groupOf(api: Resources, projectId: number): Promise<string | null> {
  const answer: unknown = await api.projects.show(projectId);
  const row = parseAnswer(ProjectAnswer, answer, `GET project ${projectId}`);
  return row.namespace?.kind === 'group' ? row.namespace.full_path : null;
}

/** The id of the type `Epic` in a group; ids differ between instances. Null: the tier has none. */
async function epicTypeOf(api: Resources, path: string): Promise<string | null> {
  const answer = await askGraphql(api, Types, {
    what: `work item types of ${path}`,
    document: EPIC_TYPE,
    variables: { path },
  });
  return answer?.workItemTypes?.nodes?.[0]?.id ?? null;
}

/** The type and the group's path; null where there are no epics. The Community Edition is not asked. */
async function epicHome(
  api: Resources,
  projectId: number,
): Promise<{ path: string; type: string } | null> {
  const metadata = parseAnswer(Metadata, await api.metadata.show(), 'GET metadata');
  if (metadata.enterprise !== true) return null;
  const path = await groupOf(api, projectId);
  if (path === null) return null;
  const type = await epicTypeOf(api, path);
  return type === null ? null : { path, type };
}

async function needEpicHome(api: Resources, projectId: number) {
  const home = await epicHome(api, projectId);
  if (home === null) throw new ForgeError('invalid', `Project ${projectId} has no epics`);
  return home;
}

function plainIssue(row: z.infer<typeof IssueAnswer>): Issue {
  const { updatedAt: _seen, ...issue } = toIssue(row);
  return issue;
}

/** 409: they are linked already. */
async function linkedIsDone(sent: Promise<unknown>): Promise<void> {
  try {
    await sent;
  } catch (error) {
    if (!(error instanceof ForgeError) || error.kind !== 'conflict') throw error;
  }
}

async function findEpic(
  api: Resources,
  projectId: number,
  { marker, author }: Parameters<ForgeTracker['findEpic']>[1],
) {
  const path = await groupOf(api, projectId);
  if (path === null) return null;
  const answer = await askGraphql(api, Epics, {
    what: `epics of ${path}`,
    document: OWN_EPICS,
    variables: { path, author },
  });
  const nodes = answer?.workItems?.nodes ?? [];
  const found = nodes.find(({ description }) => description?.includes(marker));
  return found ? { id: found.id, url: found.webUrl ?? '' } : null;
}

async function createEpic(
  api: Resources,
  projectId: number,
  { title, description }: Parameters<ForgeTracker['createEpic']>[1],
) {
  const { path, type } = await needEpicHome(api, projectId);
  const { workItem } = await askGraphql(api, Created, {
    what: `workItemCreate in ${path}`,
    document: CREATE_EPIC,
    variables: { path, type, title, text: description },
  });
  if (!workItem) throw new ForgeError('invalid', `GitLab made no epic in ${path}`);
  return { id: workItem.id, url: workItem.webUrl ?? '' };
}

async function link(
  api: Resources,
  projectId: number,
  iid: number,
  to: Parameters<ForgeTracker['link']>[2],
): Promise<void> {
  if (to.as !== 'child') {
    const linkType = to.as === 'after' ? 'is_blocked_by' : 'relates_to';
    await linkedIsDone(api.issueLinks.create(projectId, iid, projectId, to.iid, { linkType }));
    return;
  }
  const issue: unknown = await api.issues.show(iid, { projectId });
  const { id } = parseAnswer(IssueId, issue, `GET issue ${projectId}#${iid}`);
  await askGraphql(api, z.object({ workItem: z.object({ id: z.string() }).nullable() }), {
    what: `workItemUpdate of ${projectId}#${iid}`,
    document: SET_PARENT,
    variables: { item: `gid://gitlab/WorkItem/${id}`, parent: to.epic },
  });
}

export function createGitLabTracker(api: Resources): ForgeTracker {
  return {
    /** Blocking links need the same tier as epics and cannot be asked for by themselves. */
    async capabilities(projectId) {
      const epics = (await epicHome(api, projectId)) !== null;
      return { epics, blocking: epics };
    },

    async issues(projectId, iids): Promise<Issue[]> {
      if (iids.length === 0) return [];
      const what = `GET issues of project ${projectId}`;
      const rows = await listAll(IssueAnswer, what, TRACKER_LIMITS.issues, (page) =>
        api.issues.all({ projectId, iids: [...iids], ...page }),
      );
      return rows.map(plainIssue);
    },

    async openIssues(projectId, most): Promise<Issue[]> {
      const what = `GET open issues of project ${projectId}`;
      const answer: unknown = await api.issues.all({
        projectId,
        state: 'opened',
        confidential: false,
        perPage: Math.min(most, TRACKER_LIMITS.backlog),
        maxPages: 1,
      });
      return parseAnswer(z.array(IssueAnswer), answer, what).map(plainIssue);
    },

    async findIssues(projectId, { label, authorId }) {
      const what = `GET issues of project ${projectId}`;
      const rows = await listAll(IssueAnswer, what, TRACKER_LIMITS.labelled, (page) =>
        api.issues.all({ projectId, labels: label, authorId, state: 'all', ...page }),
      );
      return rows.map((row) => ({
        iid: row.iid,
        url: row.web_url,
        description: row.description ?? '',
        open: row.state === 'opened',
      }));
    },

    async createIssue(projectId, { title, description, labels }) {
      const answer: unknown = await api.issues.create(projectId, title, {
        description,
        labels: labels.join(','),
        showExpanded: true,
      });
      const what = `POST issue in project ${projectId}`;
      const { iid, web_url: url } = parseExpanded(CreatedIssue, answer, what).data;
      return { iid, url };
    },

    findEpic: (projectId, by) => findEpic(api, projectId, by),

    createEpic: (projectId, epic) => createEpic(api, projectId, epic),

    link: (projectId, iid, to) => link(api, projectId, iid, to),
  };
}
