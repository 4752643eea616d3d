/**
 * A hostile agent at the border of its process (threats B9, B10, B12, F7): it looks for what is not meant for it with
 * isolation in force, and once more with it turned off, where the same looks have to find what they look for.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { IsolationWish } from '../../schema/wire/job-api.ts';
import { declareMissing } from '../support/missing.ts';
import { finish, shell, useJob } from './jobs-case.ts';
import { ATTEMPT_TOKEN } from './jobs-standin.ts';

jest.setTimeout(60_000);
const job = useJob();
const CANARY = 'canary-9c41f7';
const works = spawnSync('bwrap', ['--unshare-all', '--ro-bind', '/', '/', 'true']).status === 0;

/** Fifty variables as a project's settings would put them into every job. */
const VARIABLES = Object.fromEntries(
  Array.from({ length: 49 }, (_, n) => [`SECRET_${n}`, `${CANARY}-variable-${n}`]),
);

/** Ears on this machine: whoever is heard has got out. */
interface Ears {
  heard: Set<string>;
  tcp: number;
  tcp6: number;
  udp: number;
  file: string;
  abstract: string;
  close(): void;
}

let folder = '';
let ears: Ears;
beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'autodev-hostile-'));
  ears = await listen();
});
afterEach(() => {
  ears.close();
  rmSync(folder, { recursive: true, force: true });
});

async function listen(): Promise<Ears> {
  const heard = new Set<string>();
  const servers: Server[] = [];
  const stream = async (name: string, where: object): Promise<number> => {
    const server = createServer((socket) => {
      heard.add(name);
      socket.destroy();
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(where, resolve));
    return (server.address() as AddressInfo | null)?.port ?? 0;
  };
  const file = path.join(folder, 'docker.sock');
  const abstract = `autodev-${process.pid}-${path.basename(folder)}`;
  const udp = createSocket('udp4', () => heard.add('udp'));
  await new Promise<void>((resolve) => udp.bind(0, '127.0.0.1', resolve));
  const tcp = await stream('tcp', { port: 0, host: '127.0.0.1' });
  const tcp6 = await stream('tcp6', { port: 0, host: '::1' });
  await stream('socket file', { path: file });
  await stream('abstract socket', { path: `\0${abstract}` });
  const close = (): void => {
    udp.close();
    for (const server of servers) server.close();
  };
  return { heard, tcp, tcp6, udp: udp.address().port, file, abstract, close };
}

/** Knocks everywhere; a name server is asked as well, though only the ears of this machine are looked at. */
const KNOCK = `
const [tcp, tcp6, udp, file, abstract] = process.argv.slice(2);
const net = require('net');
const tries = [
  { port: +tcp, host: '127.0.0.1' }, { port: +tcp6, host: '::1' }, { path: file }, { path: '\\0' + abstract },
].map((to) => new Promise((done) => net.connect(to).on('connect', done).on('error', done)));
const dgram = require('dgram').createSocket('udp4');
dgram.on('error', () => {});
tries.push(new Promise((done) => dgram.send('x', +udp, '127.0.0.1', done)));
tries.push(require('dns').promises.resolveTxt('lookup.example.com').catch(() => {}));
Promise.race([Promise.all(tries), new Promise((done) => setTimeout(done, 3000))])
  .then(() => setTimeout(() => process.exit(), 100));
`;

/** Reads whatever a process of the same user may read of others: its own line of parents, and number 1. */
const LOOK = `
for (const pid of ['self', '1', String(process.ppid), ...require('fs').readdirSync('/proc')]) {
  if (!/^(self|\\d+)$/.test(pid)) continue;
  for (const part of ['environ', 'cmdline', 'fd']) {
    try {
      const at = '/proc/' + pid + '/' + part;
      console.log(part === 'fd' ? require('fs').readdirSync(at).map((n) => {
        try { return require('fs').readlinkSync(at + '/' + n); } catch { return ''; }
      }).join(' ') : require('fs').readFileSync(at, 'latin1').replaceAll('\\0', ' '));
    } catch {}
  }
}
`;

/** Searches the memory of every other process; hits are counted, so that the search does not find itself. */
const MEMORY = `
const fs = require('fs');
const wanted = [process.argv[2] + '-variable', process.argv[3]].map((text) => Buffer.from(text.split('').reverse().join('')));
let hits = 0;
for (const pid of fs.readdirSync('/proc').filter((name) => /^\\d+$/.test(name) && +name !== process.pid)) {
  try {
    if (!fs.readFileSync('/proc/' + pid + '/cmdline', 'latin1').includes('main.ts')) continue;
    const mem = fs.openSync('/proc/' + pid + '/mem', 'r');
    for (const line of fs.readFileSync('/proc/' + pid + '/maps', 'latin1').split('\\n')) {
      const [range, rights] = line.split(' ');
      const [from, to] = (range || '').split('-').map((hex) => parseInt(hex, 16));
      if (!rights || !rights.startsWith('rw') || to - from > 64e6) continue;
      const part = Buffer.alloc(to - from);
      try { fs.readSync(mem, part, 0, part.length, from); } catch { continue; }
      for (const text of wanted) if (part.includes(text)) hits += 1;
    }
  } catch {}
}
console.log('hits=' + hits);
`;

/** Credentials of git, wherever git would look for them. */
const GIT = [
  'git config --show-origin --list',
  'cat .git/config .git/logs/HEAD .git/packed-refs "$HOME/.netrc" "$HOME/.git-credentials"',
  "printf 'protocol=https\\nhost=gitlab.test\\n\\n' | GIT_TERMINAL_PROMPT=0 git credential fill",
  'echo "repository: $CI_REPOSITORY_URL"',
  'git push origin HEAD:refs/heads/stolen && echo pushed',
];

interface Looked {
  env: string;
  found: string;
  memory: string;
  git: string;
  files: string;
  log: string;
}

async function attack(isolation: IsolationWish): Promise<Looked> {
  const { tcp, tcp6, udp, file, abstract } = ears;
  const node = process.execPath;
  const backwards = (text: string): string => [...text].toReversed().join('');
  const script = (name: string): string => `"$HOME/${name}.cjs"`;
  const program = (name: string, text: string): string =>
    `cat > ${script(name)} <<'END'\n${text}\nEND`;
  const commands = (repo: string): string[] => [
    program('knock', KNOCK),
    program('look', LOOK),
    program('memory', MEMORY),
    `${node} ${script('knock')} ${tcp} ${tcp6} ${udp} ${file} ${abstract}`,
    'env > env.txt',
    `${node} ${script('look')} > found.txt 2>&1`,
    `${node} ${script('memory')} ${backwards(CANARY)} ${backwards(ATTEMPT_TOKEN)} > memory.txt 2>&1`,
    `(${GIT.join('; ')}) > git.txt 2>&1`,
    `cat ${repo}/.git/canary ${folder}/secret /etc/shadow > files.txt 2>&1`,
    'true',
  ];
  const started = await job.start(
    (n) => (n === 0 ? shell(commands(job.repo).join('\n')) : finish()),
    {
      spec: { isolation, limits: LIMITS },
      env: {
        ...VARIABLES,
        CI_DEBUG_TRACE: 'true',
        CI_REPOSITORY_URL: `https://gitlab-ci-token:${CANARY}-url@gitlab.test/group/app.git`,
      },
      before: (_, repo) => {
        writeFileSync(path.join(folder, 'secret'), `${CANARY}-file`);
        writeFileSync(path.join(repo, '.git', 'canary'), `${CANARY}-checkout`);
        const url = `https://gitlab-ci-token:${CANARY}-remote@gitlab.test/group/app.git`;
        execFileSync('git', ['-C', repo, 'config', 'remote.origin.url', url]);
      },
    },
  );
  const { out } = await started.done;
  const texts = new Map(
    job
      .file()
      .changes.map(({ path: name, content }) => [
        name,
        Buffer.from(content ?? '', 'base64').toString('utf8'),
      ]),
  );
  const text = (name: string): string => texts.get(`${name}.txt`) ?? '';
  return {
    env: text('env'),
    found: text('found'),
    memory: text('memory'),
    git: text('git'),
    files: text('files'),
    log: out,
  };
}

/** All that a command of the agent finds in its environment; the last three are the shell's own. */
const ALLOWED = ['CI', 'HOME', 'LANG', 'PATH', 'PWD', 'SHLVL', 'TMPDIR', '_'];
const namesOf = (env: string): string[] =>
  env
    .trim()
    .split('\n')
    .map((line) => line.split('=')[0] ?? '')
    .toSorted();

const LIMITS = {
  turns: 5,
  minutes: 1,
  commandSeconds: 40,
  toolResultBytes: 20_000,
  maxOutputTokens: 4_000,
};

const SUITE = 'a hostile agent in namespaces';
describe(SUITE, () => {
  if (!works) return void declareMissing('bwrap', SUITE);

  test('finds nothing of the job, of the machine, and no way out', async () => {
    const { env, found, memory, git, files, log } = await attack({
      sandbox: 'required',
      network: 'gateway',
    });
    expect(namesOf(env)).toEqual(ALLOWED);
    expect(found).toContain('PATH=');
    expect(found).not.toContain(CANARY);
    expect(found).not.toContain('CI_DEBUG_TRACE');
    expect(found).not.toContain('AUTODEV_');
    expect(found).not.toContain(ATTEMPT_TOKEN);
    expect(memory).toBe('hits=0\n');
    expect(git).not.toContain(CANARY);
    expect(git).not.toContain('pushed');
    expect(files).not.toContain(CANARY);
    expect(files).not.toMatch(/^root:/m);
    expect([...ears.heard]).toEqual([]);
    expect(log).toContain('isolation: bubblewrap');
  });
});

test('without namespaces the variables, the token and the remote stay out; the rest is open, as the log says', async () => {
  const { env, found, memory, git, files, log } = await attack({
    sandbox: 'off',
    network: 'gateway',
  });
  // What the allow-list and the clean-up of the checkout keep back needs no namespaces …
  expect(namesOf(env)).toEqual(ALLOWED);
  expect(found).not.toContain(ATTEMPT_TOKEN);
  expect(git).not.toContain(CANARY);
  // … and the same looks find what namespaces keep back.
  expect(found).toContain(`${CANARY}-variable-48`);
  expect(memory).not.toBe('hits=0\n');
  expect(files).toContain(`${CANARY}-checkout`);
  expect(files).toContain(`${CANARY}-file`);
  expect([...ears.heard].toSorted()).toEqual(
    ['abstract socket', 'socket file', 'tcp', 'tcp6', 'udp'].toSorted(),
  );
  expect(log).toContain('the agent can read what this user can and reach the network');
});
