/** Keeps every path a model names inside the workspace (threat D4). */
import { constants } from 'node:fs';
import { lstat, open, realpath, type FileHandle } from 'node:fs/promises';
import { dirname, join, posix, relative } from 'node:path';
import { trimSlashes } from '../slashes.ts';
import { isGitName } from '../workspace/base-tree.ts';

export type Located = { ok: true; path: string; relative: string } | { ok: false; why: string };

/**
 * Resolves a path given by a model against the workspace `root` (a real path). Refused: absolute
 * paths, `..` that leaves the root, NUL, anything named `.git`, and a parent folder that leads
 * outside through a link. The last part may be missing; it is opened with O_NOFOLLOW later.
 */
export async function locate(root: string, given: string): Promise<Located> {
  if (given.includes('\0')) return refuse(given, 'it contains a NUL character');
  if (given.startsWith('/'))
    return refuse(given, 'it is absolute; give it relative to the repository');
  const normal = trimSlashes(posix.normalize(given === '' ? '.' : given)) || '.';
  const parts = normal.split('/');
  if (parts.includes('..')) return refuse(given, 'it leaves the repository');
  if (parts.some(isGitName))
    return refuse(given, "git's own files cannot be used; run git commands");
  const path = join(root, normal);
  const real = await realParent(normal === '.' ? path : dirname(path));
  const inside = real === root || real.startsWith(`${root}/`);
  if (!inside) return refuse(given, 'a folder in it is a link that leads outside the repository');
  if (relative(root, real).split('/').some(isGitName)) return refuse(given, 'it leads into .git');
  return { ok: true, path, relative: normal };
}

function refuse(given: string, why: string): Located {
  return { ok: false, why: `The path ${JSON.stringify(given.slice(0, 200))} is refused: ${why}.` };
}

/** Real path of the nearest existing folder at or above `folder`. */
async function realParent(folder: string): Promise<string> {
  for (let at = folder; ; at = dirname(at)) {
    const real = await realpath(at).catch(
      (error: NodeJS.ErrnoException) => error.code ?? 'unknown',
    );
    if (real.startsWith('/')) return real;
    // A dangling link on the way counts as leading outside.
    if (real !== 'ENOENT' && real !== 'ENOTDIR') return '';
    if ((await lstat(at).catch(() => null))?.isSymbolicLink()) return '';
    if (at === dirname(at)) return '';
  }
}

export type Opened = { ok: true; file: FileHandle; size: number } | { ok: false; why: string };

/** Opens a regular file for reading without following a link in its last part. */
export async function openRegular(located: Located & { ok: true }): Promise<Opened> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const name = located.relative;
  let file: FileHandle;
  try {
    file = await open(located.path, flags);
  } catch (error) {
    return { ok: false, why: openFailure(name, error as NodeJS.ErrnoException) };
  }
  const stat = await file.stat();
  if (stat.isFile()) return { ok: true, file, size: stat.size };
  await file.close();
  const what = stat.isDirectory() ? 'a folder; use list' : 'not a regular file';
  return { ok: false, why: `${name} is ${what}.` };
}

/** A sentence for the model on why a file could not be opened. */
export function openFailure(name: string, error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return `${name} does not exist. Use list or search to find the right path.`;
    case 'ELOOP':
      return `${name} is a symbolic link, which is not followed. Use the path it points to.`;
    case 'EISDIR':
      return `${name} is a folder; use list.`;
    case 'EACCES':
      return `${name} may not be read or written with this user's rights.`;
    default:
      return `${name} could not be opened (${error.code ?? error.message}).`;
  }
}
