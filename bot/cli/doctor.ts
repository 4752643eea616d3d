/** `autodev doctor`: looks at every part the bot stands on and says how to mend what is broken. */
import { Command } from 'commander';
import { readEnv } from '../config/env.ts';
import { findInstallation } from '../config/installation.ts';
import { createLogger, openForge, secretsOf, VERSION } from '../parts.ts';
import { openQueue } from '../queue/queue.ts';
import type { Config } from '../config/env.ts';
import { bad, type Check, type DoctorDeps } from './doctor/check.ts';
import { examine } from './doctor/examine.ts';
import { openConfiguredStore } from './open-ready-store.ts';
import { projectPath } from './target-reference.ts';
import { createTerminal, type Terminal } from './terminal.ts';

/** Wide enough for every check's name. */
const NAME_WIDTH = 16;

export function doctorCommand(): Command {
  return new Command('doctor')
    .description('look at every part the bot stands on, and say how to mend what is broken')
    .argument('[projects...]', 'projects to look at, group/project; default: all the bot knows')
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      '\nExit code: 0 nothing is wrong, 1 something is, 2 the configuration or the call is wrong.' +
        '\n\nExample:\n  autodev doctor group/project',
    )
    .action(async (projects: string[], { json }: { json?: boolean }) => {
      const terminal = createTerminal();
      const env = readEnv();
      if (!env.ok) {
        const checks = env.problems.map(({ variable, what, fix }) =>
          bad('configuration', `${variable} ${what}`, fix),
        );
        print(terminal, checks, json === true);
        process.exitCode = 2;
        return;
      }
      const { config } = env;
      const paths = projects.map((project) => projectPath(project, config.gitlab.url));
      if (json !== true) terminal.line(`AutoDev ${VERSION} for ${config.gitlab.url}\n`);
      const show = json === true ? () => undefined : reporter(terminal);
      const checks = await examine(depsOf(config), paths, show);
      if (json === true) terminal.json({ version: VERSION, ok: !hasErrors(checks), checks });
      else summarise(terminal, checks);
      process.exitCode = hasErrors(checks) ? 1 : 0;
    });
}

function depsOf(config: Config): DoctorDeps {
  // The checks name what goes wrong; a log of the retries would stand between their lines.
  const log = createLogger({ logLevel: 'silent' }, secretsOf(config));
  return {
    config,
    forge: openForge(config, log),
    files: findInstallation(import.meta.dirname),
    openStore: () => openConfiguredStore(config),
    openQueue: (store) =>
      openQueue({ store, ...(config.redisUrl === null ? {} : { redisUrl: config.redisUrl }) }),
    fetch,
    now: () => new Date(),
  };
}

function hasErrors(checks: readonly Check[]): boolean {
  return checks.some((check) => check.status === 'error');
}

function print(terminal: Terminal, checks: readonly Check[], json: boolean): void {
  if (json) {
    terminal.json({ version: VERSION, ok: !hasErrors(checks), checks });
    return;
  }
  const show = reporter(terminal);
  for (const check of checks) show(check);
  summarise(terminal, checks);
}

/** Prints a line per check, with its remedy below, under a heading per project. */
export function reporter(terminal: Terminal): (check: Check) => void {
  let project: string | null = null;
  return (check) => {
    if (check.project !== project) {
      project = check.project;
      terminal.line(`\n${terminal.paint('bold', project ?? 'Installation')}`);
    }
    const name = check.name.padEnd(NAME_WIDTH);
    terminal.line(`${terminal.mark(check.status)} ${name} ${check.detail}`);
    if (check.fix !== null) terminal.line(`    fix: ${check.fix}`);
  };
}

export function summarise(terminal: Terminal, checks: readonly Check[]): void {
  const errors = checks.filter((check) => check.status === 'error').length;
  const warnings = checks.filter((check) => check.status === 'warning').length;
  const verb = errors === 1 ? 'is' : 'are';
  const wrong = errors === 0 ? 'Nothing is wrong.' : `${things(errors)} ${verb} wrong.`;
  const better = warnings === 0 ? '' : `${things(warnings)} could be better.`;
  terminal.line(`\n${[wrong, better].filter(Boolean).join(' ')}`);
}

function things(number: number): string {
  return number === 1 ? '1 thing' : `${number} things`;
}
