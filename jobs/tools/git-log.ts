import * as z from 'zod';
import { Commit, readGit } from './git-read.ts';
import { locate } from './paths.ts';
import { defineTool, toolError } from './tool.ts';

const COMMITS_DEFAULT = 20;
const COMMITS = 50;

export const gitLogTool = defineTool({
  name: 'git_log',
  description:
    'Lists the newest commits of the branch, or those that changed a path: name, date, author and subject of each. Only the newest history is at hand. git_diff shows a commit.',
  input: z.strictObject({
    path: z.string().nullish().describe('File or folder, default everything'),
    from: Commit.nullish().describe('Commit to begin with, default the newest'),
    count: z.int().min(1).max(COMMITS).nullish().describe(`Default ${COMMITS_DEFAULT}`),
  }),
  about: ({ path }) => path ?? '.',
  async run({ path, from, count }, context) {
    const located = await locate(context.root, path ?? '.');
    if (!located.ok) return toolError(located.why);
    const result = await readGit(
      [
        'log',
        '--no-color',
        '--no-decorate',
        '--no-ext-diff',
        '--no-textconv',
        '--date=short',
        '--format=%h %ad %an: %s',
        `--max-count=${count ?? COMMITS_DEFAULT}`,
        from ?? 'HEAD',
        '--',
        located.relative,
      ],
      context,
    );
    return result.ok && result.text === '' ? { ok: true, text: 'No commit changed it.' } : result;
  },
});
