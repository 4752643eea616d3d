/** The files of the repository, as the rules about them read them. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Absolute path of the repository, with a slash at its end. */
export const root = fileURLToPath(new URL('../../../', import.meta.url));

/** Every file that is committed or would be by `git add .`, as paths from the root. */
export const files: readonly string[] = execFileSync(
  'git',
  ['ls-files', '--cached', '--others', '--exclude-standard', '-z'],
  { cwd: root, encoding: 'utf8', maxBuffer: 32_000_000 },
)
  .split('\0')
  .filter((file) => file !== '' && existsSync(join(root, file)));

/** Text of one file, by its path from the root. */
export function read(file: string): string {
  return readFileSync(join(root, file), 'utf8');
}

/** Our TypeScript, without the sample projects that stand for somebody else's code. */
export const sources = files.filter(
  (file) => file.endsWith('.ts') && !file.startsWith('sandbox/sample/'),
);

/** Line of `offset` in `text`, counted from 1. */
export function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length;
}
