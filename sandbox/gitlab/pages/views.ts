/** The pages: people, project, issue, merge request, pipeline. */
import type { PipelineRecord } from '../../ci/contract.ts';
import { diff, type FileDiff } from '../git/read.ts';
import type { Instance } from '../instance.ts';
import { canSeeIssue, canSeeProject, levelOf } from '../services/access.ts';
import { detailedMergeStatus } from '../services/mergeability.ts';
import {
  belongsTo,
  effectiveStatus,
  headPipelineOf,
  pipelinesOf,
  statusesOn,
} from '../services/pipeline-list.ts';
import { headSha, userOf } from '../state/state.ts';
import { ACCESS } from '../state/access-levels.ts';
import type { Issue, MergeRequest, Noteable } from '../state/types.ts';
import { html, layout, type Markup } from './html.ts';
import { reportRows } from './report-rows.ts';
import { form, labels, logOf, pipelineRows, state, type View } from './parts.ts';
import type { Session } from './session.ts';
import { conversation, openThreads } from './threads.ts';

/** Rows of one list on the project page. */
const MAX_ROWS = 50;
/** Lines of one file's diff that are shown. */
const MAX_DIFF_LINES = 2000;
const REFRESH_SECONDS = 3;
const ACTIVE = new Set(['created', 'pending', 'running']);

/** What the user may do here, in GitLab's words. */
function roleOf({ project, session }: View): string {
  const level = levelOf(project, session.user);
  const found = Object.entries(ACCESS).findLast(([, least]) => level >= least);
  return found?.[0] ?? 'no member';
}

function frame(view: View, title: string, body: Markup, refresh = false): string {
  return layout(
    {
      title: `${title} · ${view.project.path}`,
      crumbs: [{ text: view.project.path, href: view.base }],
      user: view.session.user?.username ?? null,
      role: roleOf(view),
      ...(refresh ? { refresh: REFRESH_SECONDS } : {}),
    },
    body,
  );
}

/** Start page: the projects this user sees. */
export function startPage(gl: Instance, session: Session): string {
  const projects = gl.state.projects.filter((project) => canSeeProject(project, session.user));
  const rows = projects.map(
    (one) => html`<li><a href="/${one.path}">${one.path}</a> ${one.description}</li>`,
  );
  const empty = html`<p>Nothing to see for you. <a href="/-/people">Choose a user.</a></p>`;
  const body = html`<h1>Projects</h1>
    ${
      rows.length > 0
        ? html`<ul>
            ${rows}
          </ul>`
        : empty
    }`;
  return layout({ title: 'Projects', crumbs: [], user: session.user?.username ?? null }, body);
}

/** Whom to look as; there are no passwords here. */
export function peoplePage(gl: Instance, session: Session): string {
  const rows = gl.state.users.map(
    (user) =>
      html`<li>
        <a href="/?as=${encodeURIComponent(user.username)}">@${user.username}</a>
        ${user.name}${user.admin ? ' · administrator' : null}${user.bot ? ' · bot' : null}
      </li>`,
  );
  const body = html`<h1>Look as …</h1>
    <ul>
      ${rows}
    </ul>`;
  return layout({ title: 'People', crumbs: [], user: session.user?.username ?? null }, body);
}

export function projectPage(view: View): string {
  const { gl, project, base, session } = view;
  const row = (item: Noteable): Markup =>
    html`<tr>
      <td>${item.kind === 'issue' ? '#' : '!'}${item.iid}</td>
      <td>
        <a href="${base}/-/${item.kind === 'issue' ? 'issues' : 'merge_requests'}/${item.iid}"
          >${item.title}</a
        >
        ${labels(project, item)}
      </td>
      <td>${state(item.state)}</td>
      <td>@${userOf(gl.state, item.authorId).username}</td>
    </tr>`;
  const table = (items: readonly Noteable[]): Markup =>
    items.length === 0
      ? html`<p>None yet.</p>`
      : html`<table class="list">
          ${items.toReversed().slice(0, MAX_ROWS).map(row)}
        </table>`;
  const issues = project.issues.filter((issue) => canSeeIssue(project, issue, session.user));
  const create = session.user
    ? form(
        view,
        `${base}/-/issues`,
        html`<p>
            <input type="text" name="title" placeholder="Title" aria-label="Title" size="60" />
          </p>
          <textarea name="description" aria-label="Description"></textarea>
          <p>
            <input type="text" name="labels" placeholder="labels, by comma" aria-label="Labels" />
          </p>`,
        'Create issue',
        false,
      )
    : null;
  const body = html`<h1>${project.path}</h1>
    <p>${project.description}</p>
    <h2>Issues</h2>
    ${table(issues)}
    <details>
      <summary>New issue</summary>
      ${create}
    </details>
    <h2>Merge requests</h2>
    ${table(project.mergeRequests)}
    <h2>Pipelines</h2>
    ${pipelineRows(view, pipelinesOf(gl, project).slice(0, MAX_ROWS))}`;
  return frame(view, 'Overview', body);
}

export function issuePage(view: View, issue: Issue): string {
  const author = userOf(view.gl.state, issue.authorId).username;
  const body = html`<h1>${issue.title} <small>#${issue.iid}</small></h1>
    <p>${state(issue.state)} by @${author} ${labels(view.project, issue)}</p>
    ${conversation(view, issue)}`;
  return frame(view, issue.title, body);
}

export async function mergeRequestPage(view: View, mr: MergeRequest): Promise<string> {
  const { gl, project, base } = view;
  const version = mr.versions.at(-1);
  const files = version ? await diff(project.gitDir, version.baseSha, version.headSha) : [];
  const rows = pipelinesOf(gl, project).filter((one) => belongsTo(mr, one));
  const approvers = mr.approvals.map((one) => `@${userOf(gl.state, one.userId).username}`);
  const own = `${base}/-/merge_requests/${mr.iid}`;
  const sha = html`<input type="hidden" name="sha" value="${headSha(mr)}" />`;
  const mine = mr.approvals.some((one) => one.userId === view.session.user?.id);
  const buttons =
    view.session.user && mr.state === 'opened'
      ? html`<p>
          ${mine ? form(view, `${own}/unapprove`, null, 'Revoke approval') : form(view, `${own}/approve`, sha, 'Approve')}
          ${form(view, `${own}/merge`, sha, 'Merge')}
        </p>`
      : null;
  const body = html`<h1>${mr.title} <small>!${mr.iid}</small></h1>
    <p>
      ${state(mr.state)} @${userOf(gl.state, mr.authorId).username} wants to merge
      <code>${mr.sourceBranch}</code> into <code>${mr.targetBranch}</code> at
      <code>${headSha(mr).slice(0, 8)}</code> ${labels(project, mr)}
    </p>
    <p>
      ${mr.state === 'opened' ? html`merge status <code>${detailedMergeStatus(gl, project, mr)}</code> · ` : null}
      ${approvers.length > 0 ? `approved by ${approvers.join(', ')}` : 'no approvals'}
    </p>
    ${buttons}
    ${openThreads(view, mr)} ${conversation(view, mr)}
    <h2>Pipelines</h2>
    ${pipelineRows(view, rows)} ${await reportRows(headPipelineOf(gl, project, mr))}
    <h2>Changes</h2>
    ${files.map(fileDiff)}`;
  return frame(view, mr.title, body);
}

function fileDiff(file: FileDiff): Markup {
  const name = file.renamedFile ? `${file.oldPath} → ${file.newPath}` : file.newPath;
  const what = file.newFile ? ' (new)' : file.deletedFile ? ' (deleted)' : '';
  const lines = file.diff.split('\n').slice(0, MAX_DIFF_LINES);
  const shown = lines.map((line) => {
    const kind = line.startsWith('+') ? 'add' : line.startsWith('-') ? 'del' : '';
    return html`<span class="${kind}">${`${line}\n`}</span>`;
  });
  return html`<p><b>${name}</b>${what}</p>
    <pre>${shown}</pre>`;
}

export async function pipelinePage(view: View, pipeline: PipelineRecord): Promise<string> {
  const { gl, project, base } = view;
  const status = effectiveStatus(project, pipeline);
  const jobs = await Promise.all(
    pipeline.jobs.map(async (job) => {
      const child =
        job.downstreamPipelineId === null
          ? null
          : html` →
              <a href="${base}/-/pipelines/${job.downstreamPipelineId}"
                >#${job.downstreamPipelineId}</a
              >`;
      const log = job.bridge ? '' : await logOf(job.tracePath);
      return html`<div class="box" id="job_${job.id}">
        <p>
          <b>${job.name}</b> ${state(job.status)}
          ${job.stage}${child}${job.failureReason ? ` · ${job.failureReason}` : null}
          ${job.tags.length > 0 ? ` · tags ${job.tags.join(', ')}` : null}
        </p>
        ${
          log === ''
            ? null
            : html`<details open>
                <summary>Log</summary>
                <pre>${log}</pre>
              </details>`
        }
      </div>`;
    }),
  );
  const statuses = statusesOn(project, pipeline.id).map(
    (one) => html`<p>${state(one.status)} <b>${one.name}</b> ${one.description}</p>`,
  );
  const parent = pipeline.spec.parent;
  const above = parent
    ? html` · child of <a href="${base}/-/pipelines/${parent.pipelineId}">#${parent.pipelineId}</a>`
    : null;
  const children = pipelinesOf(gl, project).filter(
    (one) => one.spec.parent?.pipelineId === pipeline.id,
  );
  const body = html`<h1>Pipeline #${pipeline.id}</h1>
    <p>
      ${state(status)} ${pipeline.spec.source} on <code>${pipeline.spec.ref}</code>
      <code>${pipeline.spec.sha.slice(0, 8)}</code> by @${pipeline.spec.user.username}${above}
    </p>
    ${statuses}
    <h2>Jobs</h2>
    ${jobs}
    ${
      children.length > 0
        ? html`<h2>Child pipelines</h2>
            ${pipelineRows(view, children)}`
        : null
    }`;
  return frame(view, `Pipeline #${pipeline.id}`, body, ACTIVE.has(status));
}
