/**
 * `autodev-job scan`: the search used where ripgrep is missing. It runs as a process of its own, so
 * that a pattern with exponential matching time is killed and not waited for.
 */
import { spawnSync } from 'node:child_process';
import { lstatSync, readFileSync } from 'node:fs';
import { join, matchesGlob } from 'node:path';

export interface ScanRequest {
  root: string;
  /** File or folder below root, `.` for all. */
  path: string;
  pattern: string;
  literal: boolean;
  glob: string | null;
  matchesPerFile: number;
  /** Characters of one line that are printed. */
  columns: number;
}

const FILE_BYTES = 2 * 1024 * 1024;
const LIST_BYTES = 64 * 1024 * 1024;

/** Prints `path:line:text` for every match through `print`. Returns the exit code: 2 = bad pattern. */
export function scan(request: ScanRequest, print: (line: string) => void): number {
  let matches: (line: string) => boolean;
  try {
    const expression = new RegExp(request.pattern, 'u');
    matches = request.literal
      ? (line) => line.includes(request.pattern)
      : (line) => expression.test(line);
  } catch (error) {
    if (!request.literal) {
      print(`${String(error)}\nMend the pattern or set literal to true.`);
      return 2;
    }
    matches = (line) => line.includes(request.pattern);
  }
  for (const name of filesOf(request)) {
    let found = 0;
    for (const [index, line] of linesOf(join(request.root, name)).entries()) {
      if (!matches(line)) continue;
      print(`${name}:${index + 1}:${line.slice(0, request.columns)}`);
      if (++found >= request.matchesPerFile) break;
    }
  }
  return 0;
}

function filesOf(request: ScanRequest): string[] {
  const args = ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--', request.path];
  const listed = spawnSync('git', args, { cwd: request.root, maxBuffer: LIST_BYTES });
  const names = [...new Set(listed.stdout?.toString('utf8').split('\0') ?? [])].filter(Boolean);
  const { glob } = request;
  const fits = (name: string): boolean =>
    glob === null || matchesGlob(name, glob) || matchesGlob(name, `**/${glob}`);
  return names.filter(fits).toSorted();
}

function linesOf(path: string): string[] {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (!stat?.isFile() || stat.size > FILE_BYTES) return [];
  const text = readFileSync(path);
  return text.subarray(0, 8_000).includes(0) ? [] : text.toString('utf8').split('\n');
}
