/** Environments and deployments as the REST API shows them. */
import type { Instance } from '../instance.ts';
import type { Deployment, Environment } from '../state/deployment-types.ts';
import type { Project } from '../state/types.ts';
import { userById } from './basics.ts';
import { jobEntity } from './ci.ts';

function environmentBasic(environment: Environment): Record<string, unknown> {
  const slug = environment.name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]/g, '-')
    .slice(0, 24);
  return {
    id: environment.id,
    name: environment.name,
    slug,
    external_url: environment.externalUrl,
    created_at: environment.createdAt,
    updated_at: environment.createdAt,
  };
}

export function environmentEntity(environment: Environment): Record<string, unknown> {
  const tier = /prod|live/.test(environment.name) ? 'production' : 'other';
  return {
    ...environmentBasic(environment),
    tier,
    state: 'available',
    description: null,
    auto_stop_at: null,
    auto_stop_setting: 'always',
  };
}

export async function deploymentEntity(
  gl: Instance,
  project: Project,
  deployment: Deployment,
): Promise<Record<string, unknown>> {
  const environment = project.environments.find((one) => one.id === deployment.environmentId);
  return {
    id: deployment.id,
    iid: deployment.iid,
    ref: deployment.ref,
    sha: deployment.sha,
    created_at: deployment.createdAt,
    updated_at: deployment.updatedAt,
    user: userById(gl, deployment.userId),
    environment: environment ? environmentBasic(environment) : null,
    deployable: await jobEntity(gl, project, deployment.pipeline, deployment.job),
    status: deployment.status,
  };
}
