import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import * as z from 'zod';
import { showHidden } from '../../schema/wire/hidden-characters.ts';
import { runInGroup, type GroupResult } from '../process-group.ts';
import { locate } from './paths.ts';
import type { ScanRequest } from './scan.ts';
import { clipBytes, defineTool, toolError, type ToolContext, type ToolResult } from './tool.ts';

const SEARCH_MS = 20_000;
const PATTERN_CHARS = 1_000;
const MATCHES_PER_FILE = 50;
const LINE_COLUMNS = 300;

export const searchTool = defineTool({
  name: 'search',
  description:
    'Searches the text of the repository and answers with path:line:text. The pattern is a regular expression; set literal to true for plain text. Ignored and binary files are skipped.',
  input: z.strictObject({
    pattern: z.string().min(1).max(PATTERN_CHARS),
    literal: z.boolean().nullish().describe('True: the pattern is plain text'),
    path: z.string().nullish().describe('File or folder to search in, default everywhere'),
    glob: z.string().max(200).nullish().describe('Only files that fit, e.g. "*.ts"'),
  }),
  about: ({ pattern }) => pattern,
  async run({ pattern, literal, path, glob }, context) {
    const located = await locate(context.root, path ?? '.');
    if (!located.ok) return toolError(located.why);
    // A link as the last part would be followed: resolve it as a parent.
    const inside = await locate(context.root, join(located.relative, 'x'));
    if (!inside.ok) return toolError(inside.why);
    const request: ScanRequest = {
      root: context.root,
      path: located.relative,
      pattern,
      literal: literal ?? false,
      glob: glob ?? null,
      matchesPerFile: MATCHES_PER_FILE,
      columns: LINE_COLUMNS,
    };
    const rg = await findRipgrep(context.env['PATH'] ?? '');
    return rg ? withRipgrep(rg, request, context) : withOwnScan(request, context);
  },
});

/** Ripgrep's matching takes linear time, so any pattern is safe. */
async function withRipgrep(
  rg: string,
  request: ScanRequest,
  context: ToolContext,
): Promise<ToolResult> {
  const options = ['--hidden', '--glob=!.git', '--no-ignore-global', '--sort=path'];
  if (request.glob !== null) options.push(`--glob=${request.glob}`);
  if (request.literal) options.push('--fixed-strings');
  const args = [
    '--no-config',
    '--line-number',
    '--with-filename',
    '--no-heading',
    '--color=never',
    `--max-count=${request.matchesPerFile}`,
    `--max-columns=${request.columns}`,
    '--max-columns-preview',
    ...options,
    `--regexp=${request.pattern}`,
    '--',
    request.path === '.' ? './' : `./${request.path}`,
  ];
  const result = await start(rg, args, '', context);
  if (result.exitCode === 2 && !request.literal && /regex parse error/.test(result.output)) {
    return toolError(`${result.output.trim()}\nMend the pattern or set literal to true.`);
  }
  return answer(result, context);
}

/** JavaScript's matching can take exponential time: it runs in a process that is killed in time. */
async function withOwnScan(request: ScanRequest, context: ToolContext): Promise<ToolResult> {
  const [file, ...args] = context.self;
  const input = JSON.stringify(request);
  const result = await start(file ?? process.execPath, [...args, 'scan'], input, context);
  if (result.exitCode === 2) return toolError(result.output.trim());
  return answer(result, context);
}

function start(
  file: string,
  args: string[],
  stdin: string,
  context: ToolContext,
): Promise<GroupResult> {
  return runInGroup({
    file,
    args,
    cwd: context.root,
    env: context.env,
    timeoutMs: SEARCH_MS,
    capBytes: context.resultBytes * 4,
    signal: context.signal,
    stdin,
  });
}

function answer(result: GroupResult, context: ToolContext): ToolResult {
  if (result.timedOut) {
    return toolError(
      `The search took longer than ${SEARCH_MS / 1000} s. Narrow the path or pattern.`,
    );
  }
  if (result.exitCode === null) return toolError('The search was stopped.');
  const text = showHidden(result.output.replace(/^\.\//gm, '')).trimEnd();
  if (text === '') return { ok: true, text: 'Nothing found.' };
  return { ok: true, text: clipBytes(text, context.resultBytes, 'Narrow the path or pattern.') };
}

async function findRipgrep(path: string): Promise<string | null> {
  for (const folder of path.split(delimiter)) {
    const file = join(folder, 'rg');
    if (folder.startsWith('/') && (await executable(file))) return file;
  }
  return null;
}

async function executable(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}
