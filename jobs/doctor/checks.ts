/** What an agent job stands on, one look at each part. */
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findEngine } from '../engines/cli/find.ts';
import { findProgram } from '../find-program.ts';
import { runInGroup } from '../process-group.ts';
import { hostPowers } from '../run/host-power.ts';
import { chooseIsolation, type Isolation } from '../run/isolation.ts';
import { programFiles } from '../run/isolated-view.ts';
import { findBrowser } from '../tools/browser/program.ts';

export interface Check {
  /** The part, e.g. `namespaces`. */
  name: string;
  /** `warning`: agents work here, but with less; `error`: they cannot, or not as safely as they should. */
  status: 'ok' | 'warning' | 'error';
  detail: string;
  /** The one command or setting that mends it; null when nothing is wrong. */
  fix: string | null;
}

export interface Surroundings {
  path: string;
  /** Command line that starts this program. */
  self: readonly string[];
  /** Where the machine's own files are looked for; `/` but for tests. */
  root?: string;
}

const LOOK_MS = 10_000;

/** All checks, in a fixed order. Never throws for what it finds. */
export async function examine(around: Surroundings): Promise<Check[]> {
  const made = await mkdtemp(join(tmpdir(), 'autodev-doctor-'));
  const folder = await realpath(made);
  try {
    const isolation = await chooseIsolation({
      mode: 'auto',
      network: 'gateway',
      path: around.path,
      writable: [folder],
      readable: programFiles(around.self),
      hidden: [],
      cwd: folder,
    });
    return await Promise.all([
      program(around, 'git', 'the work on an attempt begins with its commit', 'error'),
      program(around, 'bash', 'agents run their commands with it', 'error'),
      program(around, 'rg', 'a slower search of our own takes its place', 'warning'),
      engine(around, 'codex', isolation),
      engine(around, 'claude', isolation),
      namespaces(isolation),
      network(around, isolation),
      host(around.root),
      browser(around),
    ]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function program(
  { path }: Surroundings,
  name: string,
  without: string,
  status: 'warning' | 'error',
): Promise<Check> {
  const file = await findProgram(name, path);
  if (file !== null) return ok(name, file);
  const packet = name === 'rg' ? 'ripgrep' : name;
  const fix = `install it in the job image, e.g. apt-get install ${packet}`;
  return { name, status, detail: `is not on PATH: ${without}`, fix };
}

/** The engine as the agent would find it: from inside the isolation, where there is one. */
async function engine(
  { path, self }: Surroundings,
  name: 'codex' | 'claude',
  { wrap }: Isolation,
): Promise<Check> {
  const found = await findEngine(name, path, self, wrap);
  switch (found.kind) {
    case 'builtin':
      return ok(name, 'builtin');
    case 'tool':
      return ok(name, `${found.tool.version}, ${found.tool.program}`);
    case 'unusable': {
      const fix = `${found.install} in the job image, where agents have \`engine: ${name}\``;
      return { name, status: 'warning', detail: found.why, fix };
    }
  }
}

function namespaces(isolation: Isolation): Check {
  const name = 'namespaces';
  if (isolation.kind === 'bubblewrap') return ok(name, isolation.says);
  const fix =
    'install bubblewrap in the job image and let the runner allow user namespaces ' +
    '(docker executor: security_opt = ["seccomp=unconfined", "apparmor=unconfined"])';
  return { name, status: 'warning', detail: isolation.says, fix };
}

/** Not believed but tried: a port of this machine has to be out of reach from inside. */
async function network({ path }: Surroundings, { kind, wrap }: Isolation): Promise<Check> {
  const name = 'network';
  const fix = 'with namespaces it is closed but for the gateway';
  if (kind === 'none') {
    return { name, status: 'warning', detail: 'cannot be closed to agents here', fix };
  }
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const knock = `require('net').connect(${port},'127.0.0.1').on('connect',()=>process.exit(7)).on('error',()=>process.exit(0))`;
  try {
    const [file = '', ...args] = [...wrap, process.execPath, '-e', knock];
    const knocked = await runInGroup({
      ...{ file, args, cwd: '/', env: { PATH: path } },
      ...{ timeoutMs: LOOK_MS, capBytes: 1_000 },
    });
    if (knocked.exitCode === 0)
      return ok(name, 'closed: an isolated agent reaches the gateway alone');
    const detail = `is not closed to an isolated agent (exit code ${knocked.exitCode})`;
    return { name, status: 'error', detail, fix: 'report this together with the kernel version' };
  } finally {
    server.close();
  }
}

async function host(root: string | undefined): Promise<Check> {
  const powers = await hostPowers(root);
  if (powers.length === 0) return ok('host', 'the job has no power over the machine it runs on');
  const fix = 'give agents a runner without `privileged`, host mounts and engine sockets';
  return { name: 'host', status: 'error', detail: powers.join(', '), fix };
}

async function browser({ path }: Surroundings): Promise<Check> {
  const name = 'chromium';
  const file = await findBrowser(path);
  if (file !== null) return ok(name, file);
  const detail = 'is not on PATH: validate_feature goes without pictures';
  const fix = 'install it in the job image, e.g. apt-get install chromium';
  return { name, status: 'warning', detail, fix };
}

function ok(name: string, detail: string): Check {
  return { name, status: 'ok', detail, fix: null };
}
