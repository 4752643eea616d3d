/**
 * Adds the include of the CI template to a `.gitlab-ci.yml` without touching any other byte of it:
 * the document says where to write, the text itself is spliced, and the result is parsed again to
 * prove that nothing but the include changed.
 */
import { isDeepStrictEqual } from 'node:util';
import { isMap, isScalar, isSeq, LineCounter, parseAllDocuments, type Document } from 'yaml';
import type { ParsedNode, YAMLMap, YAMLSeq } from 'yaml';
import { columnOf, contentEnd, lineEnd, lineStart, splice, type Splice } from './splice.ts';

/** Where the template is; what follows `include:` in GitLab's words. */
export type TemplateSource =
  { remote: string } | { project: string; ref: string; file: string } | { local: string };

export type TemplateInputs = Readonly<Record<string, string | readonly string[]>> & {
  server: string;
  bot_user_id: string;
};

export type IncludeEdit =
  /** It is included already, with these inputs. */
  | { kind: 'present'; source: string }
  /** `text` is the whole file with the include added, or with its inputs corrected. */
  | { kind: 'added' | 'corrected'; text: string; source: string }
  /** A person has to do it; `why` names line and reason. */
  | { kind: 'refused'; why: string };

/** Any file of this name is the template, wherever it is kept. */
const TEMPLATE_NAME = /(?:^|\/)autodev\.ya?ml$/;

/**
 * The file with the include. `text` null: there is no file yet. Pure; never throws for a file's
 * content. An existing include of the template is kept where it is, of whatever kind.
 */
export function editInclude(
  text: string | null,
  source: TemplateSource,
  inputs: TemplateInputs,
): IncludeEdit {
  const where = sourceText(source);
  const item = itemLines(source, inputs);
  if (text === null || text.trim() === '') {
    return {
      kind: 'added',
      text: `${['include:', ...item.map(indent)].join('\n')}\n`,
      source: where,
    };
  }
  const found = readDocument(text);
  if (typeof found === 'string') return { kind: 'refused', why: found };
  const { doc, root } = found;
  const existing = templateItem(root.get('include', true));
  if (existing !== null) return checkExisting(text, doc, existing, inputs);
  const edited = withItem(text, root, item, { ...source, inputs });
  const ours = entry(source, inputs);
  if (edited === null || !onlyAdds(text, edited, ours)) {
    return { kind: 'refused', why: 'its include has a form that this command does not edit' };
  }
  return { kind: 'added', text: edited, source: where };
}

/** The include as a person would write it by hand. */
export function includeSnippet(source: TemplateSource, inputs: TemplateInputs): string {
  return ['include:', ...itemLines(source, inputs).map(indent)].join('\n');
}

interface Parsed {
  doc: Document.Parsed;
  root: YAMLMap.Parsed;
}

/** The configuration's document: the second one when the first is a header with `spec:`. */
function readDocument(text: string): Parsed | string {
  const lines = new LineCounter();
  const docs = parseAllDocuments(text, { lineCounter: lines, merge: true });
  if (!Array.isArray(docs)) return 'it is empty but for comments';
  for (const doc of docs) {
    const [error] = doc.errors;
    if (error) {
      const { line } = lines.linePos(error.pos[0]);
      return `line ${line} is not valid YAML: ${error.message.split('\n')[0] ?? ''}`;
    }
  }
  const doc = docs.at(-1);
  if (doc === undefined || docs.length > 2) return 'it has more documents than GitLab reads';
  const root = doc.contents;
  return isMap(root) && !root.flow ? { doc, root } : 'it is not a mapping of keywords and jobs';
}

function entry(source: TemplateSource, inputs: TemplateInputs): Record<string, unknown> {
  return { ...source, inputs };
}

/** The list item as block lines, unindented: `- remote: …`, `  inputs:`, … */
function itemLines(source: TemplateSource, inputs: TemplateInputs): string[] {
  const keys = Object.entries(source).map(([key, value]) => `${key}: ${scalar(value)}`);
  const values = Object.entries(inputs).map(([key, value]) => `    ${key}: ${inputValue(value)}`);
  return [
    ...keys.map((line, index) => `${index === 0 ? '- ' : '  '}${line}`),
    '  inputs:',
    ...values,
  ];
}

function inputValue(value: string | readonly string[]): string {
  return typeof value === 'string' ? scalar(value) : `[${value.map(quoted).join(', ')}]`;
}

/** Plain where that is safe and reads as a string, else in quotes. */
function scalar(value: string): string {
  return /^[A-Za-z/][\w./-]*(:\/\/[\w.:/-]*\w)?$/.test(value) &&
    !/^(true|false|null|yes|no|on|off|y|n)$/i.test(value)
    ? value
    : quoted(value);
}

function quoted(value: string): string {
  return /^[\x20-\x7e]*$/.test(value) && !value.includes("'")
    ? `'${value}'`
    : JSON.stringify(value);
}

function indent(line: string): string {
  return `  ${line}`;
}

function sourceText(source: TemplateSource): string {
  if ('remote' in source) return source.remote;
  if ('local' in source) return source.local;
  return `${source.project}: ${source.file} at ${source.ref}`;
}

type Node = ParsedNode | null | undefined;

/** The include entry that brings the template in; null when there is none. */
function templateItem(include: unknown): ParsedNode | null {
  const node = include as Node;
  if (isSeq(node)) {
    return (node as YAMLSeq.Parsed).items.find((one) => templateItem(one) !== null) ?? null;
  }
  if (isScalar(node)) return isTemplate(node.value) ? node : null;
  if (!isMap(node)) return null;
  const values = ['remote', 'local', 'file', 'component'].flatMap((key) => {
    const value: unknown = node.get(key, true);
    if (isSeq(value)) return value.items.map((one) => (isScalar(one) ? one.value : null));
    return [isScalar(value) ? value.value : null];
  });
  return values.some(isTemplate) ? (node as ParsedNode) : null;
}

function isTemplate(value: unknown): boolean {
  return typeof value === 'string' && TEMPLATE_NAME.test(value.split(/[?#]/)[0] ?? '');
}

/** Corrects `server` and `bot_user_id` in place; other inputs are the project's own choice. */
function checkExisting(
  text: string,
  doc: Document.Parsed,
  item: ParsedNode,
  wanted: TemplateInputs,
): IncludeEdit {
  const source = text.slice(item.range[0], item.range[1]).split('\n')[0]?.trim() ?? '';
  const inputs: unknown = isMap(item) ? item.get('inputs', true) : null;
  const splices: Splice[] = [];
  for (const key of ['server', 'bot_user_id'] as const) {
    const node: unknown = isMap(inputs) ? inputs.get(key, true) : null;
    if (!isScalar(node) || !node.range) {
      return { kind: 'refused', why: `it includes ${source}, but without a plain input ${key}` };
    }
    if (String(node.value) !== wanted[key] || typeof node.value !== 'string') {
      splices.push({ from: node.range[0], to: node.range[1], text: quoted(wanted[key]) });
    }
  }
  if (splices.length === 0) return { kind: 'present', source };
  if (doc.warnings.some((warning) => /alias/i.test(warning.message))) {
    return { kind: 'refused', why: `it includes ${source} by an alias` };
  }
  return { kind: 'corrected', text: splice(text, splices), source };
}

/** The text with one more item in `include`, or null where its form is not known here. */
function withItem(
  text: string,
  root: YAMLMap.Parsed,
  item: string[],
  value: Record<string, unknown>,
): string | null {
  const eol = text.includes('\r\n') ? '\r\n' : '\n';
  const pair = root.items.find((one) => isScalar(one.key) && one.key.value === 'include');
  if (pair === undefined) {
    const block = ['include:', ...item.map(indent), '', ''].join(eol);
    const at = firstKeyLine(text, root.range[0]);
    return splice(text, [{ from: at, to: at, text: block }]);
  }
  const node: unknown = pair.value;
  const keyColumn = columnOf(text, pair.key.range[0]);
  const pad = ' '.repeat(keyColumn + 2);
  const lines = (by: string): string => item.map((line) => `${eol}${by}${line}`).join('');
  if (isScalar(node) && node.value === null && node.range) {
    const at = lineEnd(text, pair.key.range[1]);
    return splice(text, [{ from: at, to: at, text: lines(pad) }]);
  }
  if (isSeq(node) && node.range) {
    if (node.flow) return intoFlow(text, node as YAMLSeq.Parsed, value);
    const at = lineEnd(text, contentEnd(text, node.range[1]));
    const by = ' '.repeat(columnOf(text, node.range[0]));
    return splice(text, [{ from: at, to: at, text: lines(by) }]);
  }
  const single = isScalar(node) || (isMap(node) && node.flow === true);
  if (single && node.range) {
    const from = pair.key.range[1] + (text.slice(pair.key.range[1]).indexOf(':') + 1);
    const at = lineEnd(text, node.range[1]);
    return splice(text, [
      { from, to: node.range[0], text: `${eol}${pad}- ` },
      { from: at, to: at, text: lines(pad) },
    ]);
  }
  return isMap(node) && node.range ? mapToList(text, node.range, lines) : null;
}

/** `include: [a]`: one more element before the bracket, as a flow mapping. */
function intoFlow(text: string, node: YAMLSeq.Parsed, value: Record<string, unknown>): string {
  const at = node.range[1] - 1;
  const flow = JSON.stringify(value, null, 1).replaceAll(/\n\s*/g, ' ');
  return splice(text, [{ from: at, to: at, text: node.items.length === 0 ? flow : `, ${flow}` }]);
}

/** A block mapping becomes the first item of a list: its lines move two columns to the right. */
function mapToList(
  text: string,
  range: readonly [number, number, number],
  lines: (by: string) => string,
): string {
  const start = lineStart(text, range[0]);
  const end = lineEnd(text, contentEnd(text, range[1]));
  const column = range[0] - start;
  const by = ' '.repeat(column);
  const moved = text.slice(start, end).replaceAll(/^(?=[^\r\n])/gm, '  ');
  const first = `${by}- ${moved.slice(column + 2)}`;
  return `${text.slice(0, start)}${first}${lines(by)}${text.slice(end)}`;
}

/**
 * Start of the line of the first key, or of the comments right above it: those belong to the key,
 * while a comment with an empty line behind it belongs to the file.
 */
function firstKeyLine(text: string, key: number): number {
  let at = lineStart(text, key);
  while (at > 0) {
    const above = lineStart(text, at - 1);
    if (!/^\s*#/.test(text.slice(above, at))) break;
    at = above;
  }
  return at;
}

/** Whether `after` says the same as `before`, with `added` as one more include. */
function onlyAdds(before: string, after: string, added: Record<string, unknown>): boolean {
  const [old, fresh] = [contentOf(before), contentOf(after)];
  if (old === null || fresh === null) return false;
  const { include, ...rest } = old;
  const { include: now, ...left } = fresh;
  const some = include === undefined || include === null ? [] : [include].flat();
  return isDeepStrictEqual(rest, left) && isDeepStrictEqual(now, [...some, added]);
}

function contentOf(text: string): Record<string, unknown> | null {
  const found = readDocument(text);
  if (typeof found === 'string') return null;
  try {
    return found.doc.toJS() as Record<string, unknown>;
  } catch {
    // An alias to nothing, or more aliases than the parser allows.
    return null;
  }
}
