/** Starts short helper programs (git, gitlab-ci-local) with an environment of their own. */
import { runCommand } from '../commands/run-command.ts';

/** Longest a helper may take; a configuration that needs more is reported as an error. */
const HELPER_TIMEOUT_MS = 60_000;
const HELPER_OUTPUT_BYTES = 64 * 1024 * 1024;

export interface Output {
  code: number;
  stdout: string;
  stderr: string;
}

/**
 * Runs a program to its end and returns what it printed; a non-zero exit is a value, not an error.
 * Throws only when the program could not be started or did not end in time.
 */
export async function exec(
  file: string,
  args: string[],
  options: { cwd: string; env: Record<string, string> },
): Promise<Output> {
  const result = await runCommand({
    file,
    args,
    ...options,
    timeoutMs: HELPER_TIMEOUT_MS,
    maxBytes: HELPER_OUTPUT_BYTES,
  });
  if (result.kind === 'ended' && result.code !== null) {
    const stdout = Buffer.from(result.stdout).toString('utf8');
    return { code: result.code, stdout, stderr: result.stderr };
  }
  const why = result.kind === 'error' ? result.message : result.kind;
  throw new Error(`${file} ${args[0] ?? ''} did not run to its end: ${why}`);
}

/**
 * Runs git quietly, away from the developer's own git configuration.
 * Throws with git's message when it fails.
 */
export async function git(
  cwd: string,
  args: string[],
  env: { PATH: string; LANG: string },
): Promise<string> {
  const result = await exec('git', ['-c', 'advice.detachedHead=false', ...args], {
    cwd,
    env: {
      ...env,
      HOME: cwd,
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_TERMINAL_PROMPT: '0',
    },
  });
  if (result.code !== 0) throw new Error(`git ${args[0] ?? ''}: ${result.stderr.trim()}`);
  return result.stdout.trim();
}
