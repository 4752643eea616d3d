/** Approvals: Free has the basic endpoints, EE also counts (gitlab-facts §3.3). */
import { canApprove } from '../services/access.ts';
import { approve, resetApprovals, unapprove } from '../services/approvals.ts';
import { needMr, needUser, type Route } from '../rest/call.ts';
import { accepted, created, notFound, ok, unauthorized } from '../rest/reply.ts';
import { approvalsEntity } from '../present/issuables.ts';
import { headSha } from '../state/state.ts';
import { shaMismatch } from './merge-requests.ts';

const MR = '/projects/:id/merge_requests/:merge_request_iid';

export const approvalRoutes: Route[] = [
  {
    method: 'GET',
    path: `${MR}/approvals`,
    handler: (call) => {
      const { project, mr } = needMr(call);
      return ok(approvalsEntity(call.gl, project, mr, needUser(call)));
    },
  },
  {
    method: 'POST',
    path: `${MR}/approve`,
    handler: async (call) => {
      const { project, mr } = needMr(call);
      const user = needUser(call);
      if (!canApprove(call.gl, project, user, mr.authorId)) throw unauthorized();
      const sha = call.input.str('sha');
      if (sha !== undefined && sha !== headSha(mr)) throw shaMismatch(headSha(mr));
      if (!(await approve(call.gl, project, mr, user))) throw unauthorized();
      return created(approvalsEntity(call.gl, project, mr, user));
    },
  },
  {
    method: 'POST',
    path: `${MR}/unapprove`,
    handler: async (call) => {
      const { project, mr } = needMr(call);
      const user = needUser(call);
      if (!(await unapprove(call.gl, project, mr, user))) throw notFound();
      return created(approvalsEntity(call.gl, project, mr, user));
    },
  },
  {
    method: 'PUT',
    path: `${MR}/reset_approvals`,
    handler: (call) => {
      const { project, mr } = needMr(call);
      const user = needUser(call);
      if (!user.bot || !canApprove(call.gl, project, user, -1)) throw unauthorized();
      resetApprovals(mr);
      return accepted(undefined);
    },
  },
];
