/** `autodev eval`: starts the evaluation, a program of its own that only the repository has. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { findInstallation } from '../config/installation.ts';
import { failure } from './require-config.ts';

const PROGRAM = join('eval', 'main.ts');
/** Exit code of a program that a signal ended, as shells give it. */
const SIGNALLED = 128;

export function evalCommand(root: string = findInstallation(import.meta.dirname).root): Command {
  return new Command('eval')
    .description('let the agents work on ten small repositories and check what they made')
    .argument('[options...]', 'what `autodev eval --help` lists')
    .allowUnknownOption()
    .action(async (options: string[]) => {
      const program = join(root, PROGRAM);
      if (!existsSync(program)) {
        throw failure(
          'The evaluation is not part of this installation.',
          `there is no ${PROGRAM} in ${root}; packages and images leave it out`,
          'clone the repository of AutoDev, then: npm ci && npm run eval -- --help',
        );
      }
      process.exitCode = await run(program, options);
    });
}

/** Runs the program in the same terminal; signals of a person reach it by themselves. */
function run(program: string, options: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, [program, ...options], { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => void (signal === 'SIGTERM' && child.kill(signal)));
  }
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      resolve(code ?? SIGNALLED + (signal === null ? 0 : constants.signals[signal]));
    });
  });
}
