/** Runs git on a bare repository, without the machine's own git configuration. */
import { runCommand } from '../../commands/run-command.ts';
import { systemEnvironment } from '../../env.ts';

/** Most bytes one git command may print. */
const MAX_OUTPUT = 256 * 1024 * 1024;

export interface GitPerson {
  name: string;
  email: string;
}

export class GitError extends Error {
  readonly code: number | null;
  readonly stderr: string;

  constructor(args: readonly string[], code: number | null, stderr: string) {
    super(`git ${args[0] ?? ''} failed with ${String(code)}: ${stderr.trim().slice(0, 2000)}`);
    this.name = 'GitError';
    this.code = code;
    this.stderr = stderr;
  }
}

export interface GitOptions {
  input?: string | Buffer;
  env?: Record<string, string>;
  cwd?: string;
}

/** Environment that keeps a git command from reading anything of the machine or asking anything. */
export function gitEnv(extra: Record<string, string> = {}): Record<string, string> {
  return {
    PATH: systemEnvironment().PATH,
    HOME: '/nonexistent',
    LANG: 'C',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_TERMINAL_PROMPT: '0',
    GIT_OPTIONAL_LOCKS: '0',
    ...extra,
  };
}

/** Output of `git <args>` as bytes; throws {@link GitError} on a non-zero exit. */
export async function gitBytes(
  gitDir: string,
  args: readonly string[],
  options: GitOptions = {},
): Promise<Buffer> {
  const result = await runCommand({
    file: 'git',
    args: ['-c', 'core.quotePath=false', ...args],
    cwd: options.cwd ?? gitDir,
    env: gitEnv({ GIT_DIR: gitDir, ...options.env }),
    ...(options.input === undefined ? {} : { input: options.input }),
    maxBytes: MAX_OUTPUT,
  });
  if (result.kind !== 'ended') {
    const why = result.kind === 'error' ? result.message : `it printed over ${MAX_OUTPUT} bytes`;
    throw new Error(`git ${args[0] ?? ''} did not run to its end: ${why}`);
  }
  if (result.code !== 0) throw new GitError(args, result.code, result.stderr);
  return Buffer.from(result.stdout);
}

/** Output of `git <args>` as text without the last line break. */
export async function git(
  gitDir: string,
  args: readonly string[],
  options: GitOptions = {},
): Promise<string> {
  return (await gitBytes(gitDir, args, options)).toString('utf8').replace(/\n$/, '');
}

/** Like {@link git}, but null when git refuses. */
export async function gitMaybe(
  gitDir: string,
  args: readonly string[],
  options: GitOptions = {},
): Promise<string | null> {
  try {
    return await git(gitDir, args, options);
  } catch (error) {
    if (error instanceof GitError) return null;
    throw error;
  }
}

/** Author and committer of a new commit, at the sandbox's time. */
export function identityEnv(
  committer: GitPerson,
  when: Date,
  author: GitPerson = committer,
): Record<string, string> {
  const date = `${Math.floor(when.getTime() / 1000)} +0000`;
  return {
    GIT_AUTHOR_NAME: author.name,
    GIT_AUTHOR_EMAIL: author.email,
    GIT_AUTHOR_DATE: date,
    GIT_COMMITTER_NAME: committer.name,
    GIT_COMMITTER_EMAIL: committer.email,
    GIT_COMMITTER_DATE: date,
  };
}
