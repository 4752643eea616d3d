/** Project hooks: CRUD, log, resend and test (gitlab-facts §1.3, §3.6). */
import { branchHead } from '../git/read.ts';
import { hookProject, hookUser } from '../hooks/parts.ts';
import { validSigningToken } from '../hooks/sign.ts';
import type { HookMessage } from '../hooks/sender.ts';
import { needProject, needUser, page, type Call, type Route } from '../rest/call.ts';
import { ApiFailure, badParameter, created, noContent, notFound, ok } from '../rest/reply.ts';
import { hookEntity, hookLogEntity, signs } from '../present/basics.ts';
import { ACCESS } from '../state/access-levels.ts';
import { HOOK_EVENTS, type Hook, type HookLog } from '../state/hook-types.ts';
import type { Project } from '../state/types.ts';

/** Hooks a project may have. */
const MAX_HOOKS = 100;
const MAX_CUSTOM_HEADERS = 20;

function needHook(call: Call): { project: Project; hook: Hook } {
  const project = needProject(call, ACCESS.maintainer);
  const hook = project.hooks.find((one) => one.id === Number(call.params['hook_id']));
  if (!hook) throw notFound();
  return { project, hook };
}

function checkUrl(url: string): string {
  if (!/^https?:\/\/[^\s]+$/.test(url)) throw new ApiFailure(422, { error: 'Invalid url given' });
  return url;
}

/** Fields that are given replace what was; every switch but `push_events` starts as off. */
function applyInput(call: Call, hook: Hook): void {
  const { input, gl } = call;
  hook.url = input.has('url') ? checkUrl(input.need('url')) : hook.url;
  hook.name = input.str('name') ?? hook.name;
  hook.description = input.str('description') ?? hook.description;
  if (input.has('token')) hook.token = input.str('token') || null;
  const signing = input.str('signing_token');
  // Older versions ignore it silently: check `signing_token_present` afterwards.
  if (signing !== undefined && signs(gl)) {
    if (!validSigningToken(signing)) {
      throw new ApiFailure(422, { error: 'Signing token must be whsec_ and 32 bytes in base64' });
    }
    hook.signingToken = signing;
  }
  for (const event of HOOK_EVENTS) {
    hook.events[event] = input.bool(event) ?? hook.events[event];
  }
  hook.enableSslVerification = input.bool('enable_ssl_verification') ?? hook.enableSslVerification;
  hook.pushEventsBranchFilter =
    input.str('push_events_branch_filter') ?? hook.pushEventsBranchFilter;
  const custom = input.raw('custom_headers');
  if (Array.isArray(custom)) {
    if (custom.length > MAX_CUSTOM_HEADERS) throw badParameter('custom_headers is too long');
    hook.customHeaders = custom.map((one: unknown) => {
      const header = (one ?? {}) as Record<string, unknown>;
      return { key: String(header['key']), value: String(header['value']) };
    });
  }
}

function create(call: Call): Hook {
  const project = needProject(call, ACCESS.maintainer);
  if (project.hooks.length >= MAX_HOOKS) {
    throw new ApiFailure(422, {
      error: `Maximum number of project webhooks (${MAX_HOOKS}) exceeded`,
    });
  }
  const off = Object.fromEntries(HOOK_EVENTS.map((event) => [event, false]));
  const hook: Hook = {
    id: 0,
    projectId: project.id,
    url: checkUrl(call.input.need('url')),
    name: null,
    description: null,
    token: null,
    signingToken: null,
    events: { ...(off as Hook['events']), push_events: true },
    enableSslVerification: true,
    pushEventsBranchFilter: '',
    customHeaders: [],
    recentFailures: 0,
    disabledUntil: null,
    createdAt: call.gl.now(),
    logs: [],
  };
  applyInput(call, hook);
  hook.id = call.gl.state.nextId('hook');
  project.hooks.push(hook);
  return hook;
}

/** Status filter: exact codes, or `successful`, `client_failure`, `server_failure`, `internal_failure`. */
function logged(call: Call, hook: Hook): HookLog[] {
  const wanted = call.input.list('status');
  const classes: Record<string, RegExp> = {
    successful: /^[23]/,
    client_failure: /^4/,
    server_failure: /^5/,
    internal_failure: /^internal/,
  };
  return hook.logs
    .toReversed()
    .filter(
      (log) =>
        !wanted ||
        wanted.some((one) => classes[one]?.test(log.responseStatus) ?? one === log.responseStatus),
    );
}

async function testMessage(call: Call, project: Project): Promise<HookMessage> {
  const trigger = HOOK_EVENTS.find((event) => event === call.params['trigger']);
  if (!trigger) throw badParameter('trigger does not have a valid value');
  if (trigger !== 'push_events') {
    throw new ApiFailure(422, { message: 'The sandbox can test push_events only.' });
  }
  const sha = await branchHead(project.gitDir, project.defaultBranch);
  const user = needUser(call);
  return {
    event: trigger,
    header: 'Push Hook',
    body: {
      object_kind: 'push',
      event_name: 'push',
      before: sha,
      after: sha,
      ref: `refs/heads/${project.defaultBranch}`,
      checkout_sha: sha,
      user_id: user.id,
      user_name: user.name,
      user_username: user.username,
      user_avatar: hookUser(call.gl, user)['avatar_url'],
      project_id: project.id,
      project: hookProject(call.gl, project),
      commits: [],
      total_commits_count: 0,
    },
  };
}

export const hookRoutes: Route[] = [
  {
    method: 'GET',
    path: '/projects/:id/hooks',
    handler: (call) => {
      const project = needProject(call, ACCESS.maintainer);
      return page(call, project.hooks, (hook) => hookEntity(call.gl, hook));
    },
  },
  {
    method: 'GET',
    path: '/projects/:id/hooks/:hook_id',
    handler: (call) => ok(hookEntity(call.gl, needHook(call).hook)),
  },
  {
    method: 'POST',
    path: '/projects/:id/hooks',
    handler: (call) => created(hookEntity(call.gl, create(call))),
  },
  {
    method: 'PUT',
    path: '/projects/:id/hooks/:hook_id',
    handler: (call) => {
      const { hook } = needHook(call);
      applyInput(call, hook);
      return ok(hookEntity(call.gl, hook));
    },
  },
  {
    method: 'DELETE',
    path: '/projects/:id/hooks/:hook_id',
    handler: (call) => {
      const { project, hook } = needHook(call);
      project.hooks = project.hooks.filter((kept) => kept !== hook);
      return noContent();
    },
  },
  {
    method: 'GET',
    path: '/projects/:id/hooks/:hook_id/events',
    handler: (call) => page(call, logged(call, needHook(call).hook), hookLogEntity),
  },
  {
    method: 'POST',
    path: '/projects/:id/hooks/:hook_id/events/:hook_log_id/resend',
    handler: async (call) => {
      const { hook } = needHook(call);
      const log = hook.logs.find((one) => one.id === Number(call.params['hook_log_id']));
      const event = HOOK_EVENTS.find((one) => one === log?.trigger);
      if (!log || !event) throw notFound();
      const header = log.requestHeaders['X-Gitlab-Event'] ?? '';
      const message = { event, header, body: log.requestData };
      // A resent delivery keeps its key (gitlab-facts §1.1).
      const again = await call.gl.hooks.send(hook, message, log.requestHeaders['Idempotency-Key']);
      return created({ response_status: Number(again.responseStatus) || again.responseStatus });
    },
  },
  {
    method: 'POST',
    path: '/projects/:id/hooks/:hook_id/test/:trigger',
    handler: async (call) => {
      const { project, hook } = needHook(call);
      const log = await call.gl.hooks.send(hook, await testMessage(call, project));
      if (log.responseStatus.startsWith('2')) return created({ message: '201 Created' });
      throw new ApiFailure(422, { message: log.responseBody || log.responseStatus });
    },
  },
];
