/** The map of a repository of ten thousand files: how long it takes, and what of its budget it fills. */
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { BYTES_PER_TOKEN, repoMap } from '../jobs/context/repo-map.ts';
import { MAP_TOKENS } from '../jobs/context/first-message.ts';
import { figure, median, type Effort, type Figure } from './figure.ts';

const FILES = 10_000;

export async function benchRepoMap(effort: Effort): Promise<Figure[]> {
  effort.say(`repository map: ${FILES} files`);
  const root = await makeManyFiles(FILES);
  try {
    const times: number[] = [];
    let tokens = 0;
    for (let run = 0; run < (effort.quick ? 3 : 10); run += 1) {
      const started = performance.now();
      const { tree, outline } = await repoMap(root, MAP_TOKENS);
      times.push(performance.now() - started);
      tokens = Math.ceil(Buffer.byteLength(tree + outline) / BYTES_PER_TOKEN);
    }
    return [
      figure('map.of_10000_files', median(times), 'ms'),
      figure('map.slowest', Math.max(...times), 'ms'),
      figure('map.tokens', tokens, 'tokens', MAP_TOKENS),
    ];
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

/** A repository as companies have them: packages with sources, tests, data and generated files. */
export async function makeManyFiles(files: number): Promise<string> {
  const root = await realpath(await mkdtemp(path.join(tmpdir(), 'autodev-many-')));
  const endings = ['ts', 'ts', 'test.ts', 'py', 'go', 'json', 'md', 'png'];
  for (let made = 0, folder = 0; made < files; folder += 1) {
    const dir = path.join(
      root,
      `packages/part-${folder % 40}/src/area-${folder % 9}/unit-${folder}`,
    );
    await mkdir(dir, { recursive: true });
    const names = Array.from({ length: Math.min(25, files - made) }, (_, at) => at);
    await Promise.all(
      names.map((at) => {
        const name = `file-${at}.${endings[at % endings.length] ?? 'ts'}`;
        return writeFile(path.join(dir, name), `export function run${folder}x${at}() {}\n`);
      }),
    );
    made += names.length;
  }
  return root;
}
