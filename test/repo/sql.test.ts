/** Values reach the database as parameters; SQL text is written, never assembled. */
import { expect, test } from '@jest/globals';
import { lineAt, read, sources } from './support/sources.ts';
import { nodesOf, type SyntaxNode } from './support/syntax.ts';

const SQL =
  /^\s*(select|insert into|update|delete from|with|create|alter|drop|truncate|set|lock|listen|notify|values)\b/i;
const CLAUSE = /\b(from|where|values|returning|set|order by|on conflict|limit)\s*$/i;

interface Template {
  readonly quasis: readonly { readonly raw: string }[];
  readonly expressions: readonly { readonly type: string; readonly value?: string }[];
}

/** Module constants that hold plain text: the one thing that may be inserted, for column lists. */
function plainConstants(nodes: readonly SyntaxNode[]): Set<string> {
  const names = new Set<string>();
  for (const node of nodes) {
    if (node.type !== 'VariableDeclaration' || node.kind !== 'const') continue;
    for (const one of node.declarations as { id: { value?: string }; init?: { type: string } }[]) {
      const init = one.init as { type: string; expressions?: unknown[] } | undefined;
      const plain =
        init?.type === 'StringLiteral' ||
        (init?.type === 'TemplateLiteral' && init.expressions?.length === 0);
      if (plain && one.id.value !== undefined && /^[A-Z][A-Z0-9_]*$/.test(one.id.value)) {
        names.add(one.id.value);
      }
    }
  }
  return names;
}

function literalText(value: unknown): string {
  const node = value as { type?: string; value?: unknown; quasis?: { raw: string }[] };
  if (node.type === 'StringLiteral') return String(node.value);
  return node.type === 'TemplateLiteral' ? (node.quasis?.[0]?.raw ?? '') : '';
}

/** Plain constants that the file takes from a neighbour; `read` gives the text of one. */
function importedConstants(
  nodes: readonly SyntaxNode[],
  neighbour: (name: string) => string,
): Set<string> {
  const names = new Set<string>();
  for (const node of nodes) {
    if (node.type !== 'ImportDeclaration') continue;
    const from = (node.source as { value: string }).value;
    if (!/^[.]\/[a-z-]+[.]ts$/.test(from)) continue;
    const constants = plainConstants(nodesOf(neighbour(from.slice(2))));
    for (const one of node.specifiers as { local: { value: string }; imported?: unknown }[]) {
      const asItIs = one.imported === undefined || one.imported === null;
      if (asItIs && constants.has(one.local.value)) names.add(one.local.value);
    }
  }
  return names;
}

/** Lines on which SQL text is put together from anything but plain constants of the folder. */
function assembled(text: string, neighbour: (name: string) => string = () => ''): number[] {
  const nodes = nodesOf(text);
  const constants = plainConstants(nodes).union(importedConstants(nodes, neighbour));
  return nodes
    .filter((node) => {
      if (node.type === 'TemplateLiteral') {
        const { quasis, expressions } = node as unknown as Template;
        const isSql = SQL.test(quasis[0]?.raw ?? '') || quasis.some(({ raw }) => CLAUSE.test(raw));
        const inserted = expressions.filter(
          ({ type, value }) => type !== 'Identifier' || !constants.has(value ?? ''),
        );
        return isSql && inserted.length > 0;
      }
      if (node.type !== 'BinaryExpression' || node.operator !== '+') return false;
      return SQL.test(literalText(node.left)) && !literalText(node.right);
    })
    .map((node) => lineAt(text, node.start));
}

test('no SQL in bot/store is assembled from values', () => {
  const found = sources
    .filter((file) => file.startsWith('bot/store/'))
    .flatMap((file) => {
      const found = assembled(read(file), (name) => read(`bot/store/${name}`));
      return found.map((line) => `${file}:${line}`);
    });
  expect(found).toEqual([]);
});

test('no SQL stands outside bot/store', () => {
  const statement = /^\s*(select .+ from|insert into|update \w+ set|delete from) /is;
  const found = sources
    .filter((file) => /^(bot|jobs)\//.test(file) && !/^bot\/(store|queue)\//.test(file))
    .filter((file) =>
      nodesOf(read(file)).some(
        (node) =>
          /^(StringLiteral|TemplateLiteral)$/.test(node.type) && statement.test(literalText(node)),
      ),
    );
  expect(found).toEqual([]);
});

test.each([
  ['const a = `select * from runs where id = ${id}`;', 1],
  ["const a = 'delete from runs where id = ' + id;", 1],
  ['const a = `${COLUMNS} from ${table}`;', 1],
  ["const COLUMNS = 'id, state'; const a = `select ${COLUMNS} from runs where id = $1`;", 0],
  ['const COLUMNS = make(); const a = `select ${COLUMNS} from runs`;', 1],
  ["const a = 'select 1 from runs ' + 'where id = $1';", 0],
  ['const a = `update on run ${id}`;', 1],
  ['const a = `run ${id} is not there`;', 0],
  ["import { COLUMNS } from './runs.ts'; const a = `select ${COLUMNS} from runs`;", 0],
  ["import { made } from './runs.ts'; const a = `select ${made} from runs`;", 1],
  ["import { COLUMNS } from '../other.ts'; const a = `select ${COLUMNS} from runs`;", 1],
])('the rule judges %j', (text, count) => {
  expect(
    assembled(text, () => "export const COLUMNS = 'id'; export const made = f();"),
  ).toHaveLength(count);
});
