/** A plan and its result as people read them. */
import type { Terminal } from '../terminal.ts';
import type { Applied } from './apply.ts';
import { HOOK_EVENT_NAMES } from './hook-events.ts';
import { CI_FILE, ONBOARDING_BRANCH } from './onboarding-text.ts';
import type { ConnectPlan, FilePlan } from './plan.ts';
import { unifiedDiff } from '../../domain/unified-diff.ts';

/** Whether the plan changes anything on the forge. */
export function hasWork({ hook, labels, change }: ConnectPlan): boolean {
  const opens = change.action === 'open' || change.action === 'amend';
  return hook.action !== 'none' || labels.create.length > 0 || opens;
}

/** What is there and what will be done, a line or a diff each. */
export function showPlan(terminal: Terminal, plan: ConnectPlan): void {
  const { project, hook, labels, change } = plan;
  terminal.line(`${terminal.paint('bold', project.path)} (project ${project.id})\n`);
  const found = (text: string): void => terminal.line(`${terminal.mark('ok')} ${text}`);
  const todo = (text: string): void => terminal.line(`${terminal.paint('yellow', '+')} ${text}`);
  const stuck = (text: string): void => terminal.line(`${terminal.mark('warning')} ${text}`);

  const secrets = plan.signs ? 'a secret token and a signing token' : 'a secret token';
  if (hook.action === 'none') found(`hook ${hook.hook.id} is there: ${plan.url}`);
  else if (hook.action === 'create') todo(`make a hook to ${plan.url} with ${secrets}, for`);
  else todo(`update hook ${hook.hook.id} (${hook.why}) to ${plan.url} with ${secrets}, for`);
  if (hook.action !== 'none') terminal.line(`    ${HOOK_EVENT_NAMES.join(', ')}`);

  if (labels.found.length > 0) found(`labels are there: ${labels.found.join(', ')}`);
  for (const { name, color, description } of labels.create) {
    todo(`make the label ${name} (${color}): ${description}`);
  }

  switch (change.action) {
    case 'none':
      found(change.found);
      return;
    case 'empty':
      stuck('no merge request: the repository has no commit yet');
      terminal.line('    fix: push a first commit, then run this again');
      return;
    case 'refused':
      stuck(`no merge request: ${change.why}`);
      terminal.line(`    fix: add this to ${CI_FILE} by hand\n`);
      terminal.line(change.snippet);
      return;
    case 'open':
      if (change.leftover)
        todo(`delete the branch ${ONBOARDING_BRANCH}, left over without a change`);
      todo(`open a merge request from ${ONBOARDING_BRANCH} into ${project.defaultBranch}:\n`);
      showDiff(terminal, change.files);
      return;
    case 'amend':
      todo(`add a commit to !${change.change.iid} (${ONBOARDING_BRANCH}):\n`);
      showDiff(terminal, change.files);
  }
}

function showDiff(terminal: Terminal, files: readonly FilePlan[]): void {
  for (const { path, before, after } of files) {
    for (const line of unifiedDiff(path, before, after).split('\n')) {
      const style = line.startsWith('+') ? 'green' : line.startsWith('-') ? 'red' : null;
      terminal.line(style === null ? line : terminal.paint(style, line));
    }
  }
}

/** What was done, and what comes next. */
export function showApplied(terminal: Terminal, plan: ConnectPlan, applied: Applied): void {
  const done = (text: string): void => terminal.line(`${terminal.mark('ok')} ${text}`);
  terminal.line();
  if (plan.hook.action !== 'none') {
    const signs = applied.hookSigns ? ', which signs' : '';
    done(`hook ${applied.hookId}${signs}: ${plan.hook.action === 'create' ? 'made' : 'updated'}`);
  }
  if (applied.labels.length > 0) done(`labels made: ${applied.labels.join(', ')}`);
  if (applied.change !== null) done(`merge request !${applied.change.iid}: ${applied.change.url}`);
  if (!applied.remembered && applied.hookSigns) {
    terminal.line(
      `${terminal.mark('warning')} the database is in use by a running bot, so it was not noted that the hook signs`,
    );
    terminal.line('    fix: stop the bot for a moment and run this again, or use DATABASE_URL');
  }
  const next =
    applied.change === null
      ? `autodev doctor ${plan.project.path}`
      : `merge !${applied.change.iid}, then autodev doctor ${plan.project.path}`;
  terminal.line(`\nNext: ${next}`);
}
