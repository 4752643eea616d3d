/** Does what a plan says, in an order in which every stop can be taken up again. */
import type { FileChange } from '../../../schema/wire/result.ts';
import { ForgeError } from '../../forge/errors.ts';
import type { Forge, HookInfo } from '../../forge/forge.ts';
import { projectHookToken, projectSigningToken } from '../../forge/gitlab/webhooks.ts';
import { setHook, upsertRepo } from '../../store/repos.ts';
import type { Store } from '../../store/store.ts';
import { HOOK_EVENT_NAMES } from './hook-events.ts';
import {
  ONBOARDING_BRANCH,
  ONBOARDING_COMMIT,
  ONBOARDING_TITLE,
  onboardingDescription,
  type LabelSpec,
} from './onboarding-text.ts';
import type { ChangePlan, ConnectPlan, FilePlan } from './plan.ts';

export interface Applied {
  hookId: number;
  hookSigns: boolean;
  /** The hook was written to the database; false when another process has it. */
  remembered: boolean;
  labels: string[];
  change: { iid: number; url: string } | null;
}

export interface ApplyDeps {
  forge: Forge;
  /** Root secret of the hooks. */
  secret: string;
  publicUrl: string;
  /** Null: the embedded database is in use by a running bot. */
  store: Store | null;
}

/** Carries the plan out. What is there already is left as it is; running it again changes nothing. */
export async function applyConnect(deps: ApplyDeps, plan: ConnectPlan): Promise<Applied> {
  const hook = await applyHook(deps, plan);
  if (deps.store !== null) await remember(deps.store, plan, hook);
  const labels: string[] = [];
  for (const label of plan.labels.create) {
    if (await createLabel(deps.forge, plan.project.id, label)) labels.push(label.name);
  }
  return {
    hookId: hook.id,
    hookSigns: hook.signingTokenPresent,
    remembered: deps.store !== null,
    labels,
    change: await applyChange(deps, plan),
  };
}

async function applyHook({ forge, secret }: ApplyDeps, plan: ConnectPlan): Promise<HookInfo> {
  const { hook, project, url } = plan;
  if (hook.action === 'none') return hook.hook;
  return forge.setup.saveHook(project.id, {
    ...(hook.action === 'update' ? { id: hook.hook.id } : {}),
    url,
    token: projectHookToken(secret, project.id),
    signingToken: plan.signs ? projectSigningToken(secret, project.id) : '',
    events: HOOK_EVENT_NAMES,
  });
}

/** A hook that signs is noted before anything else: from then on no delivery without a signature counts. */
async function remember(store: Store, plan: ConnectPlan, hook: HookInfo): Promise<void> {
  const { id: projectId, path, defaultBranch, webUrl } = plan.project;
  const row = await upsertRepo(store, { forge: 'gitlab', projectId, path, defaultBranch, webUrl });
  const next = { hookId: hook.id, hookSigns: hook.signingTokenPresent };
  if (row.hookId === next.hookId && row.hookSigns === next.hookSigns) return;
  await setHook(store, row.id, next);
}

/** False when somebody made it meanwhile. */
async function createLabel(forge: Forge, projectId: number, label: LabelSpec): Promise<boolean> {
  try {
    await forge.setup.createLabel(projectId, label);
    return true;
  } catch (error) {
    if (error instanceof ForgeError && error.kind === 'conflict') return false;
    throw error;
  }
}

async function applyChange(
  deps: ApplyDeps,
  plan: ConnectPlan,
): Promise<{ iid: number; url: string } | null> {
  const { change } = plan;
  switch (change.action) {
    case 'none':
    case 'empty':
    case 'refused':
      return null;
    case 'amend':
      await commit(deps.forge, plan.project.id, change);
      return change.change;
    case 'open':
      return openChange(deps, plan, change);
  }
}

async function openChange(
  { forge, publicUrl }: ApplyDeps,
  plan: ConnectPlan,
  change: Extract<ChangePlan, { action: 'open' }>,
): Promise<{ iid: number; url: string }> {
  const { id, defaultBranch } = plan.project;
  // A branch without an open change is what a stopped or closed earlier try left behind.
  if (change.leftover) await forge.write.deleteBranch(id, ONBOARDING_BRANCH);
  await commit(forge, id, change);
  try {
    return await forge.write.openChange(id, {
      sourceBranch: ONBOARDING_BRANCH,
      targetBranch: defaultBranch,
      title: ONBOARDING_TITLE,
      description: onboardingDescription(plan.bot, publicUrl),
      labels: ['autodev'],
      draft: false,
      removeSourceBranch: true,
    });
  } catch (error) {
    // Opened by somebody else meanwhile, or opened and the answer lost: it is there then.
    const unsure = error instanceof ForgeError && /^(conflict|ambiguous)$/.test(error.kind);
    const found = unsure ? await forge.write.findChange(id, ONBOARDING_BRANCH) : null;
    if (found === null) throw error;
    return { iid: found.iid, url: found.url };
  }
}

async function commit(
  forge: Forge,
  projectId: number,
  change: { files: readonly FilePlan[]; from: string },
): Promise<void> {
  try {
    await forge.write.commit(projectId, {
      branch: ONBOARDING_BRANCH,
      startSha: change.from,
      message: ONBOARDING_COMMIT,
      changes: change.files.map(fileChange),
    });
  } catch (error) {
    if (!(error instanceof ForgeError) || error.kind !== 'ambiguous') throw error;
    const landed = await Promise.all(
      change.files.map(async ({ path, after }) => {
        return (await forge.read.file(projectId, path, ONBOARDING_BRANCH)) === after;
      }),
    );
    if (!landed.every(Boolean)) throw error;
  }
}

function fileChange({ path, before, after }: FilePlan): FileChange {
  return {
    path,
    action: before === null ? 'create' : 'update',
    mode: '100644',
    content: Buffer.from(after).toString('base64'),
  };
}
