/** The GitLab driver against the sandbox GitLab, with its real git and its real CI engine. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Webhooks } from '../../bot/forge/forge.ts';
import { createGitLabForge } from '../../bot/forge/gitlab/client.ts';
import { createCiEngine } from '../../sandbox/ci/engine.ts';
import { startSandboxGitLab } from '../../sandbox/gitlab/server.ts';
import { defineForgeContract } from './forge-contract.ts';
import type { ForgeWorld } from './forge-contract.ts';

/** No runner has the tag, so the job waits until it is cancelled. */
const CI_FILE = 'wait:\n  tags: [nobody]\n  script: [echo]\n';

async function makeWorld(): Promise<ForgeWorld> {
  const folder = await mkdtemp(join(tmpdir(), 'autodev-forge-'));
  const runners = [{ tags: ['autodev'], runUntagged: true }];
  const gitlab = await startSandboxGitLab({
    dataDir: join(folder, 'gitlab'),
    runners,
    ci: (host) =>
      createCiEngine(host, {
        workDir: join(folder, 'ci'),
        imagePath: [],
        runners,
        concurrency: 1,
      }),
  });
  const { api } = gitlab;
  const project = await api.createProject({
    path: 'shop/cart',
    files: { 'README.md': '# cart\n', '.gitlab-ci.yml': CI_FILE },
  });
  const person = (username: string, level: number) => {
    const user = api.createUser({ username });
    if (level > 0) api.addMember(project, user, level);
    return user;
  };
  const bot = person('autodev', 40);
  const dana = person('dana', 30);
  const access = new Map([
    [bot.id, 40],
    [dana.id, 30],
    [person('gus', 10).id, 10],
    [person('otto', 0).id, 0],
  ]);
  const blocked = person('bea', 40);
  blocked.state = 'blocked';
  access.set(blocked.id, 0);

  const danasToken = api.createToken(dana).value;
  const ask = async (path: string, init: RequestInit = {}): Promise<unknown> => {
    const response = await fetch(`${gitlab.url}/api/v4/projects/${project.id}/${path}`, {
      ...init,
      headers: { 'private-token': danasToken, 'content-type': 'application/json' },
    });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response.json();
  };
  const forgeWith = (token: string) =>
    createGitLabForge({ url: gitlab.url, token, webhooks: {} as Webhooks, timeoutMs: 10_000 });

  return {
    forge: forgeWith(api.createToken(bot).value),
    stranger: forgeWith('glpat-nobody-knows-this'),
    projectId: project.id,
    projectPath: project.path,
    defaultBranch: project.defaultBranch,
    botId: bot.id,
    access,
    hasCi: true,
    openIssue: async (title) => {
      const issue = await ask('issues', { method: 'POST', body: JSON.stringify({ title }) });
      return (issue as { iid: number }).iid;
    },
    discussionOf: async (on, noteId) => {
      const noteables = on.type === 'issue' ? 'issues' : 'merge_requests';
      const all = await ask(`${noteables}/${on.iid}/discussions?per_page=100`);
      const found = (all as { id: string; notes: { id: number }[] }[]).find((discussion) =>
        discussion.notes.some((note) => note.id === noteId),
      );
      if (!found) throw new Error(`note ${noteId} stands in no discussion`);
      return found.id;
    },
    trouble: (method, trouble) => gitlab.weather.calls({ method }, trouble),
    requests: (method) => gitlab.calls.find(method, /^/).length,
    close: async () => {
      const unknown = gitlab.calls.unknown().map((call) => `${call.method} ${call.path}`);
      await gitlab.close();
      await rm(folder, { recursive: true, force: true });
      if (unknown.length > 0) throw new Error(`GitLab has no such routes: ${unknown.join(', ')}`);
      if (gitlab.problems.length > 0) {
        throw new Error(
          `the sandbox failed: ${gitlab.problems.map(({ name, error }) => `${name}: ${error}`).join('; ')}`,
        );
      }
    },
  };
}

defineForgeContract('GitLab CE in the sandbox', makeWorld);
