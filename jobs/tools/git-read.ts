/**
 * Git as the tools use it on the agent's copy: arguments only, typed by us, and nothing that the copy's
 * configuration, hooks or attributes could start (threats D2, D3).
 */
import * as z from 'zod';
import { showHidden } from '../../schema/wire/hidden-characters.ts';
import { quietGitEnv } from '../env.ts';
import { runInGroup } from '../process-group.ts';
import { SAFE_SETTINGS } from '../workspace/git.ts';
import { clipBytes, toolError, type ToolContext, type ToolResult } from './tool.ts';

const GIT_MS = 30_000;
const SETTINGS = ['log.showSignature=false', 'core.quotePath=false', 'diff.noprefix=false'];

/** A commit by its hexadecimal name: no option, no range, no address can be spelled so. */
export const Commit = z
  .string()
  .regex(/^[0-9a-f]{7,64}$/, 'must be the hexadecimal name of a commit, e.g. from git_log');

/** No driver, converter or signature program of anybody's is started. */
export const PLAIN_DIFF = [
  '--no-color',
  '--no-ext-diff',
  '--no-textconv',
  '--ignore-submodules=all',
];

/** Runs git in the agent's copy and answers with what it printed, hidden characters spelled out. */
export async function readGit(
  args: readonly string[],
  context: ToolContext,
  env: Readonly<Record<string, string>> = {},
): Promise<ToolResult> {
  const result = await runInGroup({
    file: 'git',
    args: [
      '--no-pager',
      '--literal-pathspecs',
      ...SAFE_SETTINGS,
      ...SETTINGS.flatMap((setting) => ['-c', setting]),
      ...args,
    ],
    cwd: context.root,
    env: { ...quietGitEnv(context.env['PATH'] ?? ''), ...env },
    timeoutMs: GIT_MS,
    capBytes: context.resultBytes,
    signal: context.signal,
  });
  if (result.startError) return toolError(`git could not be started: ${result.startError}`);
  if (result.timedOut) {
    return toolError(`git took longer than ${GIT_MS / 1000} s. Give a path.`);
  }
  const text = showHidden(result.output).trimEnd();
  if (result.exitCode !== 0) return toolError(`git says: ${text.slice(0, 500) || 'nothing'}`);
  return { ok: true, text: clipBytes(text, context.resultBytes + 200, 'Give a path.') };
}
