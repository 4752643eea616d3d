/** Artifacts: what a job leaves behind for later jobs and for people. */
import { cp, glob, lstat, mkdir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Artifacts } from './config.ts';

/** GitLab's default limit of one archive on self-managed instances (100 MB). */
const MAX_BYTES = 100 * 1024 * 1024;

/**
 * Copies the files that `artifacts:` names from the workspace into `target`. Symbolic links are
 * left out, so that an archive never points out of itself. Messages go to the job's log.
 * Returns whether there was anything to keep.
 */
export async function collectArtifacts(
  artifacts: Artifacts,
  workspace: string,
  target: string,
  say: (line: string) => void,
): Promise<boolean> {
  let bytes = 0;
  const files = new Set<string>();
  for (const pattern of [...artifacts.paths, ...reportPaths(artifacts)]) {
    const found = await matches(pattern, workspace);
    if (found === null) {
      say(`WARNING: ${pattern}: artifact path is not a subpath of project directory`);
      continue;
    }
    if (found.length === 0) {
      say(`WARNING: ${pattern}: no matching files. Ensure that the artifact path is relative to`);
      say(`the working directory (${workspace})`);
    }
    for (const file of found) files.add(file);
  }
  for (const pattern of artifacts.exclude) {
    for (const file of (await matches(pattern, workspace)) ?? []) files.delete(file);
  }
  for (const file of files) bytes += (await stat(path.join(workspace, file))).size;
  if (bytes > MAX_BYTES) {
    say(`ERROR: Uploading artifacts as "archive" to coordinator... 413 Request Entity Too Large`);
    return false;
  }
  for (const file of files) await copyFile(path.join(workspace, file), path.join(target, file));
  if (files.size === 0) say('ERROR: No files to upload');
  return files.size > 0;
}

/** Puts the artifacts of an earlier job into a workspace. */
export async function restoreArtifacts(from: string, workspace: string): Promise<void> {
  await cp(from, workspace, { recursive: true, force: true });
}

function reportPaths(artifacts: Artifacts): string[] {
  return Object.values(artifacts.reports).flatMap((report) => {
    if (typeof report === 'string') return [report];
    if (Array.isArray(report)) return report.filter((item) => typeof item === 'string');
    const nested = (report as { path?: unknown } | null)?.path;
    return typeof nested === 'string' ? [nested] : [];
  });
}

/** Regular files under the workspace that a pattern names; null when it leads out of it. */
async function matches(pattern: string, workspace: string): Promise<string[] | null> {
  const clean = path.posix.normalize(pattern.replace(/^\.\//, '')).replace(/\/$/, '');
  if (clean.startsWith('..') || path.isAbsolute(clean)) return null;
  const files: string[] = [];
  for await (const entry of glob([clean, `${clean}/**`], { cwd: workspace })) {
    if (entry === '.git' || entry.startsWith('.git/')) continue;
    if (await isPlainFile(workspace, entry)) files.push(entry);
  }
  return files;
}

/** A regular file reached without passing through a symbolic link. */
async function isPlainFile(workspace: string, file: string): Promise<boolean> {
  const parts = file.split(path.sep);
  for (let count = 1; count < parts.length; count += 1) {
    const folder = await lstat(path.join(workspace, ...parts.slice(0, count)));
    if (folder.isSymbolicLink()) return false;
  }
  return (await lstat(path.join(workspace, file))).isFile();
}

async function copyFile(from: string, to: string): Promise<void> {
  await mkdir(path.dirname(to), { recursive: true });
  await cp(from, to);
}
