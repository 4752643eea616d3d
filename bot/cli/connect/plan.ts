/** What a project still needs so that the bot can work in it; looks, and changes nothing. */
import { ACCESS_LEVELS, accessName } from '../../domain/access.ts';
import { ForgeError } from '../../forge/errors.ts';
import type { Forge, HookInfo, User } from '../../forge/forge.ts';
import type { RepoRow } from '../../store/repos.ts';
import type { Settings } from '../../../schema/wire/settings.ts';
import { failure } from '../require-config.ts';
import { HOOK_EVENT_NAMES, hookUrl, isAtLeast, SIGNING_SINCE } from './hook-events.ts';
import {
  editInclude,
  includeSnippet,
  type TemplateInputs,
  type TemplateSource,
} from './include-edit.ts';
import { CI_FILE, LABELS, ONBOARDING_BRANCH, type LabelSpec } from './onboarding-text.ts';
import { templateInputs } from './template-inputs.ts';

/** Where the template comes from. */
export type TemplateChoice =
  { kind: 'remote' } | { kind: 'local' } | { kind: 'project'; path: string; ref: string | null };

/** Where a template kept in a project lies. */
export const TEMPLATE_PATH = 'ci-templates/autodev.yml';

export interface ConnectRequest {
  path: string;
  publicUrl: string;
  ci: Settings['ci'];
  template: TemplateChoice;
  templateText: string;
  /** Give the hook its secrets anew, e.g. after AUTODEV_WEBHOOK_SECRET changed. */
  resetHook: boolean;
  /** Looks the project's row up; null: the database could not be opened. */
  row: ((projectId: number) => Promise<RepoRow | null>) | null;
}

export interface FilePlan {
  path: string;
  before: string | null;
  after: string;
}

export type HookPlan =
  | { action: 'none'; hook: HookInfo }
  | { action: 'create' }
  | { action: 'update'; hook: HookInfo; why: string };

export type ChangePlan =
  | { action: 'none'; found: string }
  /** The repository has no commit to start from. */
  | { action: 'empty' }
  | { action: 'refused'; why: string; snippet: string }
  /** `from`: commit on which the branch stands or will stand; `leftover`: delete the branch first. */
  | {
      action: 'open';
      files: FilePlan[];
      from: string;
      leftover: boolean;
    }
  | { action: 'amend'; files: FilePlan[]; from: string; change: { iid: number; url: string } };

export interface ConnectPlan {
  project: {
    id: number;
    path: string;
    defaultBranch: string;
    webUrl: string;
  };
  bot: User;
  url: string;
  /** The hook must end up with a signing token. */
  signs: boolean;
  hook: HookPlan;
  labels: { create: LabelSpec[]; found: string[] };
  change: ChangePlan;
}

/**
 * Looks at the project and says what is missing.
 * @throws UsageError when the bot is no Maintainer there; ForgeError when a look-up fails.
 */
export async function planConnect(forge: Forge, request: ConnectRequest): Promise<ConnectPlan> {
  const bot = await forge.read.me();
  const project = await findProject(forge, bot, request.path);
  const [{ version }, hooks, labels] = await Promise.all([
    forge.setup.version(),
    forge.setup.hooks(project.id),
    forge.setup.labels(project.id),
  ]);
  const row = request.row === null ? null : await request.row(project.id);
  const signs = isAtLeast(version, SIGNING_SINCE);
  const url = hookUrl(request.publicUrl);
  const known = request.row === null ? undefined : (row?.hookId ?? null);
  return {
    project,
    bot,
    url,
    signs,
    hook: planHook(hooks, url, { signs, known, reset: request.resetHook }),
    labels: {
      create: LABELS.filter((label) => !labels.includes(label.name)),
      found: LABELS.map((label) => label.name).filter((name) => labels.includes(name)),
    },
    change: await planChange(forge, request, project, bot),
  };
}

async function findProject(forge: Forge, bot: User, path: string) {
  const who = `@${bot.username}`;
  const project = await forge.read.project(path).catch((cause: unknown) => {
    if (!(cause instanceof ForgeError) || cause.kind !== 'not_found') throw cause;
    throw failure(
      `There is no project ${path}.`,
      `GitLab shows none of that name to ${who}`,
      `correct the path, or invite ${who} as Maintainer (Manage > Members)`,
      { cause },
    );
  });
  const level = await forge.read.accessLevel(project.id, bot.id);
  if (level < ACCESS_LEVELS.maintainer) {
    throw failure(
      `${who} cannot connect ${project.path}.`,
      `it is ${accessName(level)} there, and making a webhook needs Maintainer`,
      `make ${who} Maintainer for this command; Developer is enough afterwards`,
    );
  }
  const { id, defaultBranch, webUrl } = project;
  return { id, path: project.path, defaultBranch, webUrl };
}

/** `known`: the hook's id in the database, null when there is none, undefined when it was not read. */
function planHook(
  hooks: readonly HookInfo[],
  url: string,
  options: { signs: boolean; known: number | null | undefined; reset: boolean },
): HookPlan {
  const hook = hooks.find((one) => one.url === url);
  if (hook === undefined) return { action: 'create' };
  const missing = HOOK_EVENT_NAMES.filter((name) => !hook.events.includes(name));
  const update = (why: string): HookPlan => ({ action: 'update', hook, why });
  if (missing.length > 0) return update(`events that are off: ${missing.join(', ')}`);
  if (options.signs && !hook.signingTokenPresent) return update('it does not sign yet');
  if (options.known !== undefined && options.known !== hook.id) {
    return update('it was not made by this bot, so its secret may be another');
  }
  return options.reset ? update('its secrets are set anew') : { action: 'none', hook };
}

async function planChange(
  forge: Forge,
  request: ConnectRequest,
  project: ConnectPlan['project'],
  bot: User,
): Promise<ChangePlan> {
  const { id, defaultBranch } = project;
  const head = defaultBranch === '' ? null : await forge.read.branch(id, defaultBranch);
  if (head === null) return { action: 'empty' };
  const source = await sourceOf(forge, request);
  const onMain = await planFiles(forge, request, project, bot, source, defaultBranch);
  if ('refused' in onMain) return { action: 'refused', ...onMain.refused };
  if (onMain.files.length === 0) {
    return { action: 'none', found: `${defaultBranch} includes it: ${onMain.source}` };
  }
  const [change, branch] = await Promise.all([
    forge.write.findChange(id, ONBOARDING_BRANCH),
    forge.read.branch(id, ONBOARDING_BRANCH),
  ]);
  if (change === null || branch === null) {
    return { action: 'open', files: onMain.files, from: head.sha, leftover: branch !== null };
  }
  const there = await planFiles(forge, request, project, bot, source, ONBOARDING_BRANCH);
  if ('refused' in there) return { action: 'refused', ...there.refused };
  if (there.files.length === 0) {
    return { action: 'none', found: `!${change.iid} waits to be merged: ${change.url}` };
  }
  return { action: 'amend', files: there.files, from: branch.sha, change };
}

/** Files of a ref that have to change; none when the template is included as it should be. */
async function planFiles(
  forge: Forge,
  request: ConnectRequest,
  project: ConnectPlan['project'],
  bot: User,
  source: TemplateSource,
  ref: string,
): Promise<{ files: FilePlan[]; source: string } | { refused: { why: string; snippet: string } }> {
  const before = await forge.read.file(project.id, CI_FILE, ref);
  const inputs: TemplateInputs = templateInputs({
    publicUrl: request.publicUrl,
    botId: bot.id,
    ci: request.ci,
    template: request.templateText,
    ciFile: before,
  });
  const edit = editInclude(before, source, inputs);
  if (edit.kind === 'refused') {
    const snippet = includeSnippet(source, inputs);
    return { refused: { why: `${CI_FILE} is left alone: ${edit.why}`, snippet } };
  }
  const files: FilePlan[] = [];
  if (edit.kind !== 'present') files.push({ path: CI_FILE, before, after: edit.text });
  if ('local' in source) {
    const copy = await forge.read.file(project.id, TEMPLATE_PATH, ref);
    if (copy !== request.templateText) {
      files.push({ path: TEMPLATE_PATH, before: copy, after: request.templateText });
    }
  }
  return { files, source: edit.source };
}

/** @throws UsageError when the template's project or file is not there. */
async function sourceOf(forge: Forge, request: ConnectRequest): Promise<TemplateSource> {
  const { template, publicUrl } = request;
  if (template.kind === 'remote') return { remote: `${publicUrl}/${TEMPLATE_PATH}` };
  if (template.kind === 'local') return { local: `/${TEMPLATE_PATH}` };
  const fix = `put ${TEMPLATE_PATH} there, or use --template remote`;
  const project = await forge.read.project(template.path).catch((cause: unknown) => {
    if (!(cause instanceof ForgeError) || cause.kind !== 'not_found') throw cause;
    const why = 'GitLab shows none of that name to the bot';
    throw failure(`There is no project ${template.path} for the template.`, why, fix, { cause });
  });
  const ref = template.ref ?? project.defaultBranch;
  if ((await forge.read.file(project.id, TEMPLATE_PATH, ref)) === null) {
    const why = `${project.path} has no ${TEMPLATE_PATH} at ${ref}`;
    throw failure('The template is not where it should be.', why, fix);
  }
  return { project: project.path, ref, file: `/${TEMPLATE_PATH}` };
}
