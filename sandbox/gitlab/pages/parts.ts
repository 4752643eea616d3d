/** Parts of several pages: notes, labels, states, forms, job lists. */
import { readFile } from 'node:fs/promises';
import type { PipelineRecord } from '../../ci/contract.ts';
import type { Instance } from '../instance.ts';
import { labelNames } from '../services/labels.ts';
import { effectiveStatus } from '../services/pipeline-list.ts';
import { levelOf } from '../services/access.ts';
import { whyNot } from '../services/suggestions.ts';
import { userOf } from '../state/state.ts';
import { ACCESS } from '../state/access-levels.ts';
import type { Note, Noteable, Project, Suggestion } from '../state/types.ts';
import { html, type Markup } from './html.ts';
import { markdown } from './markdown.ts';
import type { Session } from './session.ts';

/** Bytes of a log that a page shows, from its end. */
const MAX_LOG = 100_000;

export interface View {
  gl: Instance;
  session: Session;
  project: Project;
  /** Path of the project's page. */
  base: string;
}

export function state(name: string): Markup {
  return html`<span class="state ${name}">${name}</span>`;
}

export function labels(project: Project, item: Noteable): Markup[] {
  return labelNames(project, item.labelIds).map(
    (name) => html`<span class="label">${name}</span> `,
  );
}

/** A button, or a form around more fields, that posts with the session's token. */
export function form(
  view: View,
  action: string,
  fields: Markup | null,
  button: string,
  inline = true,
): Markup {
  return html`<form method="post" action="${action}" class="${inline ? 'inline' : ''}">
    <input type="hidden" name="csrf" value="${view.session.csrf}" />${fields}
    <button>${button}</button>
  </form>`;
}

/** Description, notes and the form to answer. Internal notes are for insiders. */
export function thread(view: View, item: Noteable): Markup {
  const { gl, project, base } = view;
  const name = (id: number): string => userOf(gl.state, id).username;
  const inside = levelOf(project, view.session.user) >= ACCESS.planner;
  const own = `${base}/-/${item.kind === 'issue' ? 'issues' : 'merge_requests'}/${item.iid}`;
  const buttons = (note: Note): Markup[] =>
    note.suggestions.map((one) => suggestionButton(view, item, own, note, one));
  const notes = item.notes
    .filter((note) => inside || !note.internal)
    .map((note) =>
      note.system
        ? html`<p class="system">@${name(note.authorId)} ${note.body} · ${note.createdAt}</p>`
        : html`<div class="note" id="note_${note.id}">
            <p class="by">
              <b>@${name(note.authorId)}</b>
              ${note.createdAt}${note.updatedById === null ? null : ' · edited'}${note.internal ? ' · internal' : null}
              ${note.resolvable ? (note.resolvedAt ? ' · resolved' : ' · open thread') : null}
              ${note.position ? ` · ${note.position.new_path}:${note.position.new_line ?? ''}` : null}
              ${note.awards.map((award) => ` :${award.name}:`).join('')}
            </p>
            ${markdown(note.body, base)} ${buttons(note)}
          </div>`,
    );
  const answer = view.session.user
    ? html`<h2>Comment</h2>
        ${form(view, `${own}/notes`, html`<textarea name="body" aria-label="Comment"></textarea>`, 'Comment', false)}
        <p>
          ${form(view, `${own}/labels`, html`<input type="text" name="label" placeholder="label" aria-label="Label" />`, 'Add label')}
        </p>`
    : html`<p><a href="/-/people">Choose a user</a> to comment.</p>`;
  return html`<div class="box">${markdown(item.description ?? '*No description*', base)}</div>
    ${notes}${answer}`;
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

export function pipelineRows(view: View, rows: readonly PipelineRecord[]): Markup {
  const { project, base } = view;
  if (rows.length === 0) return html`<p>None yet.</p>`;
  const row = (one: PipelineRecord): Markup =>
    html`<tr>
      <td>
        <a href="${base}/-/pipelines/${one.id}">#${one.id}</a>
      </td>
      <td>${state(effectiveStatus(project, one))}</td>
      <td>${one.spec.source}</td>
      <td>${one.spec.ref}</td>
      <td><code>${one.spec.sha.slice(0, 8)}</code></td>
      <td>@${one.spec.user.username}</td>
    </tr>`;
  return html`<table class="list">
    ${rows.map(row)}
  </table>`;
}

/** The end of a job's log without terminal codes. */
export async function logOf(path: string): Promise<string> {
  const bytes = await readFile(path).catch(() => Buffer.alloc(0));
  const text = bytes.subarray(Math.max(0, bytes.length - MAX_LOG)).toString('utf8');
  // eslint-disable-next-line no-control-regex
  return text.replaceAll(/\u001B\[[0-9;]*[A-Za-z]/g, '');
}
