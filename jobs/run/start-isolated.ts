/** Starts the agent inside the isolation the runner gives, with an address that stands for the gateway. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ClaimResponse } from '../../schema/wire/job-api.ts';
import { agentEnv, type JobEnv } from '../env.ts';
import { UnableError } from '../errors.ts';
import { startGatewayProxy } from '../gateway-proxy.ts';
import { trimSlashes } from '../slashes.ts';
import { type AgentProcess, startAgent } from './agent-process.ts';
import { chooseIsolation, type Isolation } from './isolation.ts';
import type { PreparedWorkspace } from './workspace.ts';

export interface StartInput {
  env: JobEnv;
  /** Command line that starts this program. */
  self: readonly string[];
  claim: ClaimResponse;
  workspace: PreparedWorkspace;
  log: (line: string) => void;
  /** Told what isolation is in force, before the agent starts. */
  onIsolation: (says: string) => void;
}

/**
 * The running agent. It gets a key for the stand-in only: the attempt's token stays here.
 * @throws UnableError when isolation is required and the runner gives none.
 */
export async function startIsolated(input: StartInput): Promise<AgentProcess> {
  const { env, claim, workspace, self, log } = input;
  const { spec } = claim;
  const isolation = await isolationFor(input);
  log(`isolation: ${isolation.says}`);
  input.onIsolation(isolation.says);
  if (spec.isolation.sandbox === 'required' && isolation.kind === 'none') {
    throw new UnableError(
      'This task needs isolation, and the runner gives it none',
      isolation.says,
      'Install bubblewrap in the job image and allow user namespaces, or set `sandbox: auto`',
    );
  }
  const alone = isolation.kind !== 'none' && spec.isolation.network === 'gateway';
  const socket = alone ? join(workspace.tmp, 'gateway.sock') : undefined;
  const proxy = await startGatewayProxy({
    gateway: trimSlashes(claim.gateway),
    token: claim.token,
    ...(socket === undefined ? {} : { socket }),
  });
  const agent = startAgent({
    self: [...isolation.wrap, ...self],
    env: agentEnv(env, workspace.home, workspace.tmp),
    cwd: workspace.dir,
    start: {
      type: 'start',
      spec,
      gateway: proxy.url,
      socket: socket ?? null,
      token: proxy.key,
      workspace: workspace.dir,
      isolated: isolation.kind !== 'none',
    },
    log,
  });
  return {
    ...agent,
    kill: async () => {
      await agent.kill();
      await proxy.close();
    },
  };
}

async function isolationFor({ env, self, claim, workspace }: StartInput): Promise<Isolation> {
  const [program = process.execPath, script] = self;
  return chooseIsolation({
    mode: claim.spec.isolation.sandbox,
    network: claim.spec.isolation.network,
    path: env.path,
    writable: [workspace.dir, workspace.home, workspace.tmp],
    readable: [program, ...(script === undefined ? [] : [programFolder(script)])],
    hidden: [env.projectDir, `${env.projectDir}.tmp`, ...env.hidden],
    cwd: workspace.dir,
  });
}

/** The package that the program belongs to, with the modules it loads; a bundle has all beside it. */
function programFolder(script: string): string {
  for (let folder = dirname(script); folder !== dirname(folder); folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return folder;
  }
  return dirname(script);
}
