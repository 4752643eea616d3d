/** The agent's own copy of the repository: raw files, and a git folder of its own without a remote. */
import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { mkdir, open, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { quietGitEnv } from '../env.ts';
import { describeError, JobError } from '../errors.ts';
import type { BaseEntry, BaseTree } from './base-tree.ts';
import { git } from './git.ts';
import { BASE_REF, copyHistory, type HistoryOf } from './history.ts';

/**
 * Writes every file of `tree` below `workspace` (an empty folder), exactly as stored: no filters, no
 * line-end conversion, no export-ignore, so that an untouched file compares equal afterwards.
 * Submodules become empty folders. Then makes a new repository with the newest history, so that `git log` and
 * `git diff` work for the agent and there is nowhere to push to. Returns how much history there is, in words.
 */
export async function exportWorkspace(
  path: string,
  checkout: string,
  tree: BaseTree,
  workspace: string,
  line: Pick<HistoryOf, 'base' | 'target'>,
): Promise<string> {
  const folders = new Set<string>();
  const ensure = async (folder: string): Promise<void> => {
    if (folders.has(folder)) return;
    await mkdir(folder, { recursive: true });
    folders.add(folder);
  };
  const links: [string, Buffer][] = [];
  for await (const [name, entry, content] of blobs(path, checkout, tree)) {
    const target = join(workspace, name);
    await ensure(dirname(target));
    if (entry.mode === '120000') links.push([target, content]);
    else await writeNew(target, content, entry.mode === '100755' ? 0o755 : 0o644);
  }
  for (const [name, entry] of tree)
    if (entry.mode === '160000') await ensure(join(workspace, name));
  // Links last: until then no folder on the way to a file can be one.
  for (const [target, content] of links) await symlink(content, target);
  const run = (...args: string[]): Promise<Buffer> => git(path, workspace, args);
  await startRepository(run);
  try {
    const commits = await copyHistory({ path, checkout, workspace, ...line });
    return `${commits} commits`;
  } catch (error) {
    // A checkout without all objects, or names that git itself refuses: the work goes on without a past.
    await rm(join(workspace, '.git'), { recursive: true, force: true });
    await startRepository(run);
    await run('add', '--all', '--force', '.');
    await run('commit', '--quiet', '--allow-empty', '--no-gpg-sign', '-m', 'base');
    await run('update-ref', BASE_REF, 'HEAD');
    return `none but the commit to work on (${describeError(error)})`;
  }
}

async function writeNew(target: string, content: Buffer, mode: number): Promise<void> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const file = await open(target, flags, mode);
  try {
    await file.writeFile(content);
  } finally {
    await file.close();
  }
}

async function startRepository(run: (...args: string[]) => Promise<Buffer>): Promise<void> {
  await run('init', '--quiet', '--template=', '--initial-branch=autodev', '.');
  await run('config', 'user.name', 'AutoDev agent');
  await run('config', 'user.email', 'autodev@invalid');
}

/** Streams the content of every blob of the tree through one `git cat-file --batch`. */
async function* blobs(
  path: string,
  checkout: string,
  tree: BaseTree,
): AsyncGenerator<[string, BaseEntry, Buffer]> {
  const wanted = [...tree].filter(([, entry]) => entry.mode !== '160000');
  if (wanted.length === 0) return;
  const child = spawn('git', ['-c', 'safe.directory=*', 'cat-file', '--batch'], {
    cwd: checkout,
    env: quietGitEnv(path),
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  child.on('error', () => undefined);
  child.stdin.on('error', () => undefined);
  child.stdin.end(wanted.map(([, entry]) => `${entry.id}\n`).join(''));
  const reader = new ByteReader(child.stdout);
  try {
    for (const [name, entry] of wanted) {
      const header = await reader.line();
      const [id, type, size] = header.split(' ');
      if (id !== entry.id || type !== 'blob') throw incomplete(name, header);
      const content = await reader.bytes(Number(size));
      await reader.bytes(1);
      yield [name, entry, content];
    }
  } finally {
    child.kill('SIGKILL');
  }
}

function incomplete(name: string, header: string): JobError {
  return new JobError(
    'The checkout is incomplete',
    `git has no content for ${JSON.stringify(name)} (${header || 'no answer'})`,
    'Use a checkout without `--filter` (GIT_CLONE_EXTRA_FLAGS) for the autodev job',
  );
}

/** Reads lines and byte counts from a stream. */
class ByteReader {
  readonly #source: AsyncIterator<Buffer>;
  #buffer: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  async line(): Promise<string> {
    for (;;) {
      const end = this.#buffer.indexOf(10);
      if (end !== -1) {
        const line = this.#buffer.subarray(0, end).toString('latin1');
        this.#buffer = this.#buffer.subarray(end + 1);
        return line;
      }
      if (!(await this.#more())) return '';
    }
  }

  async bytes(count: number): Promise<Buffer> {
    const parts = [this.#buffer];
    let have = this.#buffer.length;
    while (have < count) {
      const next = await this.#source.next();
      if (next.done) throw incomplete('a file', 'the stream ended early');
      parts.push(next.value);
      have += next.value.length;
    }
    const all = Buffer.concat(parts);
    this.#buffer = all.subarray(count);
    return all.subarray(0, count);
  }

  async #more(): Promise<boolean> {
    const next = await this.#source.next();
    if (next.done) return false;
    this.#buffer = Buffer.concat([this.#buffer, next.value]);
    return true;
  }
}
