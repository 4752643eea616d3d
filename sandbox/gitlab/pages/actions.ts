/** What the forms of the pages do, with the rights of the chosen user. */
import type { Request } from 'express';
import { createInput, type Input } from '../rest/input.ts';
import { ApiFailure, conflict, forbidden, notFound, unauthorized } from '../rest/reply.ts';
import {
  canApprove,
  canEditMetadata,
  canReadCode,
  canSeeIssue,
  levelOf,
} from '../services/access.ts';
import { approve, unapprove } from '../services/approvals.ts';
import { editItem } from '../services/issuables.ts';
import { createIssue } from '../services/issues.ts';
import { labelsAfter } from '../services/labels.ts';
import { merge } from '../services/merge.ts';
import { replyTo } from '../services/note-records.ts';
import { createNote, resolveDiscussion } from '../services/notes.ts';
import { applySuggestions, findSuggestion } from '../services/suggestions.ts';
import { findIssue, findMergeRequest, headSha } from '../state/state.ts';
import { ACCESS } from '../state/access-levels.ts';
import type { MergeRequest, Note, Noteable, User } from '../state/types.ts';
import type { View } from './parts.ts';

/** Carries a posted form out; returns the address to go to. */
export async function act(view: View & { rest: string }, request: Request): Promise<string> {
  const user = view.session.user;
  if (!user) throw unauthorized();
  const input = createInput(request.body as Record<string, unknown>);
  if (view.project.archived) throw forbidden();
  if (view.rest === 'issues') {
    const issue = await createIssue(view.gl, view.project, user, {
      title: input.need('title'),
      description: input.str('description') ?? '',
      labels: input.list('labels') ?? [],
    });
    return `${view.base}/-/issues/${issue.iid}`;
  }
  const suggested = /^merge_requests\/(\d+)\/suggestions\/(\d+)$/.exec(view.rest);
  if (suggested) {
    await applyHere(view, user, Number(suggested[1]), Number(suggested[2]));
    return `${view.base}/-/merge_requests/${suggested[1]}`;
  }
  const threads = /^(issues|merge_requests)\/(\d+)\/discussions\/(\w+)\/(notes|resolve|reopen)$/;
  const thread = threads.exec(view.rest);
  if (thread) {
    const item = find(view, user, thread[1] === 'issues', Number(thread[2]));
    const notes = item ? notesOf(view, item, user, thread[3] ?? '') : [];
    if (!item || notes.length === 0) throw notFound('Discussion');
    const back = `${view.base}/-/${thread[1]}/${item.iid}`;
    return `${back}${await answer(view, item, user, notes, thread[4] ?? '', input)}`;
  }
  const match = /^(issues|merge_requests)\/(\d+)\/(notes|labels|approve|unapprove|merge)$/.exec(
    view.rest,
  );
  const item = match ? find(view, user, match[1] === 'issues', Number(match[2])) : null;
  if (!match || !item) throw notFound('Page');
  const back = `${view.base}/-/${match[1]}/${item.iid}`;
  if (match[3] === 'notes') {
    const context = { headSha: item.kind === 'merge_request' ? headSha(item) : undefined };
    const note = { body: input.need('body') };
    const done = await createNote(view.gl, view.project, item, user, note, context);
    return done.kind === 'note' ? `${back}#note_${done.note.id}` : back;
  }
  if (match[3] === 'labels') {
    if (!canEditMetadata(view.project, user, item.kind)) throw forbidden();
    const add = [input.need('label')];
    const labelIds = labelsAfter(view.gl, view.project, item, { add });
    if (labelIds) await editItem(view.gl, item, user, { labelIds });
  } else if (item.kind === 'merge_request') {
    await decide(view, item, user, match[3] ?? '', input.str('sha'));
  }
  return back;
}

/** The notes of one thread, as far as this user sees them. */
function notesOf(view: View, item: Noteable, user: User, id: string): Note[] {
  const inside = levelOf(view.project, user) >= ACCESS.planner;
  return item.notes.filter((note) => note.discussionId === id && (inside || !note.internal));
}

/** A reply in a thread, or its resolution; returns where on the page to go. */
async function answer(
  { gl, project }: View,
  item: Noteable,
  user: User,
  notes: readonly Note[],
  what: string,
  input: Input,
): Promise<string> {
  const first = notes[0] as Note;
  if (what !== 'notes') {
    resolveDiscussion(gl, project, item, notes, user, what === 'resolve');
    return `#note_${first.id}`;
  }
  const reply = replyTo(first, input.need('body'));
  const done = await createNote(gl, project, item, user, reply, { headSha: undefined });
  return done.kind === 'note' ? `#note_${done.note.id}` : '';
}

/** The button does what GitLab's own page does: it resolves the thread, too. */
async function applyHere(view: View, user: User, iid: number, id: number): Promise<void> {
  const found = findSuggestion(view.gl, id);
  const item = find(view, user, false, iid);
  if (!found || found.mr !== item) throw notFound('Suggestion');
  await applySuggestions(view.gl, user, [found], undefined);
  const notes = item.notes.filter(({ discussionId }) => discussionId === found.note.discussionId);
  resolveDiscussion(view.gl, view.project, item, notes, user, true);
}

function find(view: View, user: User, isIssue: boolean, iid: number): Noteable | null {
  if (!isIssue) {
    return canReadCode(view.project, user) ? (findMergeRequest(view.project, iid) ?? null) : null;
  }
  const issue = findIssue(view.project, iid);
  return issue && canSeeIssue(view.project, issue, user) ? issue : null;
}

/** The buttons carry the head that was shown: a push in between makes them 409. */
async function decide(
  view: View,
  mr: MergeRequest,
  user: User,
  what: string,
  sha: string | undefined,
): Promise<void> {
  const { gl, project } = view;
  if (what === 'unapprove') {
    await unapprove(gl, project, mr, user);
    return;
  }
  if (sha !== headSha(mr)) throw conflict('The branch has moved; reload the page.');
  if (what === 'approve') {
    if (!canApprove(gl, project, user, mr.authorId)) throw unauthorized();
    await approve(gl, project, mr, user);
    return;
  }
  const outcome = await merge(gl, project, mr, user, { auto: true });
  if (!outcome.ok) throw new ApiFailure(outcome.status, { message: 'It cannot be merged now.' });
}
