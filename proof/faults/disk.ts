/** A small disk that can be full: a file system in memory, where the machine lets us mount one. */
import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, rmdirSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const CHUNK = Buffer.alloc(64 * 1024);

export interface Disk {
  /** Takes up all that is left. */
  fill(): void;
  /** Gives it back. */
  free(): void;
  unmount(): void;
}

/** Why no disk can be mounted here; null: one can. */
export function missingDisk(): string | null {
  const at = mkdtempSync(path.join(tmpdir(), 'autodev-proof-disk-'));
  try {
    mountDisk(at, 1).unmount();
    return null;
  } catch {
    return 'this machine lets nobody mount a file system';
  } finally {
    rmdirSync(at);
  }
}

/** Mounts an empty disk of so many megabytes at a folder, whose owner keeps it. */
export function mountDisk(at: string, megabytes: number): Disk {
  const { uid, gid } = statSync(at);
  const options = `size=${megabytes}m,mode=700,uid=${uid},gid=${gid}`;
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', at], { stdio: 'pipe' });
  const filler = path.join(at, 'filler');
  return {
    fill: () => {
      const file = openSync(filler, 'w');
      try {
        for (;;) writeSync(file, CHUNK);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      } finally {
        closeSync(file);
      }
    },
    free: () => rmSync(filler, { force: true }),
    // Lazily: a process that is being killed may still have files open there.
    unmount: () => void execFileSync('umount', ['--lazy', at], { stdio: 'pipe' }),
  };
}
