/**
 * An issue or change for the agent of one attempt: of the attempt's own project, and only what everybody may
 * read who reads what its run writes (DESIGN §4.6, threat B1). Confidential issues are answered like ones that do
 * not exist, internal comments are never there.
 */
import { promisify } from 'node:util';
import express, { type Request, type Response } from 'express';
import { ThreadRequest, type ThreadResponse } from '../../schema/wire/job-api.ts';
import { seenNotes } from '../domain/seen-text.ts';
import { audienceCovers, threadPage, type Thread } from '../domain/thread-text.ts';
import { ForgeError } from '../forge/errors.ts';
import { repoById } from '../store/repos.ts';
import { runById, type RunRow } from '../store/runs.ts';
import { sendError } from './api-error.ts';
import { byToken, wrongBody, type JobApiDeps } from './job-auth.ts';

/** Pages that one attempt is given; the job has a limit of its own below it. */
const PAGES_PER_ATTEMPT = 100;
/** Attempts whose pages are counted; the oldest is forgotten first. */
const COUNTED = 10_000;
const BODY_BYTES = 4 * 1024;
const readBody = promisify(express.json({ limit: BODY_BYTES, inflate: false }));

/** POST /api/job/thread */
export function threadRoute(
  deps: JobApiDeps,
): (request: Request, response: Response) => Promise<void> {
  const pages = new Map<number, number>();
  return async (request, response) => {
    const attempt = await byToken(request, response, deps);
    if (!attempt) return;
    await readBody(request, response);
    const body = ThreadRequest.safeParse(request.body);
    if (!body.success) return wrongBody(response, body.error.issues);
    if (!mayRead(pages, attempt.id)) {
      const message = `An attempt is given ${PAGES_PER_ATTEMPT} pages of threads.`;
      return sendError(response, 403, 'enough_read', message, 'Go on with what was read.');
    }
    const [repo, run] = await Promise.all([
      repoById(deps.db, attempt.repoId),
      runById(deps.db, attempt.runId),
    ]);
    const found = repo && run && (await threadOf(repo.projectId, body.data, run, deps));
    const page = found && threadPage(found, body.data.page);
    if (found && !page) {
      const message = `${nameOf(body.data)} has fewer pages than ${body.data.page}.`;
      return sendError(response, 404, 'no_such_page', message, 'Ask for page 1.');
    }
    if (!page) {
      const message = `There is no ${nameOf(body.data)} that all may read who read the result of this task.`;
      return sendError(response, 404, 'not_readable', message);
    }
    const answer: ThreadResponse = page;
    response.json(answer);
  };
}

/** The thread; null when it is not there, or not for everybody who reads what the run writes. */
async function threadOf(
  projectId: number,
  { type, iid }: ThreadRequest,
  run: RunRow,
  deps: JobApiDeps,
): Promise<Thread | null> {
  const { threads } = deps;
  const refused = (why: string): null => {
    deps.log.info({ projectId, type, iid, why }, 'thread not given to the agent');
    return null;
  };
  try {
    const project = await threads.project(projectId);
    if (!audienceCovers(type, project.access)) return refused('fewer people may read it');
    const subject =
      type === 'issue'
        ? await issueOf(projectId, iid, threads)
        : await threads.change(projectId, iid);
    if (subject === null) return refused('the issue is confidential');
    const notes = await threads.notes(projectId, { type, iid });
    const bot = await deps.botUserId();
    const shown = notes.filter((note) => !note.system && !note.internal);
    // What the work is about is read as it was when somebody asked for it (threat A2).
    const own = run.targetType === type && run.targetIid === iid;
    const asked = { noteId: run.triggerNoteId, at: run.createdAt };
    const { seen, later } = own ? seenNotes(shown, asked) : { seen: shown, later: 0 };
    return {
      ...{ type, iid, later, state: subject.state },
      title: own ? run.context.title : subject.title,
      text: own ? run.context.text : subject.description,
      notes: seen.map(({ body, authorId, createdAt }) => ({
        body,
        by: authorId === bot ? 'AutoDev' : `user ${authorId}`,
        at: createdAt,
      })),
    };
  } catch (error) {
    // Whatever cannot be looked up is refused.
    if (error instanceof ForgeError) return refused(`the forge says ${error.kind}`);
    throw error;
  }
}

async function issueOf(projectId: number, iid: number, threads: JobApiDeps['threads']) {
  const issue = await threads.issue(projectId, iid);
  return issue.confidential ? null : issue;
}

function nameOf({ type, iid }: ThreadRequest): string {
  return type === 'issue' ? `issue #${iid}` : `merge request !${iid}`;
}

function mayRead(pages: Map<number, number>, attempt: number): boolean {
  const read = (pages.get(attempt) ?? 0) + 1;
  pages.delete(attempt);
  pages.set(attempt, read);
  const [oldest] = pages.keys();
  if (pages.size > COUNTED && oldest !== undefined) pages.delete(oldest);
  return read <= PAGES_PER_ATTEMPT;
}
