#!/usr/bin/env -S node --max-semi-space-size=8 --max-old-space-size=1024
/** The `autodev` command: one file per sub-command. */
import { Command, CommanderError } from 'commander';
import { ForgeError } from '../forge/errors.ts';
import { VERSION } from '../parts.ts';
import { connectCommand } from './connect.ts';
import { describeError } from './describe-error.ts';
import { doctorCommand } from './doctor.ts';
import { evalCommand } from './eval.ts';
import { explainCommand } from './explain.ts';
import { migrateCommand } from './migrate.ts';
import { replayCommand } from './replay.ts';
import { UsageError } from './require-config.ts';
import { serveCommand } from './serve.ts';

function program(): Command {
  const root = new Command('autodev')
    .description('AI agents that develop software inside GitLab')
    .version(VERSION)
    .option('--verbose', 'print the stack of unexpected errors')
    .showHelpAfterError('(autodev --help lists the commands)')
    .exitOverride();
  const commands = [
    serveCommand(),
    migrateCommand(),
    doctorCommand(),
    connectCommand(),
    replayCommand(),
    explainCommand(),
  ];
  // `addCommand` passes no settings on: without this a sub-command would end the process itself.
  for (const command of commands) root.addCommand(command.copyInheritedSettings(root));
  // What it starts reads the options itself, `--help` among them.
  root.addCommand(evalCommand().copyInheritedSettings(root).helpOption(false));
  return root;
}

/** Errors people can mend are one short text; the stack is for `--verbose`. */
function report(error: unknown, verbose: boolean): number {
  // Help and version end with 0; everything else commander refuses is a mistake in the call.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof ForgeError && !verbose) {
    const { why, fix } = describeError(error);
    process.stderr.write(`GitLab did not do what was asked.\n  why: ${why}\n  fix: ${fix}\n`);
    return 1;
  }
  if (error instanceof UsageError) {
    process.stderr.write(`${error.message}\n`);
    return error.exitCode;
  }
  const text = error instanceof Error ? (verbose ? error.stack : error.message) : String(error);
  process.stderr.write(`${text ?? 'unknown error'}\n`);
  if (!verbose) process.stderr.write('Run it again with --verbose for the stack.\n');
  return 1;
}

// `autodev … | head` closes the pipe early: nothing is wrong then, nobody reads on.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit();
  throw error;
});

const cli = program();
try {
  await cli.parseAsync();
} catch (error) {
  process.exitCode = report(error, cli.opts<{ verbose?: boolean }>().verbose === true);
}
