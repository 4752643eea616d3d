/** Reads TypeScript into a tree and walks it; positions are offsets into the text. */
import { parseSync } from '@swc/core';

/** What the rules use of a node; every node of swc's tree has a type and a span. */
export interface SyntaxNode {
  readonly type: string;
  readonly start: number;
  readonly [key: string]: unknown;
}

function isRaw(value: unknown): value is { type: string; [key: string]: unknown } {
  return typeof value === 'object' && value !== null && 'type' in value;
}

function startOf(raw: object, base: number): number {
  const span = 'span' in raw ? (raw.span as { start: number } | null) : null;
  return span ? span.start - base : 0;
}

/** swc counts bytes; the text is indexed by UTF-16 units. */
function unitsAt(bytes: Buffer, offset: number): number {
  return bytes.subarray(0, offset).toString('utf8').length;
}

/**
 * Every node of the file, parents before children.
 *
 * @throws when the text is not TypeScript
 */
export function nodesOf(text: string): SyntaxNode[] {
  const module = parseSync(text, { syntax: 'typescript', target: 'es2024', comments: true });
  // Spans count on from file to file within one process, and from the first token of this one.
  const first = /^(?:\s|\/\/[^\n]*\n|\/\*[^]*?\*\/|#![^\n]*\n)*/.exec(text)?.[0] ?? '';
  const base = module.span.start - Buffer.byteLength(first);
  const bytes = Buffer.from(text);
  const found: SyntaxNode[] = [];
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) {
      for (const item of value) visit(item);
      return;
    }
    if (typeof value !== 'object' || value === null) return;
    if (isRaw(value)) {
      found.push({ ...value, start: unitsAt(bytes, startOf(value, base)) });
    }
    for (const [key, child] of Object.entries(value)) if (key !== 'span') visit(child);
  };
  visit(module.body);
  return found;
}
