/** From the prepared workspace to the agent's end: scanners first, then the agent, watched all the time. */
import type { ClaimResponse } from '../../schema/wire/job-api.ts';
import type { Scan } from '../../schema/wire/scan.ts';
import type { EndReport } from '../agent/protocol.ts';
import type { JobEnv } from '../env.ts';
import type { ResultParts } from '../result.ts';
import type { RunLog } from '../run-log.ts';
import { runScanners } from '../scanners/run-scanners.ts';
import { withScans } from '../scanners/tell-agent.ts';
import type { AgentProcess } from './agent-process.ts';
import { startHeartbeat } from './heartbeat.ts';
import { threadReader } from './read-thread.ts';
import { startIsolated } from './start-isolated.ts';
import type { PreparedWorkspace } from './workspace.ts';

/** Time the agent gets beyond its own limit before it is killed, in milliseconds. */
const OVERTIME_MS = 60_000;

export interface RunInput {
  env: JobEnv;
  /** Command line that starts this program. */
  self: readonly string[];
  log: RunLog;
  /** Aborted when the runner stops the job (SIGTERM, SIGINT); the reason is a sentence. */
  stop: AbortSignal;
}

/** What is known so far; the result is made of it at whatever point the job ends. */
export interface Progress {
  startedAt: number;
  server?: string;
  claim?: ClaimResponse;
  workspace?: PreparedWorkspace;
  /** What the scanners found that the task asked for. */
  scans?: readonly Scan[];
  agent?: AgentProcess;
  /** What isolation is in force. */
  isolation?: string;
}

export interface Ending {
  outcome: ResultParts['outcome'];
  cause: string;
  end: EndReport | null;
}

/** Runs scanners and agent until the agent ends, is cancelled, or overstays. */
export async function supervise(
  input: RunInput,
  progress: Progress,
  claim: ClaimResponse,
  workspace: PreparedWorkspace,
): Promise<Ending> {
  const over = new AbortController();
  /** Comments of people that came before there was an agent to hear them. */
  const early: string[] = [];
  let timer: NodeJS.Timeout | undefined;
  let stopHeartbeat: () => void = () => undefined;
  let startTimer: () => void = () => undefined;
  const cut = new Promise<Ending>((resolve) => {
    const end = (outcome: Ending['outcome'], cause: string): void => {
      over.abort();
      resolve({ outcome, cause, end: null });
    };
    const cancel = (cause: string): void => end('cancelled', cause);
    input.stop.addEventListener('abort', () => cancel(stopCause(input.stop)), { once: true });
    const { minutes } = claim.spec.limits;
    const overtime = (): void => end('limit', `The agent did not stop after ${minutes} minutes`);
    startTimer = () => (timer = setTimeout(overtime, minutes * 60_000 + OVERTIME_MS));
    stopHeartbeat = startHeartbeat({
      server: progress.server as string,
      token: claim.token,
      seconds: claim.heartbeatSeconds,
      status: () => progress.agent?.status() ?? { turn: 0, doing: 'scanning the files' },
      onMessage: (text) => (progress.agent ? progress.agent.tell(text) : void early.push(text)),
      onStop: cancel,
      log: input.log.line,
      redact: input.log.redact,
    });
  });
  const started = start(input, progress, claim, workspace, over.signal);
  const own = started.then((agent): Promise<Ending> | Ending => {
    if (agent === null) return cut;
    startTimer();
    early.forEach(agent.tell);
    return agent.ended.then(endingOf);
  });
  try {
    return await Promise.race([own, cut]);
  } finally {
    // No agent starts behind the back of a job that is over.
    await started.catch(() => undefined);
    clearTimeout(timer);
    stopHeartbeat();
  }
}

/** The running agent, told what the scanners found; null when the attempt ended before it could start. */
async function start(
  { env, self, log }: RunInput,
  progress: Progress,
  claim: ClaimResponse,
  workspace: PreparedWorkspace,
  signal: AbortSignal,
): Promise<AgentProcess | null> {
  const { spec } = claim;
  const names = spec.scanners ?? [];
  if (names.length > 0) {
    const { isolation } = spec;
    progress.scans = await runScanners({ names, isolation, env, workspace, log, signal });
  }
  if (signal.aborted) return null;
  const told = { ...spec, input: withScans(spec.input, progress.scans ?? []) };
  const agent = await startIsolated({
    ...{ env, self, workspace, log: log.line },
    claim: { ...claim, spec: told },
    onIsolation: (says) => void (progress.isolation = says),
    onAsk: threadReader({ server: progress.server ?? '', token: claim.token, log: log.line }),
  });
  progress.agent = agent;
  return agent;
}

function endingOf({ end, died }: Awaited<AgentProcess['ended']>): Ending {
  if (end) return { outcome: end.outcome, cause: end.cause, end };
  return { outcome: 'crashed', cause: `The agent process ${died} before its verdict`, end };
}

/** Why the runner stopped the job. */
export function stopCause(stop: AbortSignal): string {
  return typeof stop.reason === 'string' ? stop.reason : 'The job was stopped';
}
