/** An installation for tests of the commands: sandbox GitLab, model providers, database, bot's address. */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readEnv, type Config } from '../../bot/config/env.ts';
import { findInstallation } from '../../bot/config/installation.ts';
import { loadSettings } from '../../bot/config/settings.ts';
import type { ConnectRequest, TemplateChoice } from '../../bot/cli/connect/plan.ts';
import type { Forge } from '../../bot/forge/forge.ts';
import { createLogger, openForge, VERSION } from '../../bot/parts.ts';
import { repoByProject } from '../../bot/store/repos.ts';
import type { Store } from '../../bot/store/store.ts';
import { createCiEngine } from '../../sandbox/ci/engine.ts';
import { startSandboxGitLab, type SandboxGitLab } from '../../sandbox/gitlab/server.ts';
import type { Project, Token, User } from '../../sandbox/gitlab/state/types.ts';
import { startModelServer, type ModelServer } from '../../sandbox/model/server.ts';
import { keptConfigDir } from '../support/kept.ts';
import { newStore } from '../support/prepared-data.ts';
import { forgeServer, type ForgeServer } from '../support/forge-server.ts';

export const SECRET = 'a-root-secret-of-the-tests';
export const INSTALLATION = findInstallation(import.meta.dirname);
export const TEMPLATE = readFileSync(INSTALLATION.templateFile, 'utf8');

export interface CliWorld {
  folder: string;
  gitlab: SandboxGitLab;
  models: ModelServer;
  /** What stands at the public URL. */
  face: ForgeServer;
  /** A database of its own, opened when it is first asked for. */
  store(): Promise<Store>;
  /** `shop/cart`, with a pipeline of its own; the bot is Maintainer. */
  project: Project;
  bot: User;
  token: Token;
  runners: { tags: string[]; runUntagged: boolean }[];
  env: Record<string, string>;
  config: Config;
  forge: Forge;
  request(options?: { template?: TemplateChoice; resetHook?: boolean }): ConnectRequest;
  /** Merges the change as its owner does. */
  merge(iid: number): Promise<void>;
  close(): Promise<void>;
}

export const CI_FILE = [
  '# How the cart is built.',
  '',
  'image: node:24   # the same everywhere',
  '',
  'test:',
  '    script: [npm test]',
  '',
].join('\n');

export async function startCliWorld(version: string): Promise<CliWorld> {
  const folder = await mkdtemp(join(tmpdir(), 'autodev-cli-'));
  const runners = [{ tags: ['autodev'], runUntagged: true }];
  const configDir = await keptConfigDir();
  const gitlab = await startSandboxGitLab({
    dataDir: join(folder, 'gitlab'),
    version,
    runners,
    ci: (host) =>
      createCiEngine(host, {
        workDir: join(folder, 'ci'),
        imagePath: [],
        runners: [{ tags: ['nobody'], runUntagged: false }],
        concurrency: 1,
        configDir,
      }),
  });
  const models = await startModelServer({ scripts: [] });
  const face = await forgeServer(join(folder, 'none'));
  face.pages.set('/healthz', JSON.stringify({ status: 'ok', version: VERSION }));
  face.pages.set('/webhooks/gitlab', '');
  face.pages.set('/ci-templates/autodev.yml', TEMPLATE);
  const project = await gitlab.api.createProject({
    path: 'shop/cart',
    files: { 'README.md': '# cart\n', '.gitlab-ci.yml': CI_FILE },
  });
  const bot = gitlab.api.createUser({ username: 'project_1_bot', bot: true });
  gitlab.api.addMember(project, bot, 40);
  const token = gitlab.api.createToken(bot, { name: 'autodev' });
  const env = {
    AUTODEV_GITLAB_URL: gitlab.url,
    AUTODEV_GITLAB_TOKEN: token.value,
    AUTODEV_WEBHOOK_SECRET: SECRET,
    AUTODEV_PUBLIC_URL: face.url,
    AUTODEV_DATA_DIR: join(folder, 'data'),
    OPENAI_API_KEY: models.keys.openai,
    OPENAI_BASE_URL: `${models.url}/v1`,
    ANTHROPIC_API_KEY: models.keys.anthropic,
    ANTHROPIC_BASE_URL: models.url,
  };
  const read = readEnv(env);
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  const { config } = read;
  let opened: ReturnType<typeof newStore> | null = null;
  const store = async (): Promise<Store> => (await (opened ??= newStore())).store;
  return {
    folder,
    gitlab,
    models,
    face,
    store,
    project,
    bot,
    token,
    runners,
    env,
    config,
    forge: openForge(config, createLogger({ logLevel: 'silent' }, [])),
    request: ({ template, resetHook = false } = {}) => ({
      path: project.path,
      publicUrl: face.url,
      ci: loadSettings(INSTALLATION.settingsFile).ci,
      template: template ?? { kind: 'remote' },
      templateText: TEMPLATE,
      resetHook,
      row: async (id) => repoByProject(await store(), 'gitlab', id),
    }),
    merge: async (iid) => {
      const url = `${gitlab.url}/api/v4/projects/${project.id}/merge_requests/${iid}/merge`;
      const headers = { 'private-token': gitlab.root.token.value };
      for (let tries = 0; ; tries += 1) {
        // 405 until GitLab has found out that it can be merged.
        const answer = await fetch(url, { method: 'PUT', headers });
        if (answer.ok) return;
        if (answer.status !== 405 || tries > 100) throw new Error(await answer.text());
        await gitlab.hooksIdle();
      }
    },
    close: async () => {
      await (await opened)?.close();
      await face.close();
      await models.close();
      await gitlab.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
