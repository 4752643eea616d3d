/** `autodev connect`: makes what a project needs: hook, labels, and a change that adds the include. */
import { readFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import type { Config } from '../config/env.ts';
import { findInstallation } from '../config/installation.ts';
import { loadSettings } from '../config/settings.ts';
import { createLogger, openForge, secretsOf } from '../parts.ts';
import { StoreError } from '../store/errors.ts';
import { migrate, pendingMigrations } from '../store/migrate.ts';
import { repoByProject, type RepoRow } from '../store/repos.ts';
import type { Store } from '../store/store.ts';
import { applyConnect, type Applied } from './connect/apply.ts';
import { planConnect, type ConnectPlan, type TemplateChoice } from './connect/plan.ts';
import { hasWork, showApplied, showPlan } from './connect/show-plan.ts';
import { databaseFailure, openConfiguredStore } from './open-ready-store.ts';
import { failure, requireConfig } from './require-config.ts';
import { projectPath } from './target-reference.ts';
import { createTerminal, type Terminal } from './terminal.ts';

interface Options {
  yes?: boolean;
  dryRun?: boolean;
  template: 'remote' | 'project' | 'local';
  templateProject?: string;
  templateRef?: string;
  resetHook?: boolean;
  json?: boolean;
}

export function connectCommand(): Command {
  return new Command('connect')
    .description('make what a project needs: the webhook, the labels, and a merge request')
    .argument('<project>', 'path or URL of the project')
    .option('--yes', 'do it without asking')
    .option('--dry-run', 'show what would be done, and do nothing')
    .addOption(
      new Option('--template <where>', 'where the pipeline takes the CI template from')
        .choices(['remote', 'project', 'local'])
        .default('remote'),
    )
    .option('--template-project <path>', 'project with ci-templates/autodev.yml, for project')
    .option('--template-ref <ref>', 'its branch, tag or commit; default: its default branch')
    .option('--reset-hook', 'set the secrets of the hook anew')
    .option('--json', 'print the plan and the result as JSON')
    .addHelpText(
      'after',
      '\nThe template is served by the bot (remote), kept in a project of the same GitLab (project)' +
        '\nor copied into the repository (local). Running connect again changes nothing.' +
        '\n\nExample:\n  autodev connect group/project --dry-run',
    )
    .action(connect);
}

async function connect(given: string, options: Options): Promise<void> {
  const config = requireConfig();
  const path = projectPath(given, config.gitlab.url);
  const template = templateChoice(options, config);
  if (options.json === true && options.yes !== true && options.dryRun !== true) {
    const why = 'with --json nobody is asked';
    throw failure('Nothing was done.', why, 'add --yes or --dry-run', { exitCode: 2 });
  }
  const files = findInstallation(import.meta.dirname);
  const log = createLogger({ logLevel: 'silent' }, secretsOf(config));
  const forge = openForge(config, log);
  const store = await openStoreIfFree(config);
  try {
    const rows = store === null ? null : await rowsOf(store, files.migrationsDir, options);
    const plan = await planConnect(forge, {
      path,
      publicUrl: config.publicUrl,
      ci: loadSettings(config.settingsFile ?? files.settingsFile).ci,
      template,
      templateText: readFileSync(files.templateFile, 'utf8'),
      resetHook: options.resetHook === true,
      row: rows,
    });
    const terminal = createTerminal();
    if (options.json !== true) showPlan(terminal, plan);
    if (!(await shallApply(terminal, plan, options))) return;
    const { webhookSecret: secret, publicUrl } = config;
    const applied = await applyConnect({ forge, secret, publicUrl, store }, plan);
    if (options.json === true) terminal.json(result(plan, applied));
    else showApplied(terminal, plan, applied);
  } finally {
    await store?.close();
  }
}

/** Asks once. False ends the command without a change on the forge. */
async function shallApply(
  terminal: Terminal,
  plan: ConnectPlan,
  options: Options,
): Promise<boolean> {
  if (options.dryRun === true) {
    if (options.json === true) terminal.json(result(plan, null));
    else terminal.line('\nNothing was changed (--dry-run).');
    return false;
  }
  // With nothing to do on the forge the project is still noted in the database.
  if (options.yes === true || !hasWork(plan)) return true;
  terminal.line();
  const answer = await terminal.confirm('Do this?');
  if (answer === null) {
    const why = 'nobody is here to ask';
    throw failure('Nothing was done.', why, 'run it again with --yes', { exitCode: 2 });
  }
  if (!answer) terminal.line('Nothing was changed.');
  return answer;
}

/** The database; null when a running bot has the embedded one. */
async function openStoreIfFree(config: Config): Promise<Store | null> {
  try {
    return await openConfiguredStore(config);
  } catch (error) {
    if (error instanceof StoreError && error.code === 'data_dir_locked') return null;
    throw databaseFailure(config, 'connect', error);
  }
}

/** Looks projects up. Migrates first, but for a dry run: a new database knows no project. */
async function rowsOf(
  store: Store,
  migrationsDir: string,
  options: Options,
): Promise<(projectId: number) => Promise<RepoRow | null>> {
  if (options.dryRun !== true) await migrate(store, migrationsDir);
  else if ((await pendingMigrations(store, migrationsDir)).length > 0) {
    return () => Promise.resolve(null);
  }
  return (id) => repoByProject(store, 'gitlab', id);
}

function templateChoice(options: Options, config: Config): TemplateChoice {
  const { template, templateProject, templateRef } = options;
  if (template !== 'project') {
    if (templateProject === undefined && templateRef === undefined) return { kind: template };
    throw failure(
      'The options do not fit together.',
      `--template-project and --template-ref go with --template project, not with ${template}`,
      'add --template project, or leave them out',
      { exitCode: 2 },
    );
  }
  if (templateProject === undefined) {
    throw failure(
      'The project of the template is missing.',
      '--template project takes the template from a project',
      'add --template-project group/project',
      { exitCode: 2 },
    );
  }
  const path = projectPath(templateProject, config.gitlab.url);
  return { kind: 'project', path, ref: templateRef ?? null };
}

/** The plan without what only the program needs, and what came of it. */
function result(plan: ConnectPlan, applied: Applied | null): Record<string, unknown> {
  const { project, url, hook, labels, change } = plan;
  return {
    project,
    hook: { url, action: hook.action, ...('hook' in hook ? { id: hook.hook.id } : {}) },
    labels: { create: labels.create.map((label) => label.name), found: labels.found },
    change,
    changes: hasWork(plan),
    applied,
  };
}
