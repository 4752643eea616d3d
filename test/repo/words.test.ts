/** The repository speaks of the project alone, and leaves nothing half done behind. */
import { expect, test } from '@jest/globals';
import { files, lineAt, read } from './support/sources.ts';

const BINARY = /[.](png|jpg|gif|ico|woff2?|wasm|gz|zip)$/;
/** Texts that come from outside, and this file, which has to name what it looks for. */
const LEFT_OUT = /^(package-lock[.]json|test\/(fixtures|goldens)\/|test\/repo\/words[.]test[.]ts)/;

const FORBIDDEN: readonly (readonly [what: string, pattern: RegExp])[] = [
  [
    'a path of one machine',
    /(?<![\w.~/-])\/(work|root|home\/[a-z]+|tmp\/[a-z])(?=\/|[\s'"`),;:]|$)/gm,
  ],
  ['unfinished work', /\b(TODO|FIXME|XXX|HACK)\b/g],
  ['a merge conflict', /^(<{7}|>{7}) /gm],
];

function findings(text: string): string[] {
  return FORBIDDEN.flatMap(([what, pattern]) =>
    [...text.matchAll(pattern)].map((match) => `${lineAt(text, match.index)} ${what}: ${match[0]}`),
  );
}

test('no machine paths, no unfinished work, no conflict marks', () => {
  const found = files
    .filter((file) => !BINARY.test(file) && !LEFT_OUT.test(file))
    .flatMap((file) => findings(read(file)).map((finding) => `${file}:${finding}`));
  expect(found).toEqual([]);
});

test.each([
  ['cd /home/sam/checkout', 1],
  ["open('/root/.npm')", 1],
  ['see /tmp/x/notes', 1],
  ['// TODO later', 1],
  ['https://gitlab.example.com/a/b/-/work_items/3 and /workspace and src/root/x', 0],
])('the rule judges %j', (text, count) => {
  expect(findings(text)).toHaveLength(count);
});
