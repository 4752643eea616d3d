/** The command line tools of other makers, when they are on this machine. */
import { existsSync } from 'node:fs';
import path from 'node:path';

export type CliKind = 'codex' | 'claude';

/** Full path of the program: below AUTODEV_TEST_CLI_DIR, or on PATH; null without it. */
export function cliProgram(kind: CliKind): string | null {
  const own = process.env.AUTODEV_TEST_CLI_DIR;
  const folders = [
    ...(own === undefined ? [] : [path.join(own, 'node_modules/.bin')]),
    ...(process.env.PATH ?? '').split(path.delimiter),
  ];
  const found = folders
    .filter((folder) => folder !== '')
    .map((folder) => path.join(folder, kind))
    .find((file) => existsSync(file));
  return found ?? null;
}
