/** The lint rules the house relies on are on, and bite: each is shown one bad file. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from '@jest/globals';
import { read, root } from './support/sources.ts';

/** A file of `count` lines with nothing wrong in it but its length. */
function lines(count: number): string {
  return Array.from({ length: count }, (_, index) => `export const x${index} = 1;\n`).join('');
}

/** Rule, file it is planted in, text that breaks it. */
const BROKEN: readonly (readonly [rule: string, file: string, text: string])[] = [
  ['max-lines', 'bot/long.ts', lines(301)],
  ['max-lines', 'test/long.ts', lines(601)],
  [
    'max-lines-per-function',
    'bot/long-function.ts',
    `export function f() {\n${'  f();\n'.repeat(70)}}\n`,
  ],
  ['no-default-export', 'bot/default.ts', 'export default 1;\n'],
  ['no-explicit-any', 'bot/any.ts', 'export const a: any = 1;\n'],
  ['eqeqeq', 'bot/equal.ts', 'export const a = (b: string) => b == "1";\n'],
  ['no-console', 'bot/store/say.ts', 'console.log(1);\n'],
  ['consistent-type-imports', 'bot/inline.ts', "export type A = import('./any.ts').A;\n"],
  [
    'consistent-type-imports',
    'bot/value.ts',
    "import { A } from './any.ts';\nexport type B = A;\n",
  ],
  ['extensions', 'bot/short.ts', "import { a } from './any';\nexport const b = a;\n"],
  ['no-eval', 'bot/eval.ts', 'eval("1");\n'],
  ['no-non-null-assertion', 'bot/bang.ts', 'export const a = (b: string | null) => b!.length;\n'],
  ['ban-ts-comment', 'bot/ignore.ts', '// @ts-ignore\nexport const a = 1;\n'],
];

const FINE: readonly (readonly [file: string, text: string])[] = [
  ['bot/just.ts', lines(300)],
  ['bot/cli/say.ts', 'console.log(1);\n'],
  ['test/just.ts', lines(600)],
  ['bot/just-function.ts', `export function f() {\n${'  f();\n'.repeat(68)}}\n`],
];

test('each rule reports its own bad file and leaves good ones alone', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lint-rules-'));
  try {
    cpSync(join(root, '.oxlintrc.json'), join(folder, '.oxlintrc.json'));
    for (const [file, text] of [
      ...BROKEN.map(([, file, text]) => [file, text] as const),
      ...FINE,
    ]) {
      mkdirSync(dirname(join(folder, file)), { recursive: true });
      writeFileSync(join(folder, file), text);
    }
    const oxlint = join(root, 'node_modules/.bin/oxlint');
    const { stdout } = spawnSync(process.execPath, [oxlint, '--format', 'json'], {
      cwd: folder,
      encoding: 'utf8',
    });
    const report = JSON.parse(stdout) as { diagnostics: { code: string; filename: string }[] };
    const found = report.diagnostics.map(
      ({ code, filename }) => `${/\(([^)]+)\)/.exec(code)?.[1]} ${filename}`,
    );
    for (const [rule, file] of BROKEN) expect(found).toContain(`${rule} ${file}`);
    for (const [file] of FINE) expect(found.filter((one) => one.endsWith(` ${file}`))).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('prettier keeps to 100 columns', () => {
  expect(JSON.parse(read('.prettierrc.json'))).toMatchObject({
    printWidth: 100,
    singleQuote: true,
  });
});
