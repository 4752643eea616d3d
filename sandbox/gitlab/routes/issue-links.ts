/** Links between issues; which one waits for which needs Premium (gitlab-facts §3.5). */
import { needIssue, needUser, type Call, type Route } from '../rest/call.ts';
import { badParameter, conflict, created, forbidden, notFound, ok } from '../rest/reply.ts';
import { issueEntity } from '../present/issuables.ts';
import { canEditMetadata, canSeeIssue } from '../services/access.ts';
import { findIssue, findProject } from '../state/state.ts';
import type { IssueLink } from '../state/tracker-types.ts';
import type { Issue, Project } from '../state/types.ts';

const TYPES = ['relates_to', 'blocks', 'is_blocked_by'] as const;
type LinkType = (typeof TYPES)[number];

const isType = (type: string): type is LinkType => (TYPES as readonly string[]).includes(type);

/** How the link looks from one of its ends. */
function seenFrom(link: IssueLink, issue: Issue): { other: number; type: LinkType } | null {
  if (link.sourceId === issue.id) return { other: link.targetId, type: link.type };
  if (link.targetId !== issue.id) return null;
  return { other: link.sourceId, type: link.type === 'blocks' ? 'is_blocked_by' : link.type };
}

function byId(call: Call, id: number): { project: Project; issue: Issue } | null {
  for (const project of call.gl.state.projects) {
    const issue = project.issues.find((candidate) => candidate.id === id);
    if (issue) return { project, issue };
  }
  return null;
}

function list(call: Call) {
  const { issue } = needIssue(call);
  const user = call.caller?.user ?? null;
  return call.gl.state.issueLinks.flatMap((link) => {
    const seen = seenFrom(link, issue);
    const other = seen && byId(call, seen.other);
    if (!seen || !other || !canSeeIssue(other.project, other.issue, user)) return [];
    return [
      {
        ...issueEntity(call.gl, other.project, other.issue),
        issue_link_id: link.id,
        link_type: seen.type,
        link_created_at: link.createdAt,
        link_updated_at: link.createdAt,
      },
    ];
  });
}

function create(call: Call) {
  const { project, issue } = needIssue(call);
  const user = needUser(call);
  const { input, gl } = call;
  const target = findProject(gl.state, input.need('target_project_id'));
  const other = target && findIssue(target, Number(input.need('target_issue_iid')));
  const type = input.str('link_type') ?? 'relates_to';
  if (!isType(type)) throw badParameter('link_type does not have a valid value');
  if (!target || !other || !canSeeIssue(target, other, user)) throw notFound();
  if (![project, target].every((one) => canEditMetadata(one, user, 'issue'))) throw forbidden();
  if (type !== 'relates_to' && gl.edition !== 'ee') {
    throw forbidden('Blocked issues not available for current license');
  }
  if (gl.state.issueLinks.some((link) => seenFrom(link, issue)?.other === other.id)) {
    throw conflict('Issue(s) already assigned');
  }
  // GitLab stores the one direction and shows the other.
  const turned = type === 'is_blocked_by';
  const link: IssueLink = {
    id: gl.state.nextId('issueLink'),
    sourceId: turned ? other.id : issue.id,
    targetId: turned ? issue.id : other.id,
    type: turned ? 'blocks' : type,
    createdAt: gl.now(),
  };
  gl.state.issueLinks.push(link);
  return created({
    id: link.id,
    source_issue: issueEntity(gl, project, issue),
    target_issue: issueEntity(gl, target, other),
    link_type: type,
  });
}

export const issueLinkRoutes: Route[] = [
  {
    method: 'GET',
    path: '/projects/:id/issues/:issue_iid/links',
    handler: (call) => ok(list(call)),
  },
  { method: 'POST', path: '/projects/:id/issues/:issue_iid/links', handler: create },
];
