/** The project's webhook: there, complete, working and signing. */
import type { HookInfo } from '../../forge/forge.ts';
import { HOOK_EVENT_NAMES, hookUrl, isAtLeast, SIGNING_SINCE } from '../connect/hook-events.ts';
import { bad, ok, warning, type Check, type DoctorDeps, type ProjectFacts } from './check.ts';

/** Checks of the hook; the first alone when it is missing. Throws ForgeError. */
export async function checkHook(deps: DoctorDeps, project: ProjectFacts): Promise<Check[]> {
  const url = hookUrl(deps.config.publicUrl);
  const connect = `autodev connect ${project.path}`;
  const hooks = await deps.forge.setup.hooks(project.id);
  const ours = hooks.filter((hook) => hook.url === url);
  const [hook, ...others] = ours;
  if (hook === undefined) {
    const elsewhere = hooks.find((one) => one.url.endsWith('/webhooks/gitlab'));
    const detail =
      elsewhere === undefined
        ? `none leads to ${url}`
        : `none leads to ${url}; hook ${elsewhere.id} leads to ${elsewhere.url}`;
    return [bad('hook', detail, connect)];
  }
  const first =
    others.length === 0
      ? ok('hook', `hook ${hook.id} leads to ${url}`)
      : warning(
          'hook',
          `${ours.length} hooks lead to ${url}, so that every event arrives ${ours.length} times`,
          `delete all but hook ${hook.id} in Settings > Webhooks`,
        );
  return [
    first,
    checkEvents(hook, connect),
    checkHealth(hook, project),
    checkSigning(deps, project, hook, connect),
  ];
}

function checkEvents(hook: HookInfo, connect: string): Check {
  const missing = HOOK_EVENT_NAMES.filter((name) => !hook.events.includes(name));
  if (missing.length === 0) return ok('hook events', 'every event that the bot needs is on');
  return bad('hook events', `off: ${missing.join(', ')}`, connect);
}

/** A hook that GitLab does not send: a pause ends by itself, `disabled` does not (gitlab-facts §1.4). */
function checkHealth(hook: HookInfo, project: ProjectFacts): Check {
  if (hook.alertStatus === 'executable') return ok('hook health', 'GitLab sends it');
  const state = hook.alertStatus.replaceAll('_', ' ');
  const seconds = project.settings?.limits.reconcileSeconds ?? null;
  const meanwhile =
    seconds === 0
      ? 'and nothing makes up for what is missed: limits.reconcileSeconds is 0'
      : `and what is missed is found by polling${seconds === null ? '' : ` every ${seconds} s`}`;
  return bad(
    'hook health',
    `GitLab has it ${state} after failed deliveries, ${meanwhile}`,
    `mend what its log shows (Settings > Webhooks > hook ${hook.id}), then press Test there`,
  );
}

function checkSigning(
  { config }: DoctorDeps,
  project: ProjectFacts,
  hook: HookInfo,
  connect: string,
): Check {
  const able = project.version !== null && isAtLeast(project.version, SIGNING_SINCE);
  const expected = config.requireSigning || project.row?.hookSigns === true;
  if (hook.signingTokenPresent) {
    if (project.row === null || project.row.hookSigns) return ok('hook signing', 'it signs');
    const detail =
      'it signs, but the bot does not know and would take a delivery without signature';
    return warning('hook signing', detail, connect);
  }
  if (expected && !able) {
    return bad(
      'hook signing',
      'signatures are required, and this GitLab cannot sign',
      'unset AUTODEV_REQUIRE_SIGNED_WEBHOOKS, or update GitLab to 19.0',
    );
  }
  if (expected) {
    return bad('hook signing', 'it does not sign, so every delivery is refused', connect);
  }
  if (able) return warning('hook signing', 'it has a secret token only, no signature', connect);
  return ok('hook signing', 'by secret token; signatures come with GitLab 19');
}
