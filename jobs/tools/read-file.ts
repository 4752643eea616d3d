import * as z from 'zod';
import { showHidden } from '../../schema/wire/hidden-characters.ts';
import { locate, openRegular } from './paths.ts';
import { clipBytes, defineTool, toolError, type ToolResult } from './tool.ts';

/** Larger files are refused; a part of them can be printed with run_command. */
const FILE_BYTES = 8 * 1024 * 1024;
const LINES_DEFAULT = 2_000;
const LINE_CHARS = 2_000;

export const readFileTool = defineTool({
  name: 'read_file',
  description:
    'Reads a text file of the repository. Each line comes with its number; a character that nobody sees is spelled like ‹U+200B›. Give start_line and end_line (1-based, inclusive) for a part of a long file.',
  input: z.strictObject({
    path: z.string().describe('Path relative to the repository root'),
    start_line: z.int().min(1).nullish().describe('First line, default 1'),
    end_line: z.int().min(1).nullish().describe('Last line'),
  }),
  about: ({ path }) => path,
  async run({ path, start_line, end_line }, { root, resultBytes }) {
    const located = await locate(root, path);
    if (!located.ok) return toolError(located.why);
    const opened = await openRegular(located);
    if (!opened.ok) return toolError(opened.why);
    try {
      if (opened.size > FILE_BYTES) {
        const advice = 'Print a part of it with run_command, e.g. head -c 20000.';
        return toolError(`${path} has ${opened.size} bytes, more than ${FILE_BYTES}. ${advice}`);
      }
      const bytes = await opened.file.readFile();
      if (bytes.subarray(0, 8_000).includes(0)) {
        return toolError(`${path} is a binary file of ${opened.size} bytes.`);
      }
      return numbered(
        path,
        showHidden(bytes.toString('utf8')),
        start_line ?? 1,
        end_line,
        resultBytes,
      );
    } finally {
      await opened.file.close();
    }
  },
});

function numbered(
  path: string,
  text: string,
  start: number,
  end: number | null | undefined,
  bytes: number,
): ToolResult {
  if (text === '') return { ok: true, text: `${path} is empty.` };
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  if (start > lines.length) return toolError(`${path} has only ${lines.length} lines.`);
  const last = Math.min(end ?? start + LINES_DEFAULT - 1, lines.length);
  if (last < start) return toolError(`end_line ${last} lies before start_line ${start}.`);
  const shown = lines.slice(start - 1, last).map((line, i) => {
    const cut = line.length > LINE_CHARS ? `${line.slice(0, LINE_CHARS)}…` : line;
    return `${start + i}\t${cut}`;
  });
  const more = last < lines.length ? `\n[lines ${start}-${last} of ${lines.length}]` : '';
  const clipped = clipBytes(shown.join('\n'), bytes, 'Read a smaller range of lines.');
  return { ok: true, text: clipped + more };
}
