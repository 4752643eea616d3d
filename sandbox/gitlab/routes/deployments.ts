/** Environments and deployments (doc/api/environments.md, doc/api/deployments.md). */
import { deploymentsOf } from '../services/deployments.ts';
import { deploymentEntity, environmentEntity } from '../present/deployments.ts';
import { needCode, page, type Call, type Route } from '../rest/call.ts';
import { badParameter, notFound, ok } from '../rest/reply.ts';
import type { Deployment } from '../state/deployment-types.ts';
import type { Project } from '../state/types.ts';

const STATUSES = new Set([
  'created',
  'running',
  'success',
  'failed',
  'canceled',
  'skipped',
  'blocked',
]);

function list(call: Call, project: Project): Deployment[] {
  const { input } = call;
  const status = input.str('status');
  if (status !== undefined && !STATUSES.has(status)) {
    throw badParameter('status does not have a valid value');
  }
  const name = input.str('environment');
  const environment = project.environments.find((one) => one.name === name);
  if (name !== undefined && !environment) return [];
  const rows = deploymentsOf(project, environment?.id).filter(
    (one) => status === undefined || one.status === status,
  );
  // GitLab sorts by id upwards unless it is told otherwise.
  return input.str('sort') === 'desc' ? rows : rows.toReversed();
}

export const deploymentRoutes: Route[] = [
  {
    method: 'GET',
    path: '/projects/:id/deployments',
    handler: (call) => {
      const project = needCode(call);
      return page(call, list(call, project), (one) => deploymentEntity(call.gl, project, one));
    },
  },
  {
    method: 'GET',
    path: '/projects/:id/deployments/:deployment_id',
    handler: async (call) => {
      const project = needCode(call);
      const id = Number(call.params['deployment_id']);
      const found = project.deployments.find((one) => one.id === id);
      if (!found) throw notFound('Deployment');
      return ok(await deploymentEntity(call.gl, project, found));
    },
  },
  {
    method: 'GET',
    path: '/projects/:id/environments',
    handler: (call) => {
      const project = needCode(call);
      const name = call.input.str('name');
      const search = call.input.str('search');
      const rows = project.environments.filter(
        (one) =>
          (name === undefined || one.name === name) &&
          (search === undefined || one.name.includes(search)),
      );
      return page(call, rows, (one) => environmentEntity(one));
    },
  },
  {
    method: 'GET',
    path: '/projects/:id/environments/:environment_id',
    handler: async (call) => {
      const project = needCode(call);
      const id = Number(call.params['environment_id']);
      const found = project.environments.find((one) => one.id === id);
      if (!found) throw notFound('Environment');
      const [last] = deploymentsOf(project, id);
      return ok({
        ...environmentEntity(found),
        last_deployment: last ? await deploymentEntity(call.gl, project, last) : null,
      });
    },
  },
];
