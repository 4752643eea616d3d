/** The environment is read in one place per program; everything else is handed what it needs. */
import { expect, test } from '@jest/globals';
import { lineAt, read, sources } from './support/sources.ts';
import { nodesOf, type SyntaxNode } from './support/syntax.ts';

const READERS = new Set(['bot/config/env.ts', 'jobs/env.ts', 'sandbox/env.ts', 'eval/env.ts']);
const FREE = /^(test|bench|proof|[.]ci|deploy)\//;

function named(value: unknown, name: string): boolean {
  const node = value as { type?: string; value?: string } | null | undefined;
  return node?.type === 'Identifier' && node.value === name;
}

/** `process.env`, `process['env']`, `{ env } = process`, `import { env } from 'process'`. */
function readsEnvironment(node: SyntaxNode): boolean {
  if (node.type === 'MemberExpression' && named(node.object, 'process')) {
    const property = node.property as { type: string; value?: string; expression?: unknown };
    const computed = property.expression as { value?: string } | undefined;
    return property.value === 'env' || computed?.value === 'env';
  }
  if (node.type === 'VariableDeclarator') return named(node.init, 'process');
  if (node.type === 'ImportDeclaration') {
    const source = (node.source as { value: string }).value;
    if (source !== 'process' && source !== 'node:process') return false;
    return (node.specifiers as { local: { value: string } }[]).some((one) =>
      named(one.local, 'env'),
    );
  }
  return false;
}

function readingLines(text: string): number[] {
  return nodesOf(text)
    .filter(readsEnvironment)
    .map((node) => lineAt(text, node.start));
}

test('process.env is read only by the env files', () => {
  const found = sources
    .filter((file) => !READERS.has(file) && !FREE.test(file))
    .flatMap((file) => readingLines(read(file)).map((line) => `${file}:${line}`));
  expect(found).toEqual([]);
});

test.each([
  ['const a = process.env.HOME;', [1]],
  ["// é\nconst a = process['env'];", [2]],
  ['const { env } = process;', [1]],
  ["import { env } from 'node:process';", [1]],
  ['// process.env\nexport const a = "process.env" + process.pid;', []],
])('the rule sees %j', (text, lines) => {
  expect(readingLines(text)).toEqual(lines);
});
