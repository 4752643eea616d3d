/** Git as the supervisor uses it: argument arrays, no user or system configuration, no hooks. */
import { spawn } from 'node:child_process';
import { quietGitEnv } from '../env.ts';
import { JobError } from '../errors.ts';

/** Most bytes one git command may answer with: the file list of a very large repository. */
const OUTPUT_BYTES = 256 * 1024 * 1024;
const ERROR_CHARS = 400;
/** Settings that keep git from starting anything a repository names. */
export const SAFE_SETTINGS: readonly string[] = [
  'core.hooksPath=/dev/null',
  'core.fsmonitor=false',
  'core.excludesFile=/dev/null',
  'core.attributesFile=/dev/null',
  'core.pager=cat',
  'protocol.allow=never',
  'safe.directory=*',
].flatMap((setting) => ['-c', setting]);

/**
 * Runs git and returns its standard output. `path` is the PATH to look git up in; `input` goes to
 * its standard input, `env` is added to its environment. @throws JobError naming the command and git's own message.
 */
export async function git(
  path: string,
  cwd: string,
  args: readonly string[],
  input: string | Buffer = '',
  env: Readonly<Record<string, string>> = {},
): Promise<Buffer> {
  const child = spawn('git', [...SAFE_SETTINGS, ...args], {
    cwd,
    env: { ...env, ...quietGitEnv(path) },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const parts: Buffer[] = [];
  let bytes = 0;
  let stderr = '';
  child.stdout.on('data', (part: Buffer) => {
    bytes += part.length;
    if (bytes > OUTPUT_BYTES) child.kill('SIGKILL');
    else parts.push(part);
  });
  child.stderr.on('data', (part: Buffer) => {
    stderr = (stderr + part.toString('utf8')).slice(-ERROR_CHARS);
  });
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const failure = await new Promise<string | null>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code) => {
      resolve(code === 0 ? null : stderr.trim().split('\n').at(-1) || `exit code ${code}`);
    });
  });
  if (failure === null) return Buffer.concat(parts);
  throw new JobError(
    `git ${args.find((arg) => !arg.startsWith('-')) ?? ''} failed`,
    failure,
    'The job image needs git 2.30 or later and the runner a full checkout (GIT_STRATEGY not "none")',
  );
}
