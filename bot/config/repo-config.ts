/**
 * `.autodev.yml` of a repository. Always read from the default branch, never from the head of a
 * change; a wrong file never stops the bot: defaults are used and every mistake is named by line.
 */
import { LineCounter, isNode, parseDocument, type Document } from 'yaml';
import { RepoConfig } from '../../schema/wire/repo-config.ts';
import type { RepoConfigView } from '../domain/snapshot.ts';

export const REPO_CONFIG_PATH = '.autodev.yml';

/** Larger files are refused unread (threat E6). */
const MAX_BYTES = 64 * 1024;
const MAX_PROBLEMS = 10;

/** What a repository's file says; null stands for no file. Never throws. */
export function parseRepoConfig(text: string | null): RepoConfigView {
  const defaults = RepoConfig.parse({});
  if (text === null || text.trim() === '') return { config: defaults, problems: [] };
  if (Buffer.byteLength(text) > MAX_BYTES) {
    return { config: defaults, problems: [`the file is larger than ${MAX_BYTES / 1024} KB`] };
  }
  const lines = new LineCounter();
  const doc = parseDocument(text, { lineCounter: lines, uniqueKeys: true, merge: false });
  if (doc.errors.length > 0) {
    const problems = doc.errors.slice(0, MAX_PROBLEMS).map((error) => {
      const line = lines.linePos(error.pos[0]).line;
      return `line ${line}: ${firstLine(error.message)}`;
    });
    return { config: defaults, problems };
  }
  let value: unknown;
  try {
    value = doc.toJS({ maxAliasCount: 0 });
  } catch {
    return { config: defaults, problems: ['anchors and aliases are not allowed in this file'] };
  }
  const result = RepoConfig.safeParse(value ?? {});
  if (result.success) return { config: result.data, problems: [] };
  const problems = result.error.issues.slice(0, MAX_PROBLEMS).map((issue) => {
    const unknown = issue.code === 'unrecognized_keys' ? issue.keys : [];
    const path = [...issue.path, ...unknown.slice(0, 1)];
    const field = path.join('.') || '(top level)';
    return `line ${lineOf(doc, path, lines)}, \`${field.replaceAll('`', "'")}\`: ${issue.message}`;
  });
  return { config: defaults, problems };
}

function lineOf(doc: Document, path: readonly PropertyKey[], lines: LineCounter): number {
  for (let depth = path.length; depth > 0; depth -= 1) {
    const node = doc.getIn(path.slice(0, depth), true);
    if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
  }
  return 1;
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? text;
}
