/** Deployments of the GitLab driver against the sandbox GitLab, whose jobs really run. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import type { Webhooks } from '../../bot/forge/forge.ts';
import { createGitLabForge } from '../../bot/forge/gitlab/client.ts';
import type { CiHost } from '../../sandbox/ci/contract.ts';
import { createCiEngine } from '../../sandbox/ci/engine.ts';
import { startSandboxGitLab } from '../../sandbox/gitlab/server.ts';
import { until } from '../support/until.ts';
import { defineDeployContract, type DeployWorld } from './forge-contract-deploy.ts';

jest.setTimeout(120_000);

const CI_FILE = `
unit: { script: ['true'] }
.ship: { stage: deploy, when: manual, allow_failure: true, script: ['test ! -e breaks.txt'] }
autodev-deploy-staging: { extends: .ship, environment: { name: staging, url: 'https://s.test' } }
autodev-deploy-guarded: { extends: .ship, environment: guarded }
`;

async function makeWorld(): Promise<DeployWorld> {
  const folder = await mkdtemp(join(tmpdir(), 'autodev-deploys-'));
  const runners = [{ tags: ['autodev'], runUntagged: true }];
  const gitlab = await startSandboxGitLab({
    dataDir: join(folder, 'gitlab'),
    runners,
    edition: 'ee',
    ci: (host: CiHost) =>
      createCiEngine(host, { workDir: join(folder, 'ci'), imagePath: [], runners, concurrency: 2 }),
  });
  const { api } = gitlab;
  const project = await api.createProject({
    path: 'shop/cart',
    files: { 'README.md': '# cart\n', '.gitlab-ci.yml': CI_FILE },
  });
  const member = (username: string, level: number) => {
    const user = api.createUser({ username });
    api.addMember(project, user, level);
    return user;
  };
  const bot = member('autodev', 40);
  // A developer may neither push to nor merge into the protected default branch.
  const dev = member('dev', 30);
  project.settings.protectedEnvironments['guarded'] = [];
  const forgeOf = (token: string) =>
    createGitLabForge({ url: gitlab.url, token, webhooks: {} as Webhooks, timeoutMs: 50_000 });
  const forge = forgeOf(api.createToken(bot).value);
  let count = 0;
  return {
    forge,
    onlooker: forgeOf(api.createToken(dev).value),
    projectId: project.id,
    defaultBranch: project.defaultBranch,
    commit: async ({ breaks = false } = {}) => {
      count += 1;
      const head = await forge.read.branch(project.id, project.defaultBranch);
      const name = breaks ? 'breaks.txt' : `ok-${count}.txt`;
      const there = await forge.read.file(project.id, 'breaks.txt', project.defaultBranch);
      const content = Buffer.from('x\n').toString('base64');
      const { sha } = await forge.write.commit(project.id, {
        branch: project.defaultBranch,
        startSha: head?.sha ?? '',
        message: `Commit ${count}`,
        changes: [
          { path: name, action: 'create', mode: '100644', content },
          ...(there === null
            ? []
            : [{ path: 'breaks.txt', action: 'delete', mode: '100644' } as const]),
        ],
      });
      const pipeline = () =>
        api.pipelines(project.path).find((one) => one.spec.sha === sha && one.status === 'success');
      await until(() => Promise.resolve(pipeline() !== undefined), 60_000, 'a green pipeline');
      return { sha, pipelineId: pipeline()?.id ?? 0 };
    },
    trouble: (method, path, trouble) => gitlab.weather.calls({ method, path }, trouble),
    close: async () => {
      const unknown = gitlab.calls.unknown().map((call) => `${call.method} ${call.path}`);
      await gitlab.close();
      await rm(folder, { recursive: true, force: true });
      if (unknown.length > 0) throw new Error(`GitLab has no such routes: ${unknown.join(', ')}`);
      if (gitlab.problems.length > 0) {
        throw new Error(
          `the sandbox failed: ${gitlab.problems.map(({ error }) => String(error)).join('; ')}`,
        );
      }
    },
  };
}

defineDeployContract('GitLab EE in the sandbox', makeWorld);
