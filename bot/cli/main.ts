#!/usr/bin/env node
/** The `autodev` command: one file per sub-command. */
import { Command, CommanderError } from 'commander';
import { VERSION } from '../parts.ts';
import { migrateCommand } from './migrate.ts';
import { UsageError } from './require-config.ts';
import { serveCommand } from './serve.ts';

function program(): Command {
  return new Command('autodev')
    .description('AI agents that develop software inside GitLab')
    .version(VERSION)
    .option('--verbose', 'print the stack of unexpected errors')
    .showHelpAfterError('(autodev --help lists the commands)')
    .exitOverride()
    .addCommand(serveCommand())
    .addCommand(migrateCommand());
}

/** Errors people can mend are one short text; the stack is for `--verbose`. */
function report(error: unknown, verbose: boolean): number {
  if (error instanceof CommanderError) return error.exitCode;
  if (error instanceof UsageError) {
    process.stderr.write(`${error.message}\n`);
    return error.exitCode;
  }
  const text = error instanceof Error ? (verbose ? error.stack : error.message) : String(error);
  process.stderr.write(`${text ?? 'unknown error'}\n`);
  if (!verbose) process.stderr.write('Run it again with --verbose for the stack.\n');
  return 1;
}

const cli = program();
try {
  await cli.parseAsync();
} catch (error) {
  process.exitCode = report(error, cli.opts<{ verbose?: boolean }>().verbose === true);
}
