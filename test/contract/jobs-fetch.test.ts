/** A job fetches the one commit it works on from a real server over HTTP, and says what is wrong when it cannot. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fetchCommit } from '../../jobs/workspace/fetch-commit.ts';
import { readBaseTree } from '../../jobs/workspace/base-tree.ts';
import { stripCredentials } from '../../jobs/workspace/strip-credentials.ts';
import { FILES, startKit, type Kit } from './sandbox-kit.ts';

const run = promisify(execFile);
const PATH = process.env['PATH'] ?? '';
const P = '/projects/acme%2Fapp';
let kit: Kit;
let top: string;
let head: string;
let token: string;

beforeAll(async () => {
  top = mkdtempSync(join(tmpdir(), 'autodev-fetch-'));
  kit = await startKit({ files: FILES });
  token = kit.gitlab.api.createToken(kit.people.dana, { scopes: ['read_repository'] }).value;
  const { body } = await kit.as(kit.people.dana)('POST', `${P}/repository/commits`, {
    branch: 'change',
    start_branch: 'main',
    commit_message: 'Work',
    actions: [{ action: 'create', file_path: 'new.txt', content: 'new\n' }],
  });
  head = (body as { id: string }).id;
});
afterAll(async () => {
  await kit.close();
  rmSync(top, { recursive: true, force: true });
});

/** A shallow checkout of the default branch with the token in its remote, as a runner leaves it. */
async function checkout(name: string): Promise<string> {
  const dir = join(top, name);
  const remote = `http://oauth2:${token}@${new URL(kit.gitlab.url).host}/acme/app.git`;
  const env = { PATH, HOME: '/nonexistent', GIT_CONFIG_NOSYSTEM: '1' };
  await run('git', ['clone', '-q', '--depth=1', '--branch=main', remote, dir], { env });
  return dir;
}

test('a commit of another branch is fetched with the credentials of the checkout', async () => {
  const dir = await checkout('other');
  await expect(readBaseTree(PATH, dir, head)).rejects.toThrow('does not fit');
  await fetchCommit(PATH, dir, head);
  expect([...(await readBaseTree(PATH, dir, head)).keys()]).toContain('new.txt');
  expect(existsSync(join(dir, 'new.txt'))).toBe(false);
  await stripCredentials(PATH, dir, [token]);
  expect(readFileSync(join(dir, '.git/config'), 'utf8')).not.toContain(token);
  // What is there already needs no server: without credentials nothing could be fetched.
  await fetchCommit(PATH, dir, head);
});

test('a commit that is gone is named, with what to do', async () => {
  const gone = 'd'.repeat(40);
  await expect(fetchCommit(PATH, await checkout('gone'), gone)).rejects.toMatchObject({
    message: 'The commit to work on could not be fetched',
    why: expect.stringContaining(gone) as unknown as string,
    fix: expect.stringContaining('ask again for the newest commit') as unknown as string,
  });
});

test('only http and https are spoken, whatever the remote says', async () => {
  const dir = await checkout('local');
  const local = `file://${join(top, 'other')}`;
  await run('git', ['remote', 'set-url', 'origin', local], { cwd: dir });
  await expect(fetchCommit(PATH, dir, head)).rejects.toMatchObject({
    why: expect.stringContaining("transport 'file' not allowed") as unknown as string,
  });
});
