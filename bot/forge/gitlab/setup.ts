/** What `connect` and `doctor` do on GitLab (ForgeSetup); needs Maintainer. gitlab-facts §3.6. */
import { z } from 'zod';
import { ForgeError } from '../errors.ts';
import type { ForgeSetup } from '../forge.ts';
import { lintRef } from './lint.ts';
import { listAll, parseAnswer, parseExpanded } from './resources.ts';
import type { Resources } from './resources.ts';
import { HookAnswer, toHook } from './shapes.ts';

export const SETUP_LIMITS = {
  /** GitLab's default ceiling of project hooks is 100. */
  hooks: 1_000,
  labels: 5_000,
  /** Runners looked at one by one, since lists do not show tags. */
  runners: 500,
} as const;

/**
 * Switches of a project hook. Each is sent: `push_events` is on in the database unless told
 * otherwise, all others are off.
 */
const HOOK_EVENTS = [
  'confidential_issues_events',
  'confidential_note_events',
  'deployment_events',
  'emoji_events',
  'feature_flag_events',
  'issues_events',
  'job_events',
  'merge_requests_events',
  'milestone_events',
  'note_events',
  'pipeline_events',
  'push_events',
  'releases_events',
  'resource_access_token_events',
  'tag_push_events',
  'wiki_page_events',
] as const;

const VersionAnswer = z.object({ version: z.string(), enterprise: z.boolean().nullish() });

const TokenAnswer = z.object({
  name: z.string(),
  scopes: z.array(z.string()),
  expires_at: z.string().nullish(),
  active: z.boolean(),
  revoked: z.boolean().nullish(),
});

const LabelAnswer = z.object({ name: z.string() });

const RunnerRow = z.object({
  id: z.number().int(),
  online: z.boolean().nullish(),
  status: z.string().nullish(),
  paused: z.boolean().nullish(),
});

const RunnerAnswer = z.object({
  tag_list: z.array(z.string()).nullish(),
  run_untagged: z.boolean().nullish(),
});

function eventSwitches(wanted: readonly string[]): Record<string, boolean> {
  const unknown = wanted.filter((name) => !(HOOK_EVENTS as readonly string[]).includes(name));
  if (unknown.length > 0) {
    throw new ForgeError(
      'invalid',
      `Unknown hook events: ${unknown.join(', ')}. GitLab knows ${HOOK_EVENTS.join(', ')}`,
    );
  }
  return Object.fromEntries(HOOK_EVENTS.map((name) => [name, wanted.includes(name)]));
}

/** Tags and the untagged switch; a runner the bot may not look at counts as taking nothing. */
async function runnerTags(
  api: Resources,
  id: number,
): Promise<{ tags: string[]; runUntagged: boolean }> {
  try {
    const answer: unknown = await api.runners.show(id);
    const row = parseAnswer(RunnerAnswer, answer, `GET runner ${id}`);
    return { tags: row.tag_list ?? [], runUntagged: row.run_untagged ?? false };
  } catch (error) {
    if (error instanceof ForgeError && error.kind === 'denied') {
      return { tags: [], runUntagged: false };
    }
    throw error;
  }
}

async function saveHook(
  api: Resources,
  projectId: number,
  hook: Parameters<ForgeSetup['saveHook']>[1],
) {
  const options = {
    ...eventSwitches(hook.events),
    enableSslVerification: true,
    // Empty means not set; GitLab older than 19 ignores the signing token (gitlab-facts §1.2).
    ...(hook.token === '' ? {} : { token: hook.token }),
    ...(hook.signingToken === '' ? {} : { signingToken: hook.signingToken }),
    showExpanded: true as const,
  };
  const answer: unknown =
    hook.id === undefined
      ? await api.hooks.add(projectId, hook.url, options)
      : await api.hooks.edit(projectId, hook.id, hook.url, options);
  const what = `${hook.id === undefined ? 'POST' : 'PUT'} hook of project ${projectId}`;
  return toHook(parseExpanded(HookAnswer, answer, what).data);
}

export function createGitLabSetup(api: Resources): ForgeSetup {
  return {
    async version() {
      const row = parseAnswer(VersionAnswer, await api.metadata.show(), 'GET metadata');
      return { version: row.version, enterprise: row.enterprise ?? false };
    },

    async token() {
      const row = parseAnswer(TokenAnswer, await api.ownToken.show(), 'GET token of the bot');
      return {
        name: row.name,
        scopes: row.scopes,
        expiresAt: row.expires_at ?? null,
        active: row.active && row.revoked !== true,
      };
    },

    async hooks(projectId) {
      const what = `GET hooks of project ${projectId}`;
      const rows = await listAll(HookAnswer, what, SETUP_LIMITS.hooks, (page) =>
        api.hooks.all(projectId, page),
      );
      return rows.map(toHook);
    },

    saveHook: (projectId, hook) => saveHook(api, projectId, hook),

    async labels(projectId) {
      const what = `GET labels of project ${projectId}`;
      const rows = await listAll(LabelAnswer, what, SETUP_LIMITS.labels, (page) =>
        api.labels.all(projectId, page),
      );
      return rows.map((row) => row.name);
    },

    /** @throws ForgeError `conflict` when the label exists */
    async createLabel(projectId, { name, color, description }) {
      await api.labels.create(projectId, name, color, { description });
    },

    async runners(projectId) {
      const what = `GET runners of project ${projectId}`;
      const rows = await listAll(RunnerRow, what, SETUP_LIMITS.runners, (page) =>
        api.runners.all({ projectId, ...page }),
      );
      return Promise.all(
        rows.map(async (row) => ({
          id: row.id,
          online: (row.online ?? row.status === 'online') && row.paused !== true,
          ...(await runnerTags(api, row.id)),
        })),
      );
    },

    lint: (projectId, ref) => lintRef(api, projectId, ref),
  };
}
