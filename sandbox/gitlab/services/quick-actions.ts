/**
 * Quick actions: known `/commands` on lines of their own are cut out of the text and carried out with
 * the author's rights; unknown ones stay (gitlab-facts §6).
 */
import type { Instance } from '../instance.ts';
import { findUsername, headSha, isDraft } from '../state/state.ts';
import { ACCESS } from '../state/access-levels.ts';
import type { Noteable, Project, User } from '../state/types.ts';
import { canApprove, canEditMetadata, levelOf } from './access.ts';
import { approve, unapprove } from './approvals.ts';
import { award } from './awards.ts';
import { editItem } from './issuables.ts';
import { labelIds } from './labels.ts';
import { merge } from './merge.ts';

/** Names GitLab knows; those without an effect here are still cut out. */
const KNOWN = new Set(
  `approve assign assign_reviewer award blocked_by blocks board_move cc clear_health_status
  clear_weight clone close confidential copy_metadata create_merge_request done draft due duplicate
  epic estimate estimate_time health_status iteration label labels link lock merge milestone move
  page parent promote promote_to publish react ready reassign reassign_reviewer rebase relabel relate
  remove_due_date remove_epic remove_estimate remove_iteration remove_milestone remove_parent
  remove_time_spent reopen request_review request_changes reviewer severity shrug spend spend_time
  spent submit_review subscribe tableflip target_branch timeline title todo type unapprove unassign
  unassign_reviewer unlabel unlink unlock unrelate unsubscribe weight zoom`.split(/\s+/),
);

export interface Command {
  name: string;
  args: string;
}

/** Splits a text into what stays and the commands in it; code, quotes and HTML blocks are skipped. */
export function extractQuickActions(body: string): { text: string; commands: Command[] } {
  const commands: Command[] = [];
  const kept: string[] = [];
  let fence: string | null = null;
  let html: string | null = null;
  for (const line of body.split(/\r?\n/)) {
    const mark = /^ {0,3}(`{3,}|~{3,}|>>>)/.exec(line)?.[1];
    if (mark && fence === null) fence = mark;
    else if (mark && fence !== null && line.trim().startsWith(fence)) {
      fence = null;
      kept.push(line);
      continue;
    }
    if (fence === null && html === null) html = /^<([a-z][a-z0-9]*)\b/i.exec(line)?.[1] ?? null;
    const inside = fence !== null || html !== null;
    if (html !== null && (line.trim() === '' || line.includes(`</${html}>`))) html = null;
    const match = inside ? null : /^\/([a-z_]+)(?:[ \t]+(.*))?$/i.exec(line);
    const name = match?.[1]?.toLowerCase() ?? '';
    if (KNOWN.has(name)) commands.push({ name, args: (match?.[2] ?? '').trim() });
    else kept.push(line);
  }
  const text = commands.length > 0 ? kept.join('\n').trim() : body;
  return { text, commands };
}

export interface QuickContext {
  /** `merge_request_diff_head_sha`, without which `/merge` is refused (gitlab-facts §3.4). */
  headSha: string | undefined;
}

/** Carries the commands out; returns GitLab's `commands_changes` and the names that did not apply. */
export async function runQuickActions(
  gl: Instance,
  project: Project,
  item: Noteable,
  user: User,
  commands: readonly Command[],
  context: QuickContext,
): Promise<{ changes: Record<string, unknown>; refused: string[] }> {
  const changes: Record<string, unknown> = {};
  const refused: string[] = [];
  for (const command of commands) {
    const done = await runOne(gl, project, item, user, command, context);
    if (done === null) refused.push(command.name);
    else Object.assign(changes, done);
  }
  return { changes, refused };
}

type Effect = Record<string, unknown> | null;

async function runOne(
  gl: Instance,
  project: Project,
  item: Noteable,
  user: User,
  { name, args }: Command,
  context: QuickContext,
): Promise<Effect> {
  const own = item.authorId === user.id;
  const editor = canEditMetadata(project, user, item.kind);
  switch (name) {
    case 'close':
    case 'reopen':
      if (!editor && !own) return null;
      await editItem(gl, item, user, { stateEvent: name });
      return { state_event: name };
    case 'title':
      if ((!editor && !own) || args === '') return null;
      await editItem(gl, item, user, { title: args });
      return { title: args };
    case 'label':
    case 'labels':
    case 'unlabel':
    case 'relabel':
      return editor ? changeLabels(gl, project, item, user, name, args) : null;
    case 'assign':
    case 'unassign':
      return editor ? changeAssignees(gl, item, user, name, args) : null;
    case 'confidential':
      if (item.kind !== 'issue' || !editor) return null;
      await editItem(gl, item, user, { confidential: true });
      return { confidential: true };
    case 'award':
    case 'react': {
      const emoji = /^:([a-z0-9_+-]+):$/.exec(args)?.[1];
      if (!emoji || (await award(gl, item, null, user, emoji)) === null) return null;
      return { emoji_award: emoji };
    }
    default:
      return runOnMergeRequest(gl, project, item, user, name, context);
  }
}

async function runOnMergeRequest(
  gl: Instance,
  project: Project,
  item: Noteable,
  user: User,
  name: string,
  context: QuickContext,
): Promise<Effect> {
  if (item.kind !== 'merge_request') return null;
  switch (name) {
    case 'approve':
      if (!canApprove(gl, project, user, item.authorId)) return null;
      return (await approve(gl, project, item, user)) ? { approve: true } : null;
    case 'unapprove':
      return (await unapprove(gl, project, item, user)) ? { unapprove: true } : null;
    case 'draft':
    case 'ready': {
      if (levelOf(project, user) < ACCESS.developer && item.authorId !== user.id) return null;
      const bare = item.title.replace(/^\s*(\[draft\]|draft:|\(draft\))\s*/i, '');
      const draft = name === 'draft' && !isDraft(item);
      await editItem(gl, item, user, { title: draft ? `Draft: ${bare}` : bare });
      return { wip_event: draft ? 'draft' : 'ready' };
    }
    case 'merge': {
      if (context.headSha !== headSha(item)) return null;
      const outcome = await merge(gl, project, item, user, { auto: true });
      return outcome.ok ? { merge: context.headSha } : null;
    }
    default:
      return null;
  }
}

async function changeLabels(
  gl: Instance,
  project: Project,
  item: Noteable,
  user: User,
  name: string,
  args: string,
): Promise<Effect> {
  const named = [...args.matchAll(/~(?:"([^"]+)"|([^\s~]+))/g)].map(
    (match) => match[1] ?? match[2] ?? '',
  );
  const existing = named.filter((label) => project.labels.some((known) => known.name === label));
  const ids = labelIds(gl, project, existing);
  if (ids.length === 0 && !(name === 'unlabel' && args === '')) return null;
  const next =
    name === 'relabel'
      ? ids
      : name === 'unlabel'
        ? item.labelIds.filter((id) => args !== '' && !ids.includes(id))
        : [...new Set([...item.labelIds, ...ids])];
  await editItem(gl, item, user, { labelIds: next });
  return { [name === 'unlabel' ? 'remove_label_ids' : 'add_label_ids']: ids };
}

async function changeAssignees(
  gl: Instance,
  item: Noteable,
  user: User,
  name: string,
  args: string,
): Promise<Effect> {
  const named = args
    .split(/[\s,]+/)
    .filter((word) => word !== '')
    .map((word) => (word === 'me' ? user : findUsername(gl.state, word)))
    .filter((found) => found !== undefined)
    .map((found) => found.id);
  if (name === 'assign' && named.length === 0) return null;
  const assigneeIds =
    name === 'assign'
      ? named.slice(-1)
      : item.assigneeIds.filter((id) => named.length > 0 && !named.includes(id));
  await editItem(gl, item, user, { assigneeIds });
  return { assignee_ids: assigneeIds };
}
