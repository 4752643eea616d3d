import { constants } from 'node:fs';
import { open, rm } from 'node:fs/promises';

/**
 * Writes a file that is new: what stands there goes first. The checkout is other people's, and a link
 * with the name of our file would have us write wherever it leads (threat D4).
 */
export async function writeFresh(path: string, text: string): Promise<void> {
  await rm(path, { recursive: true, force: true });
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const file = await open(path, flags, 0o644);
  try {
    await file.writeFile(text);
  } finally {
    await file.close();
  }
}
