/**
 * A map of the repository that stays within a number of tokens however large it is: the tree, opened where
 * most of the source is, and what the shown files define.
 */
import { showHidden } from '../../schema/wire/hidden-characters.ts';
import { readdir } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { isGitName } from '../workspace/base-tree.ts';
import { QUIET_FOLDERS } from '../tools/list.ts';
import { outlineOf, OUTLINED } from './outline.ts';

/** Entries that are looked at; beyond them the map says that it is not complete. */
const ENTRIES = 60_000;
/** Bytes of text that make a token at the least. */
export const BYTES_PER_TOKEN = 3;
/** Part of the budget for the tree; the outline gets what is left. */
const TREE_SHARE = 0.7;
/** Files of one folder that are named; of the rest their number is told. */
const FILES_PER_FOLDER = 60;
const OUTLINED_FILES = 300;

interface Folder {
  name: string;
  path: string;
  depth: number;
  folders: Folder[];
  /** Names, links with an `@` behind them. */
  files: string[];
  /** Files in it and below. */
  total: number;
  sources: number;
  open: boolean;
  /** Not looked into: installed or generated files. */
  quiet: boolean;
}

export interface RepoMap {
  tree: string;
  outline: string;
  files: number;
  /** False when a folder is closed, files of one are only counted, or not all was looked at. */
  complete: boolean;
}

/** The map of the folder `root` (a real path) in at most `tokens` tokens. Links are not followed. */
export async function repoMap(root: string, tokens: number): Promise<RepoMap> {
  const seen = { entries: 0 };
  const top = await readFolder(root, '', '', 0, seen);
  count(top);
  const budget = tokens * BYTES_PER_TOKEN;
  const treeBytes = openFolders(top, Math.floor(budget * TREE_SHARE));
  const shown: string[] = [];
  const lines: string[] = [];
  const whole = render(top, 0, lines, shown) && seen.entries <= ENTRIES;
  return {
    tree: lines.join('\n'),
    outline: await outline(root, shown, budget - treeBytes),
    files: top.total,
    complete: whole,
  };
}

async function readFolder(
  root: string,
  path: string,
  name: string,
  depth: number,
  seen: { entries: number },
): Promise<Folder> {
  const folder: Folder = {
    name,
    path,
    depth,
    folders: [],
    files: [],
    total: 0,
    sources: 0,
    open: false,
    quiet: QUIET_FOLDERS.has(name),
  };
  if (folder.quiet || seen.entries > ENTRIES) return folder;
  const entries = await readdir(join(root, path), { withFileTypes: true }).catch(() => []);
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  const below: Promise<Folder>[] = [];
  for (const entry of entries) {
    if (isGitName(entry.name)) continue;
    seen.entries += 1;
    if (seen.entries > ENTRIES) break;
    const own = path === '' ? entry.name : `${path}/${entry.name}`;
    if (entry.isDirectory()) below.push(readFolder(root, own, entry.name, depth + 1, seen));
    else folder.files.push(entry.isSymbolicLink() ? `${entry.name}@` : entry.name);
  }
  folder.folders = await Promise.all(below);
  return folder;
}

function count(folder: Folder): void {
  for (const inner of folder.folders) count(inner);
  const sum = (of: (inner: Folder) => number): number =>
    folder.folders.reduce((all, inner) => all + of(inner), 0);
  folder.total = folder.files.length + sum((inner) => inner.total);
  folder.sources = folder.files.filter(isSource).length + sum((inner) => inner.sources);
}

function isSource(name: string): boolean {
  return OUTLINED.has(extname(name));
}

/** Opens folders while they fit, those with most source at the least depth first; returns the bytes used. */
function openFolders(top: Folder, budget: number): number {
  let bytes = 0;
  const closed = [top];
  for (;;) {
    const next = closed
      .filter((folder) => bytes + costOf(folder) <= budget)
      .toSorted((a, b) => weight(b) - weight(a) || (a.path < b.path ? -1 : 1))[0];
    if (!next) return bytes;
    next.open = true;
    bytes += costOf(next);
    closed.splice(closed.indexOf(next), 1);
    closed.push(...next.folders.filter((inner) => !inner.quiet && inner.total > 0));
  }
}

function weight(folder: Folder): number {
  return (folder.sources + 1) / (folder.depth + 1) ** 2;
}

/** Bytes that the lines of an opened folder take. */
function costOf(folder: Folder): number {
  return linesOf(folder).reduce((sum, line) => sum + Buffer.byteLength(line) + 1, 0);
}

function linesOf(folder: Folder): string[] {
  const indent = '  '.repeat(folder.depth);
  const names = folder.files.slice(0, FILES_PER_FOLDER).map((name) => `${indent}${oneLine(name)}`);
  const rest = folder.files.length - names.length;
  return [
    ...folder.folders.map((inner) => `${indent}${oneLine(inner.name)}/ (${inner.total} files)`),
    ...names,
    ...(rest > 0 ? [`${indent}… ${rest} more files`] : []),
  ];
}

/** Adds the lines of an opened folder and notes the files it names; true when nothing was left out. */
function render(folder: Folder, level: number, lines: string[], shown: string[]): boolean {
  const indent = '  '.repeat(level);
  let whole = true;
  for (const inner of folder.folders) {
    const name = `${indent}${oneLine(inner.name)}/`;
    if (inner.open || inner.quiet || inner.total === 0) {
      lines.push(name);
      if (inner.open) whole = render(inner, level + 1, lines, shown) && whole;
    } else {
      lines.push(`${name} (${inner.total} files)`);
      whole = false;
    }
  }
  for (const name of folder.files.slice(0, FILES_PER_FOLDER)) {
    lines.push(`${indent}${oneLine(name)}`);
    if (isSource(name)) shown.push(folder.path === '' ? name : `${folder.path}/${name}`);
  }
  const rest = folder.files.length - FILES_PER_FOLDER;
  if (rest > 0) lines.push(`${indent}… ${rest} more files`);
  return whole && rest <= 0;
}

/** `path: names`, shallow files first, within the bytes that are left. */
async function outline(root: string, paths: readonly string[], budget: number): Promise<string> {
  const depth = (path: string): number => path.split('/').length;
  const chosen = paths
    .toSorted((a, b) => depth(a) - depth(b) || (a < b ? -1 : 1))
    .slice(0, OUTLINED_FILES);
  const outlines = await Promise.all(chosen.map((path) => outlineOf(root, path)));
  const lines: string[] = [];
  let bytes = 0;
  for (const [index, names] of outlines.entries()) {
    if (names.length === 0) continue;
    const line = `${oneLine(chosen[index] ?? '')}: ${names.join(', ')}`;
    bytes += Buffer.byteLength(line) + 1;
    if (bytes > budget) break;
    lines.push(line);
  }
  return lines.toSorted().join('\n');
}

/** A name cannot end the part of the message it stands in. */
function oneLine(name: string): string {
  return showHidden(name.replaceAll('\n', '\\n')).replaceAll('</', '<\\/');
}
