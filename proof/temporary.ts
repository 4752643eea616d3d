/** Folders that are gone when the proof is over. */
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** One list for the process: this module is loaded anew with every mutant. */
const shared = globalThis as { proofFolders?: string[] };
if (shared.proofFolders === undefined) {
  const made: string[] = [];
  shared.proofFolders = made;
  process.once('exit', () => {
    for (const dir of made) rmSync(dir, { recursive: true, force: true });
  });
}

/** A new folder below the system's temporary one, as a real path. */
export function temporary(): string {
  const dir = realpathSync(mkdtempSync(path.join(tmpdir(), 'autodev-proof-')));
  shared.proofFolders?.push(dir);
  return dir;
}
