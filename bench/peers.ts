/**
 * Other makers' webhook servers, for the intake to be compared with. They are never part of this
 * repository: they are looked for in the folder AUTODEV_BENCH_PEERS_DIR, and without it installed into a
 * temporary one, from the registries that npm and pip know here.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { freePort } from '../sandbox/world.ts';
import type { Effort } from './figure.ts';
import { SECRET, start, type Running } from './processes.ts';

const run = promisify(execFile);
const INSTALL_MS = 300_000;
const PROBOT = 'probot@14';
/** The release that was measured; its extra brings what its GitLab server imports. */
const PR_AGENT = 'pr-agent[gitlab]==0.49.0';
/** PR-Agent asks for Python 3.12 or later. */
const PYTHONS = ['python3.13', 'python3.12', 'python3'];

export interface Peers {
  /** Both null where they cannot be had; why was said. */
  probot: Running | null;
  prAgent: Running | null;
  stop(): Promise<void>;
}

/** Starts what can be had. A quick run installs nothing. */
export async function startPeers(effort: Effort): Promise<Peers> {
  const given = process.env['AUTODEV_BENCH_PEERS_DIR'];
  const dir = given ?? (await mkdtemp(path.join(tmpdir(), 'autodev-bench-peers-')));
  const mayInstall = !effort.quick;
  const leftOut = (name: string, error: unknown): null => {
    effort.say(`left out: ${name}: ${String(error).split('\n')[0]}`);
    return null;
  };
  const probot = await startProbot(dir, mayInstall).catch((error: unknown) =>
    leftOut('Probot', error),
  );
  const prAgent = await startPrAgent(dir, mayInstall).catch((error: unknown) =>
    leftOut('PR-Agent', error),
  );
  return {
    probot,
    prAgent,
    stop: async () => {
      await Promise.all([probot?.stop(), prAgent?.stop()]);
      if (given === undefined) await rm(dir, { recursive: true, force: true });
    },
  };
}

const NOT_THERE = 'it is not in AUTODEV_BENCH_PEERS_DIR, and a quick run installs nothing';

async function startProbot(dir: string, mayInstall: boolean): Promise<Running> {
  const entry = path.join(dir, 'node_modules/probot/lib/index.js');
  if (!existsSync(entry)) {
    if (!mayInstall) throw new Error(NOT_THERE);
    await run('npm', ['install', '--no-audit', '--no-fund', '--prefix', dir, PROBOT], {
      timeout: INSTALL_MS,
    });
  }
  const args = ['bench/peer-probot.ts', entry, SECRET, String(await freePort())];
  return start(process.execPath, args, {});
}

/** Its GitLab server as its image starts it, on a GitLab that is not there. */
async function startPrAgent(dir: string, mayInstall: boolean): Promise<Running> {
  const venv = path.join(dir, 'venv');
  const python = path.join(venv, 'bin/python');
  if (!existsSync(python)) {
    if (!mayInstall) throw new Error(NOT_THERE);
    await installPrAgent(venv, python);
  }
  const port = String(await freePort());
  const server = ['-m', 'uvicorn', 'pr_agent.servers.gitlab_webhook:app', '--host', '127.0.0.1'];
  const running = await start(python, [...server, '--port', port], {
    HOME: dir,
    GITLAB__URL: 'http://127.0.0.1:9',
    GITLAB__PERSONAL_ACCESS_TOKEN: 'bench',
    GITLAB__SHARED_SECRET: SECRET,
    CONFIG__LOG_LEVEL: 'WARNING',
    LITELLM_LOCAL_MODEL_COST_MAP: 'True',
  });
  return { ...running, url: `http://127.0.0.1:${port}/webhook` };
}

async function installPrAgent(venv: string, python: string): Promise<void> {
  for (const name of PYTHONS) {
    try {
      await run(name, ['-c', 'import sys; sys.exit(sys.version_info < (3, 12))']);
    } catch {
      continue;
    }
    await run(name, ['-m', 'venv', venv]);
    await run(python, ['-m', 'pip', 'install', '--quiet', PR_AGENT], { timeout: INSTALL_MS });
    return;
  }
  throw new Error('there is no Python 3.12 or later here');
}
