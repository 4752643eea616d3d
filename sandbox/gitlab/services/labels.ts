/** Labels of a project, and putting them on issues and merge requests with their history. */
import type { Instance } from '../instance.ts';
import { hookLabels } from '../hooks/parts.ts';
import type { Changes } from '../hooks/events.ts';
import type { Label, Noteable, Project, User } from '../state/types.ts';

/** Colour of labels that come into being by use. */
const DEFAULT_COLOR = '#428BCA';

export function findLabel(project: Project, name: string): Label | undefined {
  return project.labels.find((label) => label.name === name);
}

export function createLabel(
  gl: Instance,
  project: Project,
  label: { name: string; color?: string; description?: string | null },
): Label {
  const record: Label = {
    id: gl.state.nextId('label'),
    projectId: project.id,
    name: label.name,
    color: label.color ?? DEFAULT_COLOR,
    description: label.description ?? null,
    createdAt: gl.now(),
  };
  project.labels.push(record);
  return record;
}

/** Ids of labels by name; unknown names become labels, as `add_labels` does (gitlab-facts §3.5). */
export function labelIds(gl: Instance, project: Project, names: readonly string[]): number[] {
  const ids = names.map(
    (name) => (findLabel(project, name) ?? createLabel(gl, project, { name })).id,
  );
  return [...new Set(ids)];
}

export function labelNames(project: Project, ids: readonly number[]): string[] {
  return project.labels.filter((label) => ids.includes(label.id)).map((label) => label.name);
}

/** Sets the labels, writes the label events, and returns what the hook says under `changes.labels`. */
export function setLabels(
  gl: Instance,
  project: Project,
  item: Noteable,
  user: User,
  wanted: readonly number[],
): Changes {
  const before = item.labelIds;
  const added = wanted.filter((id) => !before.includes(id));
  const removed = before.filter((id) => !wanted.includes(id));
  if (added.length === 0 && removed.length === 0) return {};
  item.labelIds = [...wanted];
  recordLabelEvents(gl, item, user, added, 'add');
  recordLabelEvents(gl, item, user, removed, 'remove');
  return {
    labels: { previous: hookLabels(project, before), current: hookLabels(project, wanted) },
  };
}

export function recordLabelEvents(
  gl: Instance,
  item: Noteable,
  user: User,
  ids: readonly number[],
  action: 'add' | 'remove',
): void {
  for (const labelId of ids) {
    const id = gl.state.nextId('event');
    item.labelEvents.push({ id, userId: user.id, createdAt: gl.now(), labelId, action });
  }
}

/** The labels after `labels`, `add_labels` and `remove_labels` of one call; null: not asked. */
export function labelsAfter(
  gl: Instance,
  project: Project,
  item: Noteable,
  wish: { set?: string[] | undefined; add?: string[] | undefined; remove?: string[] | undefined },
): number[] | null {
  if (!wish.set && !wish.add && !wish.remove) return null;
  const base = wish.set ? labelIds(gl, project, wish.set) : item.labelIds;
  const gone = new Set(
    (wish.remove ?? [])
      .map((name) => findLabel(project, name)?.id)
      .filter((id) => id !== undefined),
  );
  const add = labelIds(gl, project, wish.add ?? []);
  return [...new Set([...base, ...add])].filter((id) => !gone.has(id));
}
