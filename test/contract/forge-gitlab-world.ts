/** A sandbox GitLab as the forge contract wants its world: a project, people, troubles. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Webhooks } from '../../bot/forge/forge.ts';
import { createGitLabForge } from '../../bot/forge/gitlab/client.ts';
import type { CiHost } from '../../sandbox/ci/contract.ts';
import { createCiEngine } from '../../sandbox/ci/engine.ts';
import { startSandboxGitLab } from '../../sandbox/gitlab/server.ts';
import type { GateWorld, ShownPosition, Who } from './forge-contract-gate.ts';

/** No runner has the tag, so the job waits until it is cancelled. */
const CI_FILE = 'wait:\n  tags: [nobody]\n  script: [echo]\n';

/** Sixty lines, so that a diff shows some and not others. */
const LONG = Array.from({ length: 60 }, (_, index) => `line ${index + 1}\n`).join('');

export interface WorldOptions {
  edition?: 'ce' | 'ee';
  /** Real pipelines for `.gitlab-ci.yml`; they cost a second per push. */
  ci: boolean;
}

export async function makeGitLabWorld({
  edition = 'ce',
  ci: hasCi,
}: WorldOptions): Promise<GateWorld> {
  const folder = await mkdtemp(join(tmpdir(), 'autodev-forge-'));
  const runners = [{ tags: ['autodev'], runUntagged: true }];
  const engine = (host: CiHost) =>
    createCiEngine(host, { workDir: join(folder, 'ci'), imagePath: [], runners, concurrency: 1 });
  const gitlab = await startSandboxGitLab({
    dataDir: join(folder, 'gitlab'),
    runners,
    edition,
    ...(hasCi ? { ci: engine } : {}),
  });
  const { api } = gitlab;
  const project = await api.createProject({
    path: 'shop/cart',
    files: {
      'README.md': '# cart\n',
      'src/long.txt': LONG,
      'src/old-name.txt': LONG.replaceAll('line', 'row'),
      'src/gone.txt': 'gone\n',
      ...(hasCi ? { '.gitlab-ci.yml': CI_FILE } : {}),
    },
  });
  const person = (username: string, level: number) => {
    const user = api.createUser({ username });
    if (level > 0) api.addMember(project, user, level);
    return user;
  };
  const bot = api.createUser({ username: 'autodev', bot: true });
  api.addMember(project, bot, 40);
  const dana = person('dana', 30);
  const mia = api.createUser({ username: 'mia', name: 'Mia Maintainer' });
  api.addMember(project, mia, 40);
  const access = new Map([
    [bot.id, 40],
    [dana.id, 30],
    [person('gus', 10).id, 10],
    [person('otto', 0).id, 0],
  ]);
  const blocked = person('bea', 40);
  blocked.state = 'blocked';
  access.set(blocked.id, 0);

  const tokens = {
    dana: api.createToken(dana).value,
    mia: api.createToken(mia).value,
  };
  const askAs = async (who: Who, path: string, init: RequestInit = {}): Promise<unknown> => {
    const response = await fetch(`${gitlab.url}/api/v4/projects/${project.id}/${path}`, {
      ...init,
      headers: { 'private-token': tokens[who], 'content-type': 'application/json' },
    });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response.json();
  };
  const ask = (path: string, init: RequestInit = {}) => askAs('dana', path, init);
  const forgeWith = (token: string) =>
    createGitLabForge({ url: gitlab.url, token, webhooks: {} as Webhooks, timeoutMs: 50_000 });

  return {
    forge: forgeWith(api.createToken(bot).value),
    stranger: forgeWith('glpat-nobody-knows-this'),
    projectId: project.id,
    projectPath: project.path,
    defaultBranch: project.defaultBranch,
    botId: bot.id,
    access,
    hasCi,
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
    ...gateParts(askAs),
    people: { dana: dana.id, mia: mia.id },
    human: forgeWith(tokens.mia),
    resetsOnPush: edition === 'ee',
    needApprovals: (count) => {
      if (edition === 'ce') return false;
      project.settings.approvalsRequired = count;
      return true;
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

type Ask = (who: Who, path: string, init?: RequestInit) => Promise<unknown>;

/** What people do beside the bot, through the API. */
function gateParts(
  ask: Ask,
): Pick<GateWorld, 'approve' | 'unapprove' | 'commitAs' | 'positionOfThread'> {
  const post = (who: Who, path: string, body: unknown) =>
    ask(who, path, { method: 'POST', body: JSON.stringify(body) });
  return {
    approve: async (who, iid) => void (await post(who, `merge_requests/${iid}/approve`, {})),
    unapprove: async (who, iid) => void (await post(who, `merge_requests/${iid}/unapprove`, {})),
    commitAs: async (who, branch, path, { rewriteFrom, author } = {}) => {
      const made = await post(who, 'repository/commits', {
        branch,
        commit_message: `Add ${path}`,
        actions: [{ action: 'create', file_path: path, content: `${path}\n` }],
        ...(rewriteFrom === undefined ? {} : { start_sha: rewriteFrom, force: true }),
        ...(author ? { author_name: author.name, author_email: author.email } : {}),
      });
      return (made as { id: string }).id;
    },
    positionOfThread: async (iid, id) => {
      const found = await ask('dana', `merge_requests/${iid}/discussions/${id}`);
      return (found as { notes: { position?: ShownPosition }[] }).notes[0]?.position ?? null;
    },
  };
}
