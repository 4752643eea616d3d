/** Where a program is on this machine. */
import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

/** Full path of `program`, or null. `extra` are folders that are looked at after PATH. */
export async function findProgram(
  program: string,
  path: string,
  extra: readonly string[] = [],
): Promise<string | null> {
  for (const folder of [...path.split(delimiter), ...extra]) {
    if (folder === '') continue;
    const file = join(folder, program);
    const runs = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (runs) return file;
  }
  return null;
}
