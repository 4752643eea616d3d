/** Positions of inline threads: what GitLab takes for a place in a merge request (gitlab-facts §3.4). */
import { diff, type FileDiff } from '../git/read.ts';
import { MAX_PATCH } from '../present/repository.ts';
import type { Call } from '../rest/call.ts';
import { badParameter, badRequest, type ApiFailure } from '../rest/reply.ts';
import type { MrVersion, Noteable, Position, Project } from '../state/types.ts';

const TYPES = new Set(['text', 'file', 'image']);

/** What GitLab says to every position it finds no line for. */
const noLineCode = (): ApiFailure =>
  badRequest(
    '400 Bad request - Note {:line_code=>["can\'t be blank", "must be a valid line code"]}',
  );

/**
 * The position of a new thread, or null when none is given. Its SHAs must be those of the newest
 * version, its file and lines must be in that version's diff; everything else is a 400.
 */
export async function positionOf(
  call: Call,
  project: Project,
  item: Noteable,
): Promise<Position | null> {
  const raw = call.input.raw('position');
  if (raw === undefined || raw === null) return null;
  const position = parse(raw as Record<string, unknown>);
  const version = item.kind === 'merge_request' ? item.versions.at(-1) : undefined;
  if (!version || !isOf(version, position)) throw noLineCode();
  const files = await diff(project.gitDir, version.baseSha, version.headSha);
  const file = files.find(
    (one) => one.oldPath === position.old_path && one.newPath === position.new_path,
  );
  if (!file || (position.position_type === 'text' && !hasLine(file, position))) throw noLineCode();
  return position;
}

function parse(given: Record<string, unknown>): Position {
  const text = (name: string): string => {
    const value = given[name];
    if (typeof value !== 'string') throw badParameter(`position[${name}] is missing`);
    return value;
  };
  const line = (name: string): number | null =>
    given[name] === undefined || given[name] === null ? null : Number(given[name]);
  const type = text('position_type');
  if (!TYPES.has(type)) {
    throw badParameter('position[position_type] does not have a valid value');
  }
  return {
    base_sha: text('base_sha'),
    start_sha: text('start_sha'),
    head_sha: text('head_sha'),
    position_type: type,
    old_path: typeof given['old_path'] === 'string' ? given['old_path'] : text('new_path'),
    new_path: typeof given['new_path'] === 'string' ? given['new_path'] : text('old_path'),
    old_line: line('old_line'),
    new_line: line('new_line'),
    ...(given['line_range'] === undefined ? {} : { line_range: given['line_range'] }),
  };
}

function isOf(version: MrVersion, position: Position): boolean {
  return (
    position.base_sha === version.baseSha &&
    position.start_sha === version.startSha &&
    position.head_sha === version.headSha
  );
}

/** Added lines go by `new_line` alone, removed ones by `old_line` alone, unchanged ones by both. */
function hasLine(file: FileDiff, position: Position): boolean {
  if (file.diff.length > MAX_PATCH) return false;
  return shownLines(file.diff).some(
    (line) => line.old === position.old_line && line.new === position.new_line,
  );
}

function shownLines(patch: string): { old: number | null; new: number | null }[] {
  const lines: { old: number | null; new: number | null }[] = [];
  let old = 0;
  let now = 0;
  for (const text of patch.replace(/\n$/, '').split('\n')) {
    const hunk = /^@@ -(\d+)(?:,\d+)? \+(\d+)/.exec(text);
    if (hunk) [old, now] = [Number(hunk[1]), Number(hunk[2])];
    else if (text.startsWith('+')) lines.push({ old: null, new: now++ });
    else if (text.startsWith('-')) lines.push({ old: old++, new: null });
    else if (!text.startsWith('\\')) lines.push({ old: old++, new: now++ });
  }
  return lines;
}
