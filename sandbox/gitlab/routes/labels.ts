/** Labels of a project. */
import { createLabel } from '../services/labels.ts';
import { needProject, page, type Call, type Route } from '../rest/call.ts';
import { badParameter, conflict, created, noContent, notFound, ok } from '../rest/reply.ts';
import { labelEntity } from '../present/basics.ts';
import { ACCESS } from '../state/access-levels.ts';
import type { Label, Project } from '../state/types.ts';

function needLabel(call: Call, level = 0): { project: Project; label: Label } {
  const project = needProject(call, level);
  const name = call.params['name'] ?? '';
  const label = project.labels.find((one) => one.name === name || String(one.id) === name);
  if (!label) throw notFound('Label');
  return { project, label };
}

function colorOf(color: string): string {
  const names: Record<string, string> = { red: '#FF0000', green: '#008000', blue: '#0000FF' };
  const value = names[color] ?? color;
  if (!/^#([0-9a-f]{3}|[0-9a-f]{6})$/i.test(value)) {
    throw badParameter('color must be a valid color code');
  }
  return value;
}

export const labelRoutes: Route[] = [
  {
    method: 'GET',
    path: '/projects/:id/labels',
    handler: (call) => {
      const project = needProject(call);
      const search = call.input.str('search')?.toLowerCase();
      const rows = project.labels
        .filter((label) => !search || label.name.toLowerCase().includes(search))
        .toSorted((a, b) => a.name.localeCompare(b.name));
      return page(call, rows, (label) => labelEntity(project, label));
    },
  },
  {
    method: 'GET',
    path: '/projects/:id/labels/:name',
    handler: (call) => {
      const { project, label } = needLabel(call);
      return ok(labelEntity(project, label));
    },
  },
  {
    method: 'POST',
    path: '/projects/:id/labels',
    handler: (call) => {
      const project = needProject(call, ACCESS.planner);
      const name = call.input.need('name');
      const color = colorOf(call.input.need('color'));
      if (project.labels.some((label) => label.name === name)) {
        throw conflict('Label already exists');
      }
      const description = call.input.str('description') ?? null;
      const label = createLabel(call.gl, project, { name, color, description });
      return created(labelEntity(project, label));
    },
  },
  {
    method: 'PUT',
    path: '/projects/:id/labels/:name',
    handler: (call) => {
      const { project, label } = needLabel(call, ACCESS.planner);
      label.name = call.input.str('new_name') ?? label.name;
      label.color = colorOf(call.input.str('color') ?? label.color);
      label.description = call.input.str('description') ?? label.description;
      return ok(labelEntity(project, label));
    },
  },
  {
    method: 'DELETE',
    path: '/projects/:id/labels/:name',
    handler: (call) => {
      const { project, label } = needLabel(call, ACCESS.planner);
      project.labels = project.labels.filter((kept) => kept !== label);
      for (const item of [...project.issues, ...project.mergeRequests]) {
        item.labelIds = item.labelIds.filter((id) => id !== label.id);
      }
      return noContent();
    },
  },
];
