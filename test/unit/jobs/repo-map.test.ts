/** The map of a repository: whole where it is small, within its tokens where it is large, and quick. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import { repoMap } from '../../../jobs/context/repo-map.ts';
import { cpuMsOf } from '../../support/cpu-time.ts';

const FILES = 10_000;
const LIMIT_MS = 1_000;
const BYTES_PER_TOKEN = 3;

let root = '';

afterEach(() => rmSync(root, { recursive: true, force: true }));

function repository(files: Record<string, string>): string {
  root = realpathSync(mkdtempSync(path.join(tmpdir(), 'autodev-map-')));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
    writeFileSync(path.join(root, name), text);
  }
  return root;
}

test('a small repository is shown whole, with what its files define', async () => {
  repository({
    'README.md': '# App\n',
    'src/a.ts': 'export function add() {}\nexport const B = 1;\nconst hidden = 2;\n',
    'src/deep/b.py': 'class Shop:\n    def sell(self): ...\n\nasync def open_shop(): ...\n',
    'node_modules/x/index.js': 'export const never = 1;\n',
    '.git/config': 'secret\n',
  });
  symlinkSync('/etc/passwd', path.join(root, 'link.ts'));
  const map = await repoMap(root, 4_000);
  expect(map.tree).toBe(
    ['node_modules/', 'src/', '  deep/', '    b.py', '  a.ts', 'README.md', 'link.ts@'].join('\n'),
  );
  expect(map.outline).toBe('src/a.ts: add, B\nsrc/deep/b.py: Shop, open_shop');
  expect(map).toMatchObject({ complete: true, files: 4 });
});

test('ten thousand files fit into the tokens within a second', async () => {
  const files: Record<string, string> = {
    'package.json': '{}',
    'src/main.ts': 'export class Main {}\n',
  };
  for (let i = 0; i < FILES - 2; i += 1) {
    const area = ['src/core', 'src/features', 'data', 'docs', 'test'][i % 5] ?? '';
    const name = area === 'data' ? `f${i}.json` : area === 'docs' ? `f${i}.md` : `f${i}.ts`;
    files[`${area}/m${i % 97}/${name}`] = `export const value${i} = ${i};\n`;
  }
  repository(files);
  for (const tokens of [500, 4_000]) {
    const { ms, value: map } = await cpuMsOf(() => repoMap(root, tokens));
    expect(map.files).toBe(FILES);
    expect(map.complete).toBe(false);
    const bytes = Buffer.byteLength(map.tree) + Buffer.byteLength(map.outline);
    expect(bytes).toBeLessThanOrEqual(tokens * BYTES_PER_TOKEN);
    expect(map.tree).toMatch(/^src\/$/m);
    expect(map.tree).toMatch(/^data\/ \(\d+ files\)$/m);
    expect(map.outline).toContain('src/main.ts: Main');
    expect(ms).toBeLessThan(LIMIT_MS);
  }
});

test('the same tree gives the same map', async () => {
  repository({
    'b/x.go': 'func Run() {}\n',
    'a/y.rs': 'pub fn go() {}\n',
    'c.rb': 'class C\nend\n',
  });
  const first = await repoMap(root, 1_000);
  expect(await repoMap(root, 1_000)).toEqual(first);
  expect(first.outline).toBe('a/y.rs: go\nb/x.go: Run\nc.rb: C');
});

test('a folder with very many files names some and counts the rest', async () => {
  const files: Record<string, string> = {};
  for (let i = 0; i < 200; i += 1) files[`pages/p${String(i).padStart(3, '0')}.md`] = '#\n';
  repository(files);
  const map = await repoMap(root, 4_000);
  expect(map.tree).toContain('  p059.md\n  … 140 more files');
  expect(map.complete).toBe(false);
});
