import { copyFile, rm } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import * as z from 'zod';
import { BASE_REF, TARGET_REF } from '../workspace/history.ts';
import { Commit, PLAIN_DIFF, readGit } from './git-read.ts';
import { locate } from './paths.ts';
import { defineTool, toolError, type ToolContext, type ToolResult } from './tool.ts';

export const gitDiffTool = defineTool({
  name: 'git_diff',
  description:
    'Shows a difference: of "work", what was changed here since the task began; of "change", what the branch of the change alters compared with where it began; of "commit", what one commit altered, with its message.',
  input: z.strictObject({
    of: z.enum(['work', 'change', 'commit']),
    commit: Commit.nullish().describe('With of "commit": its name, as git_log shows it'),
    path: z.string().nullish().describe('File or folder, default everything'),
  }),
  about: ({ of, commit, path }) => [of, commit, path].filter(Boolean).join(' '),
  async run({ of, commit, path }, context) {
    const located = await locate(context.root, path ?? '.');
    if (!located.ok) return toolError(located.why);
    const paths = ['--', located.relative];
    switch (of) {
      case 'work':
        return orNothing(await workSoFar(paths, context), 'Nothing was changed so far.');
      case 'change':
        return orNothing(await wholeChange(paths, context), 'The change alters nothing there.');
      case 'commit': {
        if (!commit) return toolError('commit is missing; git_log shows the names of commits.');
        const show = ['show', ...PLAIN_DIFF, '--no-decorate', '--date=short', '--stat', '--patch'];
        return readGit([...show, '--format=%h %ad %an%n%n%B', commit, ...paths], context);
      }
    }
  },
});

function orNothing(result: ToolResult, nothing: string): ToolResult {
  return result.ok && result.text === '' ? { ok: true, text: nothing } : result;
}

/** New files are part of the work: they are noted in a copy of the index, which is thrown away. */
async function workSoFar(paths: readonly string[], context: ToolContext): Promise<ToolResult> {
  const index = join(context.env['TMPDIR'] ?? '/tmp', `autodev-index-${randomUUID()}`);
  const env = { GIT_INDEX_FILE: index };
  try {
    await copyFile(join(context.root, '.git/index'), index);
    const added = await readGit(['add', '--intent-to-add', '--all', '--', '.'], context, env);
    if (!added.ok) return added;
    return await readGit(
      ['diff', ...PLAIN_DIFF, '--stat', '--patch', BASE_REF, ...paths],
      context,
      env,
    );
  } catch (error) {
    return toolError(`The index of the copy cannot be read (${String(error)}).`);
  } finally {
    await rm(index, { force: true });
  }
}

async function wholeChange(paths: readonly string[], context: ToolContext): Promise<ToolResult> {
  const target = await readGit(['rev-parse', '--verify', '--quiet', TARGET_REF], context);
  if (!target.ok)
    return toolError('This task begins on the default branch: there is no change yet.');
  const began = await readGit(['merge-base', TARGET_REF, BASE_REF], context);
  if (!began.ok) {
    return toolError(
      'The history at hand does not reach back to where the change began; use git_log.',
    );
  }
  const range = [began.text.trim(), BASE_REF];
  return readGit(['diff', ...PLAIN_DIFF, '--stat', '--patch', ...range, ...paths], context);
}
