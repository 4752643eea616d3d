import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { showHidden } from '../../schema/wire/hidden-characters.ts';
import { isGitName } from '../workspace/base-tree.ts';
import { locate, openFailure } from './paths.ts';
import { clipBytes, defineTool, toolError } from './tool.ts';

const ENTRIES = 1_000;
const DEPTH_DEFAULT = 2;
/** Folders of installed or generated files: named, but not opened unless asked for. */
export const QUIET_FOLDERS = new Set(['node_modules', '.venv', '__pycache__', 'vendor', 'target']);

export const listTool = defineTool({
  name: 'list',
  description:
    'Lists files and folders below a folder of the repository. Folders end with "/". Folders of installed packages are named but not opened.',
  input: z.strictObject({
    path: z.string().nullish().describe('Folder, default the repository root'),
    depth: z.int().min(1).max(10).nullish().describe(`Levels to show, default ${DEPTH_DEFAULT}`),
  }),
  about: ({ path }) => path ?? '.',
  async run({ path, depth }, { root, resultBytes }) {
    const located = await locate(root, path ?? '.');
    if (!located.ok) return toolError(located.why);
    // A link as the last part would lead the listing elsewhere: resolve it as a parent.
    const folder = await locate(root, join(located.relative, 'x'));
    if (!folder.ok) return toolError(folder.why);
    try {
      const { lines, complete } = await listing(located.path, depth ?? DEPTH_DEFAULT, ENTRIES);
      const rest = complete ? '' : `\n[only the first ${ENTRIES} entries; list a deeper folder]`;
      const text = clipBytes(lines.join('\n'), resultBytes, 'List a deeper folder.') + rest;
      return { ok: true, text: text || 'The folder is empty.' };
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === 'ENOTDIR') return toolError(`${located.relative} is a file; use read_file.`);
      return toolError(openFailure(located.relative, error as NodeJS.ErrnoException));
    }
  },
});

/**
 * Lines of a tree, parents before children, indented by two spaces per level, in byte order.
 * Links are shown with "@" and not followed.
 */
export async function listing(
  folder: string,
  depth: number,
  limit: number,
): Promise<{ lines: string[]; complete: boolean }> {
  const lines: string[] = [];
  let complete = true;
  const walk = async (dir: string, level: number): Promise<void> => {
    const entries = await readdir(dir, { withFileTypes: true });
    entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const entry of entries) {
      if (isGitName(entry.name)) continue;
      if (lines.length >= limit) {
        complete = false;
        return;
      }
      const mark = entry.isDirectory() ? '/' : entry.isSymbolicLink() ? '@' : '';
      const name = showHidden(entry.name.replaceAll('\n', '\\n'));
      lines.push(`${'  '.repeat(level)}${name}${mark}`);
      const enter = entry.isDirectory() && level + 1 < depth && !QUIET_FOLDERS.has(entry.name);
      if (enter) await walk(join(dir, entry.name), level + 1).catch(() => undefined);
    }
  };
  await walk(folder, 0);
  return { lines, complete };
}
