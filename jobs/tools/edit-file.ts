import { constants } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as z from 'zod';
import { unspell } from '../../schema/wire/hidden-characters.ts';
import { locate, openFailure, openRegular, type Located } from './paths.ts';
import { defineTool, toolError, type ToolResult } from './tool.ts';

/** Largest file that can be edited or written, in bytes. */
const FILE_BYTES = 4 * 1024 * 1024;

export const editFileTool = defineTool({
  name: 'edit_file',
  description:
    'Changes a file. With old_text: replaces the one place where old_text stands exactly (whitespace counts, no line numbers) with new_text. Without old_text: creates the file, or replaces its whole content, with new_text.',
  input: z.strictObject({
    path: z.string().min(1).describe('Path relative to the repository root'),
    old_text: z.string().nullish().describe('Text that stands exactly once in the file'),
    new_text: z.string().describe('Text to put there'),
  }),
  about: ({ path }) => path,
  async run({ path, old_text, new_text }, { root }) {
    const located = await locate(root, path);
    if (!located.ok) return toolError(located.why);
    if (located.relative === '.') return toolError('path names the repository root, not a file.');
    if (old_text === null || old_text === undefined) return write(located, new_text, true);
    if (old_text === '') return toolError('old_text is empty; leave it out to write a whole file.');
    const opened = await openRegular(located);
    if (!opened.ok) return toolError(opened.why);
    let bytes: Buffer;
    try {
      if (opened.size > FILE_BYTES) return toolError(`${path} is larger than ${FILE_BYTES} bytes.`);
      bytes = await opened.file.readFile();
    } finally {
      await opened.file.close();
    }
    const text = bytes.toString('utf8');
    if (!Buffer.from(text, 'utf8').equals(bytes)) {
      return toolError(`${path} is not UTF-8 text; change it with run_command.`);
    }
    // What read_file spelled out is meant as the character it stands for, where the text has that.
    const spelled = !text.includes(old_text) && text.includes(unspell(old_text));
    const [from, to] = spelled ? [unspell(old_text), unspell(new_text)] : [old_text, new_text];
    const changed = replaceOnce(path, text, from, to);
    return typeof changed === 'string' ? write(located, changed, false) : changed;
  },
});

/** The new text, or an error that tells how often and where old_text was found. */
function replaceOnce(path: string, text: string, old: string, fresh: string): string | ToolResult {
  const count = text.split(old).length - 1;
  if (count === 1) {
    const at = text.indexOf(old);
    return text.slice(0, at) + fresh + text.slice(at + old.length);
  }
  if (count > 1) {
    const lines = linesOf(text, old).slice(0, 10).join(', ');
    return toolError(
      `old_text stands ${count} times in ${path} (lines ${lines}). Add lines around it so that it is unique.`,
    );
  }
  return toolError(`old_text was not found in ${path} (0 matches). ${hint(text, old)}`);
}

function linesOf(text: string, old: string): number[] {
  const lines: number[] = [];
  for (let at = text.indexOf(old); at !== -1; at = text.indexOf(old, at + old.length)) {
    lines.push(text.slice(0, at).split('\n').length);
  }
  return lines;
}

function hint(text: string, old: string): string {
  if (text.includes('\r\n') && text.replaceAll('\r\n', '\n').includes(old)) {
    return 'The file has CRLF line ends; write \\r\\n in old_text and new_text.';
  }
  if (old.split('\n').every((line) => /^\s*\d+\t/.test(line))) {
    return 'Leave out the line numbers that read_file shows.';
  }
  const first =
    old
      .split('\n')
      .find((line) => line.trim() !== '')
      ?.trim() ?? '';
  const near = text.split('\n').findIndex((line) => first !== '' && line.trim() === first);
  return near === -1
    ? 'Read the file again and copy the text exactly.'
    : `Line ${near + 1} looks like its first line, so whitespace or a later line differs. Read it again.`;
}

async function write(
  located: Located & { ok: true },
  text: string,
  mayCreate: boolean,
): Promise<ToolResult> {
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length > FILE_BYTES) return toolError(`new_text is larger than ${FILE_BYTES} bytes.`);
  const flags =
    constants.O_WRONLY |
    constants.O_NOFOLLOW |
    constants.O_NONBLOCK |
    (mayCreate ? constants.O_CREAT : 0);
  try {
    if (mayCreate) await mkdir(dirname(located.path), { recursive: true });
    const file = await open(located.path, flags, 0o644);
    try {
      if (!(await file.stat()).isFile())
        return toolError(`${located.relative} is not a regular file.`);
      await file.truncate(0);
      await file.writeFile(bytes);
    } finally {
      await file.close();
    }
  } catch (error) {
    return toolError(openFailure(located.relative, error as NodeJS.ErrnoException));
  }
  return { ok: true, text: `Wrote ${located.relative} (${bytes.length} bytes).` };
}
