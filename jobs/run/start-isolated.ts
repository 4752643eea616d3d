/** Starts the agent inside the isolation the runner gives, with an address that stands for the gateway. */
import { join } from 'node:path';
import type { ClaimResponse } from '../../schema/wire/job-api.ts';
import { agentEnv, type JobEnv } from '../env.ts';
import { UnableError } from '../errors.ts';
import { startGatewayProxy } from '../gateway-proxy.ts';
import { trimSlashes } from '../slashes.ts';
import { type AgentOptions, type AgentProcess, startAgent } from './agent-process.ts';
import { hostPowers } from './host-power.ts';
import { chooseIsolation, type Isolation } from './isolation.ts';
import { programFiles } from './isolated-view.ts';
import type { PreparedWorkspace } from './workspace.ts';

export interface StartInput {
  env: JobEnv;
  /** Command line that starts this program. */
  self: readonly string[];
  claim: ClaimResponse;
  workspace: PreparedWorkspace;
  log: (line: string) => void;
  /** Where the machine's own files are looked for; `/` but for tests. */
  machine?: string;
  /** Told what isolation is in force, before the agent starts. */
  onIsolation: (says: string) => void;
  /** Answers what the agent asks of the bot. */
  onAsk: AgentOptions['onAsk'];
}

/**
 * The running agent. It gets a key for the stand-in only: the attempt's token stays here.
 * @throws UnableError when isolation is required and the runner gives none.
 */
export async function startIsolated(input: StartInput): Promise<AgentProcess> {
  const { env, claim, workspace, self, log } = input;
  const { spec } = claim;
  const isolation = await isolationInForce(input);
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
      guides: workspace.guides,
    },
    log,
    onAsk: input.onAsk,
  });
  return {
    ...agent,
    kill: async () => {
      await agent.kill();
      await proxy.close();
    },
  };
}

/** Chooses the isolation, says in the log what is in force, and keeps to `sandbox: required`. */
async function isolationInForce(input: StartInput): Promise<Isolation> {
  const [isolation, powers] = await Promise.all([isolationFor(input), hostPowers(input.machine)]);
  const beware = powers.length === 0 ? '' : `; beware: ${powers.join(', ')}`;
  input.log(`isolation: ${isolation.says}${beware}`);
  input.onIsolation(`${isolation.says}${beware}`);
  if (input.claim.spec.isolation.sandbox !== 'required') return isolation;
  if (isolation.kind === 'none') {
    throw new UnableError(
      'This task needs isolation, and the runner gives it none',
      isolation.says,
      'Install bubblewrap in the job image and allow user namespaces, or set `sandbox: auto`',
    );
  }
  if (powers.length > 0) {
    throw new UnableError(
      'This task needs isolation, and its job has power over the machine',
      powers.join(', '),
      'Give agents a runner without `privileged`, host mounts and engine sockets, or set `sandbox: auto`',
    );
  }
  return isolation;
}

/** A role that neither edits nor runs commands finds its files read-only, whatever drives the model. */
async function isolationFor({ env, self, claim, workspace }: StartInput): Promise<Isolation> {
  const { isolation, tools } = claim.spec;
  const writes = tools.includes('edit_file') || tools.includes('run_command');
  const own = [workspace.home, workspace.tmp];
  const needed = programFiles(self);
  return chooseIsolation({
    mode: isolation.sandbox,
    network: isolation.network,
    path: env.path,
    writable: writes ? [workspace.dir, ...own] : own,
    readable: writes ? needed : [workspace.dir, ...needed],
    hidden: [env.projectDir, `${env.projectDir}.tmp`, ...env.hidden],
    cwd: workspace.dir,
  });
}
