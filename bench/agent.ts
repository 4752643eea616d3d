/** From the start of an agent, and of the whole job program, to the first model request. */
import { rm } from 'node:fs/promises';
import path from 'node:path';
import {
  headOf,
  idToken,
  makeRepository,
  makeSpec,
  removeTree,
  startProgram,
  startStandin,
  type Provider,
} from '../test/contract/jobs-standin.ts';
import { claude } from '../jobs/engines/cli/claude.ts';
import { codex } from '../jobs/engines/cli/codex.ts';
import { cliProgram } from '../test/support/cli-programs.ts';
import { agentPeakMb } from './agent-memory.ts';
import { bareNodeMs, firstRequestMs } from './agent-peers.ts';
import { figure, median, type Effort, type Figure } from './figure.ts';
import { buildJob } from './sizes.ts';

const PEERS = { openai: codex, anthropic: claude } as const;

export async function benchAgent(effort: Effort): Promise<Figure[]> {
  const dir = await buildJob();
  try {
    const entry = path.join(dir, 'autodev-job.mjs');
    const figures = await firstRequests(effort, entry);
    effort.say('agent: memory over 30 turns');
    const { mb } = await agentPeakMb(entry);
    return [...figures, figure('agent.memory.30_turns', mb, 'MB')];
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** Milliseconds to the first request of the program `entry` and of the programs of others that are here. */
export async function firstRequests(effort: Effort, entry: string): Promise<Figure[]> {
  const figures: Figure[] = [];
  const bare: number[] = [];
  for (const provider of ['openai', 'anthropic'] as const) {
    effort.say(`agent: ${provider}`);
    const peer = PEERS[provider];
    const program = cliProgram(peer.name);
    if (program === null) effort.say(`agent: ${peer.name} is not installed, so it is left out`);
    const agent: number[] = [];
    const peers: number[] = [];
    const job: number[] = [];
    for (let run = 0; run < (effort.quick ? 3 : 10); run += 1) {
      bare.push(await bareNodeMs());
      const times = await oneRun(provider, entry);
      agent.push(times.agentMs);
      job.push(times.jobMs);
      if (program !== null) peers.push(await firstRequestMs(peer, program));
    }
    const compared = program === null ? undefined : median(peers);
    figures.push(figure(`agent.first_request.${provider}`, median(agent), 'ms', compared));
    figures.push(figure(`job.first_request.${provider}`, median(job), 'ms'));
  }
  figures.push(figure('agent.first_request.bare_node', median(bare), 'ms'));
  return figures;
}

async function oneRun(
  provider: Provider,
  entry: string,
): Promise<{ agentMs: number; jobMs: number }> {
  const repo = makeRepository({ 'greet.js': 'greet();\n' }, 'token-of-the-job');
  const standin = await startStandin({ ...makeSpec(provider), baseSha: headOf(repo) }, () => ({
    calls: [{ name: 'finish', args: { outcome: 'done', summary: 'ok' } }],
  }));
  try {
    const env = {
      AUTODEV_ID_TOKEN: idToken(standin.url),
      AUTODEV_ATTEMPT: '7',
      CI_PROJECT_DIR: repo,
    };
    const started = Date.now();
    const { code, err } = await startProgram(['run'], env, entry).done;
    const agentMs = standin.results[0]?.stats.firstRequestMs;
    const first = standin.requests[0]?.at;
    if (code !== 0 || agentMs === undefined || agentMs === null || first === undefined) {
      throw new Error(`the job ended with ${code}: ${err}`);
    }
    return { agentMs, jobMs: first - started };
  } finally {
    await standin.close();
    removeTree(repo);
  }
}
