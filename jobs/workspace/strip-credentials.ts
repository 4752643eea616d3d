/**
 * Takes the job's credentials out of the runner's checkout before the agent starts.
 *
 * What this does not do: the agent runs under the same user as the runner's shell, so it can read
 * whatever that user can read (`$CI_PROJECT_DIR.tmp` with file-type variables, `~/.netrc`, the
 * environment of the runner's own shell in /proc). Only another user or a namespace hides those.
 */
import { lstat, readdir, readFile, writeFile } from 'node:fs/promises';
import { isAbsolute, join, resolve } from 'node:path';
import { git } from './git.ts';

/** Larger files below .git are packs and indexes, which hold no credentials. */
const SWEEP_BYTES = 1024 * 1024;
/** Folders and files visited in one sweep. */
const SWEEP_FILES = 20_000;
const CONFIG_FILE = /(^|\/)(config|config\.worktree|[^/]*\.gitconfig|[^/]*\.conf)$/;

/**
 * Rewrites every git configuration file below `<checkout>/.git` and every file those include:
 * user names and passwords leave the URLs; extra headers, credential helpers, URL rewrites and
 * includes are removed. Then overwrites each value of `secrets` wherever it still stands in a small
 * file there. Returns the changed files.
 */
export async function stripCredentials(
  path: string,
  checkout: string,
  secrets: readonly string[],
): Promise<string[]> {
  const changed: string[] = [];
  const gitDir = resolve(
    checkout,
    (await git(path, checkout, ['rev-parse', '--git-dir'])).toString().trim(),
  );
  const files = await smallFiles(gitDir);
  const included: string[] = [];
  for (const file of files) {
    const before = await readFile(file, 'utf8').catch(() => null);
    if (before === null) continue;
    let after = before;
    if (CONFIG_FILE.test(file)) {
      included.push(...includedFiles(before, gitDir));
      after = cleanConfig(before);
    }
    for (const secret of secrets) after = after.replaceAll(secret, 'removed');
    if (after !== before) {
      await writeFile(file, after);
      changed.push(file);
    }
  }
  for (const file of included) {
    const before = await readFile(file, 'utf8').catch(() => null);
    const after = before === null ? null : cleanConfig(before);
    if (after === null || after === before) continue;
    await writeFile(file, after);
    changed.push(file);
  }
  return changed;
}

const SECTION = /^\s*\[\s*([A-Za-z0-9.-]+)(?:\s+"((?:[^"\\]|\\.)*)")?\s*\](.*)$/;
const DROPPED_SECTIONS = new Set(['credential', 'include', 'includeif', 'url']);

/** A git configuration text without credentials. Unknown lines stay as they are. */
export function cleanConfig(text: string): string {
  let drop = false;
  const lines: string[] = [];
  for (const line of joinContinued(text)) {
    const section = SECTION.exec(line);
    if (section) drop = DROPPED_SECTIONS.has((section[1] ?? '').toLowerCase().split('.')[0] ?? '');
    if (drop || /^\s*(\[[^\]]*\]\s*)?(extraheader|cookiefile|helper|password)\s*=/i.test(line))
      continue;
    lines.push(line.replace(/(\b[a-z][a-z0-9+.-]*:\/\/)[^/@\s"]*@/gi, '$1'));
  }
  return lines.join('\n');
}

/** Joins lines that end in a backslash, as git reads them. */
function joinContinued(text: string): string[] {
  return text.replace(/\\\r?\n/g, '').split('\n');
}

function includedFiles(text: string, gitDir: string): string[] {
  const found: string[] = [];
  let inside = false;
  for (const line of joinContinued(text)) {
    const section = SECTION.exec(line);
    if (section) inside = /^include(if)?$/i.test(section[1] ?? '');
    const value = inside ? valueOf(line, 'path') : undefined;
    // `~/…` is the runner's own home and not made for this job.
    if (value && !value.startsWith('~'))
      found.push(isAbsolute(value) ? value : join(gitDir, value));
  }
  return found;
}

/** The value of `key = value`, with or without quotes and a section header before it. */
function valueOf(line: string, key: string): string | undefined {
  const equals = line.indexOf('=');
  if (equals === -1 || line.slice(0, equals).split(']').at(-1)?.trim().toLowerCase() !== key)
    return;
  return (
    line
      .slice(equals + 1)
      .trim()
      .replaceAll('"', '') || undefined
  );
}

async function smallFiles(gitDir: string): Promise<string[]> {
  const found: string[] = [];
  const folders = [gitDir];
  for (let seen = 0; folders.length > 0 && seen < SWEEP_FILES;) {
    const folder = folders.pop() as string;
    for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
      seen += 1;
      const path = join(folder, entry.name);
      if (entry.isDirectory() && entry.name !== 'objects') folders.push(path);
      if (!entry.isFile()) continue;
      const stat = await lstat(path).catch(() => null);
      if (stat && stat.size <= SWEEP_BYTES && !path.endsWith('/index')) found.push(path);
    }
  }
  return found;
}
