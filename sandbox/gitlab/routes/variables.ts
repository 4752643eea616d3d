/** CI variables of a project, and the runners it may use. */
import { needProject, needUser, page, type Call, type Route } from '../rest/call.ts';
import { badParameter, created, noContent, notFound, ok } from '../rest/reply.ts';
import { ACCESS } from '../state/access-levels.ts';
import type { Project, Variable } from '../state/types.ts';

/** Hidden values are never shown again (gitlab-facts §3.6). */
function variableEntity(variable: Variable): Record<string, unknown> {
  return {
    variable_type: variable.variableType,
    key: variable.key,
    value: variable.hidden ? null : variable.value,
    protected: variable.protected,
    masked: variable.masked,
    hidden: variable.hidden,
    raw: variable.raw,
    environment_scope: variable.environmentScope,
    description: variable.description,
  };
}

function findVariable(call: Call): { project: Project; variable: Variable } {
  const project = needProject(call, ACCESS.maintainer);
  const variable = project.variables.find((one) => one.key === call.params['key']);
  if (!variable) throw notFound('Variable');
  return { project, variable };
}

export const variableRoutes: Route[] = [
  {
    method: 'GET',
    path: '/projects/:id/variables',
    handler: (call) => {
      const project = needProject(call, ACCESS.maintainer);
      return page(call, project.variables, variableEntity);
    },
  },
  {
    method: 'GET',
    path: '/projects/:id/variables/:key',
    handler: (call) => ok(variableEntity(findVariable(call).variable)),
  },
  {
    method: 'POST',
    path: '/projects/:id/variables',
    handler: (call) => {
      const project = needProject(call, ACCESS.maintainer);
      const { input } = call;
      const key = input.need('key');
      if (!/^[A-Za-z0-9_]{1,255}$/.test(key)) throw badParameter('key is invalid');
      if (project.variables.some((one) => one.key === key)) {
        throw badParameter(`(${key}) has already been taken`);
      }
      const hidden = input.bool('masked_and_hidden') ?? false;
      const variable: Variable = {
        key,
        value: input.str('value') ?? '',
        variableType: input.str('variable_type') === 'file' ? 'file' : 'env_var',
        protected: input.bool('protected') ?? false,
        masked: hidden || (input.bool('masked') ?? false),
        hidden,
        raw: input.bool('raw') ?? false,
        environmentScope: input.str('environment_scope') ?? '*',
        description: input.str('description') ?? null,
      };
      project.variables.push(variable);
      return created(variableEntity(variable));
    },
  },
  {
    method: 'PUT',
    path: '/projects/:id/variables/:key',
    handler: (call) => {
      const { variable } = findVariable(call);
      variable.value = call.input.str('value') ?? variable.value;
      return ok(variableEntity(variable));
    },
  },
  {
    method: 'DELETE',
    path: '/projects/:id/variables/:key',
    handler: (call) => {
      const { project, variable } = findVariable(call);
      project.variables = project.variables.filter((one) => one !== variable);
      return noContent();
    },
  },
];

export const runnerRoutes: Route[] = [
  {
    method: 'GET',
    path: '/projects/:id/runners',
    handler: (call) => {
      needProject(call, ACCESS.maintainer);
      const wanted = call.input.list('tag_list');
      const rows = call.gl.runners
        .map((runner, index) => ({ ...runner, id: index + 1 }))
        .filter((runner) => !wanted || wanted.every((tag) => runner.tags.includes(tag)));
      return page(call, rows, (runner) => runnerRow(runner.id));
    },
  },
  {
    method: 'GET',
    path: '/runners/:id',
    handler: (call) => {
      needUser(call);
      const id = Number(call.params['id']);
      const runner = call.gl.runners[id - 1];
      if (!runner) throw notFound('Runner');
      return ok({ ...runnerRow(id), tag_list: runner.tags, run_untagged: runner.runUntagged });
    },
  },
];

function runnerRow(id: number): Record<string, unknown> {
  return {
    id,
    description: `sandbox runner ${id}`,
    ip_address: '127.0.0.1',
    active: true,
    paused: false,
    is_shared: true,
    runner_type: 'instance_type',
    name: 'gitlab-runner',
    online: true,
    status: 'online',
  };
}
