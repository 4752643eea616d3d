/** What people say about an issue or merge request: description, threads, and the forms to answer. */
import { levelOf } from '../services/access.ts';
import { whyNot } from '../services/suggestions.ts';
import { userOf } from '../state/state.ts';
import { ACCESS } from '../state/access-levels.ts';
import type { Note, Noteable, Suggestion } from '../state/types.ts';
import { html, type Markup } from './html.ts';
import { markdown } from './markdown.ts';
import { form, type View } from './parts.ts';

/** Description, threads and the form for a new comment. Internal notes are for insiders. */
export function conversation(view: View, item: Noteable): Markup {
  const { project, base } = view;
  const inside = levelOf(project, view.session.user) >= ACCESS.planner;
  const own = `${base}/-/${item.kind === 'issue' ? 'issues' : 'merge_requests'}/${item.iid}`;
  const threads = new Map<string, Note[]>();
  for (const note of item.notes.filter((one) => inside || !one.internal)) {
    threads.set(note.discussionId, [...(threads.get(note.discussionId) ?? []), note]);
  }
  const answer = view.session.user
    ? html`<h2>Comment</h2>
        ${form(view, `${own}/notes`, html`<textarea name="body" aria-label="Comment"></textarea>`, 'Comment', false)}
        <p>
          ${form(view, `${own}/labels`, html`<input type="text" name="label" placeholder="label" aria-label="Label" />`, 'Add label')}
        </p>`
    : html`<p><a href="/-/people">Choose a user</a> to comment.</p>`;
  return html`<div class="box">${markdown(item.description ?? '*No description*', base)}</div>
    ${[...threads.values()].map((notes) => threadOf(view, item, own, notes))}${answer}`;
}

/** Threads that wait for somebody, e.g. the findings of a look; null where there is none. */
export function openThreads(view: View, item: Noteable): Markup | null {
  const open = item.notes.filter((note, at) => {
    const first = item.notes.findIndex((one) => one.discussionId === note.discussionId);
    return first === at && note.resolvable && note.resolvedAt === null && !note.internal;
  });
  if (open.length === 0) return null;
  return html`<h2>Open threads</h2>
    <ul>
    ${open.map((note) => {
      const place = note.position
        ? `${note.position.new_path}:${note.position.new_line ?? ''}`
        : '';
      const text =
        note.body
          .replaceAll(/<!--[\s\S]*?-->/g, '')
          .trim()
          .split('\n')[0] ?? '';
      return html`<li>
        <a href="#note_${note.id}">${place === '' ? 'Thread' : place}</a> by
        @${userOf(view.gl.state, note.authorId).username}: ${text.replaceAll(/[*`#]/g, '')}
      </li>`;
    })}
  </ul>`;
}

function threadOf(view: View, item: Noteable, own: string, notes: readonly Note[]): Markup {
  const [first] = notes;
  if (!first) return html``;
  const name = userOf(view.gl.state, first.authorId).username;
  if (first.system) {
    return html`<p class="system">@${name} ${first.body} · ${when(first.createdAt)}</p>`;
  }
  const at = `${own}/discussions/${first.discussionId}`;
  const reply = view.session.user
    ? html`<details>
        <summary>Reply</summary>
        ${form(view, `${at}/notes`, html`<textarea name="body" aria-label="Reply"></textarea>`, 'Reply', false)}
      </details>`
    : null;
  const resolve =
    view.session.user && first.resolvable
      ? form(
          view,
          `${at}/${first.resolvedAt ? 'reopen' : 'resolve'}`,
          null,
          first.resolvedAt ? 'Reopen thread' : 'Resolve thread',
        )
      : null;
  return html`<div class="note">
    ${notes.map((note) => noteOf(view, item, own, note, note === first))} ${resolve} ${reply}
  </div>`;
}

/** The first note of a thread says where it is and whether it is open. */
function noteOf(view: View, item: Noteable, own: string, note: Note, first: boolean): Markup {
  const thread = note.resolvedAt ? 'resolved' : 'open';
  const awards = new Map<string, number>();
  for (const { name } of note.awards) awards.set(name, (awards.get(name) ?? 0) + 1);
  return html`<div id="note_${note.id}">
    <p class="by">
      <b>@${userOf(view.gl.state, note.authorId).username}</b>
      ${when(note.createdAt)}${note.updatedById === null ? null : ' · edited'}${note.internal ? ' · internal' : null}
      ${first && note.resolvable ? html`<span class="state ${thread}">${thread} thread</span>` : null}
      ${first && note.position ? html`<code>${note.position.new_path}:${note.position.new_line ?? ''}</code>` : null}
      ${[...awards].map(([emoji, times]) => ` :${emoji}:${times > 1 ? ` ×${times}` : ''}`).join('')}
    </p>
    ${markdown(note.body, view.base)}
    ${note.suggestions.map((one) => suggestionButton(view, item, own, note, one))}
  </div>`;
}

/** `2026-01-31 12:00 UTC`. */
function when(iso: string): string {
  return `${iso.slice(0, 16).replace('T', ' ')} UTC`;
}

/** The button under a suggestion, or why there is none. */
function suggestionButton(
  view: View,
  item: Noteable,
  own: string,
  note: Note,
  suggestion: Suggestion,
): Markup {
  if (suggestion.applied) return html`<p>Applied</p>`;
  const why = item.kind === 'merge_request' ? whyNot(item, note, suggestion) : null;
  if (why !== null) return html`<p>${why}</p>`;
  if (view.session.user === null) return html``;
  return form(view, `${own}/suggestions/${suggestion.id}`, null, 'Apply suggestion');
}
