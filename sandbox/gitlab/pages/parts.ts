/** Parts of several pages: labels, states, forms, job lists. */
import { readFile } from 'node:fs/promises';
import type { PipelineRecord } from '../../ci/contract.ts';
import type { Instance } from '../instance.ts';
import { labelNames } from '../services/labels.ts';
import { effectiveStatus } from '../services/pipeline-list.ts';
import type { Noteable, Project } from '../state/types.ts';
import { html, type Markup } from './html.ts';
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
