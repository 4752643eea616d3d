/** Addresses outside the API: pages, their forms, and raw files of public projects. */
import express, { type Request, type Response, type Router } from 'express';
import type { Instance } from '../instance.ts';
import { readFileAt, resolveCommit } from '../git/read.ts';
import { ApiFailure, notFound } from '../rest/reply.ts';
import { canReadCode, canSeeIssue, canSeeProject } from '../services/access.ts';
import { findPipeline, pipelinesOf } from '../services/pipeline-list.ts';
import { findIssue, findMergeRequest, findProject } from '../state/state.ts';
import { act } from './actions.ts';
import { CONTENT_SECURITY_POLICY, html, layout } from './html.ts';
import type { View } from './parts.ts';
import { createSessions, type Session } from './session.ts';
import {
  issuePage,
  mergeRequestPage,
  peoplePage,
  pipelinePage,
  projectPage,
  startPage,
} from './views.ts';

const FORM_LIMIT = '2mb';

/** Router of everything that is neither the API nor git. */
export function createPages(gl: Instance, problem: (name: string, error: unknown) => void): Router {
  const router = express.Router();
  const sessions = createSessions(gl);
  router.use(express.urlencoded({ extended: false, limit: FORM_LIMIT }));
  router.use((request, response) => {
    response.set({
      'Content-Security-Policy': CONTENT_SECURITY_POLICY,
      'X-Content-Type-Options': 'nosniff',
      'Referrer-Policy': 'same-origin',
    });
    serve(gl, sessions, request, response).catch((error: unknown) => {
      const failure = error instanceof ApiFailure ? error : null;
      if (!failure) problem(request.path, error);
      const status = failure?.status ?? 500;
      const why = failure ? JSON.stringify(failure.body) : 'The sandbox failed.';
      const frame = { title: String(status), crumbs: [], user: null };
      response.status(status).send(
        layout(
          frame,
          html`<h1>${status}</h1>
            <p>${why}</p>`,
        ),
      );
    });
  });
  return router;
}

async function serve(
  gl: Instance,
  sessions: ReturnType<typeof createSessions>,
  request: Request,
  response: Response,
): Promise<void> {
  const raw = await rawFile(gl, request.path);
  if (raw) {
    response.type('text/plain; charset=utf-8').send(raw);
    return;
  }
  const session = sessions.of(request, response);
  if (request.method === 'POST') {
    const refusal = sessions.refusal(request, session);
    if (refusal !== null) throw new ApiFailure(403, { message: refusal });
    const target = await act(viewOf(gl, session, request.path), request);
    response.redirect(303, target);
    return;
  }
  if (request.query['as'] !== undefined) {
    response.redirect(303, request.path);
    return;
  }
  response.type('html').send(await page(gl, session, request.path));
}

/** The address without percent-encoding; a broken one is no page. */
function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw notFound('Page');
  }
}

/** The project part of an address, for a project this user may see. */
function viewOf(gl: Instance, session: Session, path: string): View & { rest: string } {
  const [left = '', rest = ''] = decoded(path).split('/-/');
  const project = findProject(gl.state, left.replaceAll(/^\/+|\/+$/g, ''));
  if (!project || !canSeeProject(project, session.user)) throw notFound('Project');
  return { gl, session, project, base: `/${project.path}`, rest };
}

async function page(gl: Instance, session: Session, path: string): Promise<string> {
  if (path === '/') return startPage(gl, session);
  if (path === '/-/people') return peoplePage(gl, session);
  const view = viewOf(gl, session, path);
  const { project, rest } = view;
  if (rest === '') return projectPage(view);
  const match = /^(issues|merge_requests|pipelines|jobs)\/(\d+)$/.exec(rest);
  const id = Number(match?.[2]);
  if (match?.[1] === 'issues') {
    const issue = findIssue(project, id);
    if (issue && canSeeIssue(project, issue, session.user)) return issuePage(view, issue);
  } else if (canReadCode(project, session.user)) {
    const mr = match?.[1] === 'merge_requests' ? findMergeRequest(project, id) : undefined;
    if (mr) return mergeRequestPage(view, mr);
    const pipeline =
      match?.[1] === 'jobs'
        ? pipelinesOf(gl, project).find((one) => one.jobs.some((job) => job.id === id))
        : findPipeline(gl, project, match?.[1] === 'pipelines' ? id : -1);
    if (pipeline) return pipelinePage(view, pipeline);
  }
  throw notFound('Page');
}

/** `/<path>/-/raw/<ref>/<file>` of a public project, so that `include: remote` works; else null. */
async function rawFile(gl: Instance, path: string): Promise<Buffer | null> {
  const match = /^\/(.+?)\/-\/raw\/(.+)$/.exec(decoded(path));
  const project = match ? findProject(gl.state, match[1] ?? '') : undefined;
  if (!match || !project || project.visibility !== 'public') return null;
  const parts = (match[2] ?? '').split('/');
  // A branch name may hold slashes: the shortest prefix that is a ref wins.
  for (let cut = 1; cut < parts.length; cut += 1) {
    const sha = await resolveCommit(project.gitDir, parts.slice(0, cut).join('/'));
    const file = sha ? await readFileAt(project.gitDir, sha, parts.slice(cut).join('/')) : null;
    if (file) return file.content;
  }
  return null;
}
