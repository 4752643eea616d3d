/** What the CI engine gets from the sandbox GitLab: ids, tokens, variables, and an ear for changes. */
import type { CiHost } from '../ci/contract.ts';
import type { Instance } from './instance.ts';
import type { Issuer } from './oidc.ts';
import type { PipelineWatcher } from './services/pipelines.ts';
import { newSecret, projectOf } from './state/state.ts';

export function createCiHost(gl: Instance, issuer: Issuer, watcher: PipelineWatcher): CiHost {
  return {
    serverUrl: gl.url,
    nextPipelineId: () => gl.state.nextId('pipeline'),
    nextJobId: () => gl.state.nextId('job'),
    idToken: (pipeline, job, aud) => issuer.idToken(gl.state, pipeline, job, aud),
    jobToken(pipeline, job) {
      const known = gl.state.jobTokens.find((token) => token.jobId === job.id);
      if (known) return known.value;
      const value = newSecret('glcbt');
      gl.state.jobTokens.push({
        value,
        userId: pipeline.spec.user.id,
        projectId: pipeline.spec.project.id,
        pipelineId: pipeline.id,
        jobId: job.id,
      });
      return value;
    },
    projectVariables(projectId) {
      const { variables } = projectOf(gl.state, projectId);
      return Object.fromEntries(variables.map(({ key, value }) => [key, value]));
    },
    changed: (pipeline, job) => watcher.changed(pipeline, job),
  };
}
