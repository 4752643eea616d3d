/**
 * `.autodev.yml` of a repository. Always read from the default branch, never from the head of a
 * change; a wrong file never stops the bot: defaults are used and every mistake is named by line.
 */
import {
  LineCounter,
  Lexer,
  isAlias,
  isNode,
  isScalar,
  parseDocument,
  visit,
  type Document,
} from 'yaml';
import type { z } from 'zod';
import { RepoConfig } from '../../schema/wire/repo-config.ts';
import type { RepoConfigView } from '../domain/snapshot.ts';

export const REPO_CONFIG_PATH = '.autodev.yml';

/** Larger files are refused unread (threat E6). */
const MAX_BYTES = 64 * 1024;
/**
 * Most signs of structure in a file. Time to parse grows with the square of its entries: at this many
 * it stays within some 30 ms, at what 64 KB can hold it would stop the bot for seconds. The largest
 * file that the schema allows has some 700.
 */
const MAX_MARKS = 1_000;
const MARK = /[\n,[\]{}:?&*!"'#|>%@`]|-\s/g;
/** Steps from the top to an entry, its pairs included; the schema needs 5. */
const MAX_PATH = 20;
const TOO_DEEP = 'the entries are nested too deep';
const MAX_PROBLEMS = 10;
const MAX_PROBLEM_CHARS = 300;

/** What a repository's file says; null stands for no file. Never throws. */
export function parseRepoConfig(text: string | null): RepoConfigView {
  const defaults = RepoConfig.parse({});
  if (text === null || text.trim() === '') return { config: defaults, problems: [] };
  const wrong = (problems: string[]): RepoConfigView => ({
    config: defaults,
    problems: problems.slice(0, MAX_PROBLEMS).map((one) => one.slice(0, MAX_PROBLEM_CHARS)),
  });
  if (Buffer.byteLength(text) > MAX_BYTES) {
    return wrong([`the file is larger than ${MAX_BYTES / 1024} KB`]);
  }
  if ((text.match(MARK)?.length ?? 0) > MAX_MARKS) {
    return wrong(['the file has too many lines or entries to be read; shorten it']);
  }
  const deep = tooDeepAt(text);
  if (deep !== null) return wrong([`line ${deep}: ${TOO_DEEP}`]);
  const lines = new LineCounter();
  const options = { lineCounter: lines, uniqueKeys: true, merge: false, prettyErrors: false };
  const doc = parseDocument(text, options);
  if (doc.errors.length > 0) {
    return wrong(
      doc.errors.map((error) => {
        const { line } = lines.linePos(error.pos[0]);
        return `line ${line}: ${firstLine(error.message)}`;
      }),
    );
  }
  const strange = unwanted(doc, lines);
  if (strange !== null) return wrong([strange]);
  const value: unknown = doc.toJS({ maxAliasCount: 0 });
  const result = RepoConfig.safeParse(value ?? {});
  if (result.success) return { config: result.data, problems: [] };
  return wrong(result.error.issues.flatMap((issue) => describe(issue, doc, lines)));
}

/**
 * The line where brackets are open in more levels than an entry may have. Without this a file of nothing
 * but open lists costs a parser's error, with its stack, for each of them: a fifth of a second.
 */
function tooDeepAt(text: string): number | null {
  let depth = 0;
  let line = 1;
  for (const token of new Lexer().lex(text)) {
    if (token === '[' || token === '{') depth += 1;
    else if (token === ']' || token === '}') depth -= 1;
    if (depth > MAX_PATH) return line;
    line += token.split('\n').length - 1;
  }
  return null;
}

/**
 * The first construct that costs more than it is worth, before anything is made of it: aliases can
 * blow up, keys that are collections are printed as text again and again.
 */
function unwanted(doc: Document, lines: LineCounter): string | null {
  let found: string | null = null;
  const stop = (node: unknown, what: string): symbol => {
    const at = isNode(node) && node.range ? node.range[0] : 0;
    found = `line ${lines.linePos(at).line}: ${what}`;
    return visit.BREAK;
  };
  visit(doc, {
    Pair: (_, { key }) => (isScalar(key) ? undefined : stop(key, 'a key must be plain text')),
    Node: (_, node, path) => {
      if (isAlias(node) || node.anchor !== undefined) {
        return stop(node, 'anchors and aliases are not allowed in this file');
      }
      return path.length > MAX_PATH ? stop(node, TOO_DEEP) : undefined;
    },
  });
  return found;
}

/** A wrong field as `line n, field: what is wrong`; every unknown key is a problem of its own. */
function describe(issue: z.core.$ZodIssue, doc: Document, lines: LineCounter): string[] {
  const at = (path: readonly PropertyKey[], what: string): string => {
    const field = path.join('.') || '(top level)';
    return `line ${lineOf(doc, path, lines)}, \`${field.replaceAll('`', "'")}\`: ${what}`;
  };
  if (issue.code !== 'unrecognized_keys') return [at(issue.path, issue.message)];
  return issue.keys
    .slice(0, MAX_PROBLEMS)
    .map((key) => at([...issue.path, key], 'there is no such setting'));
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
