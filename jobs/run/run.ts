/** `autodev-job run`: the supervisor. It holds the credentials, the agent process does not (DESIGN §4.4). */
import { ClaimResponse } from '../../schema/wire/job-api.ts';
import type { Coverage } from '../../schema/wire/coverage.ts';
import type { CommandCheck, JobResult, JobStats } from '../../schema/wire/result.ts';
import { ApiRefusal, post } from '../api.ts';
import { withRecorded } from '../findings.ts';
import { findCoverage } from '../coverage-files/find-coverage.ts';
import { describeError, JobError, UnableError } from '../errors.ts';
import { requireIdToken, serverUrl } from '../id-token.ts';
import { buildResult, carriesChanges, type ResultParts, writeResult } from '../result.ts';
import { stopCause, supervise, type Ending, type Progress, type RunInput } from './supervise.ts';
import { prepareWorkspace } from './workspace.ts';

/** Time for delivering a result after the runner's SIGTERM; SIGKILL follows soon. */
const LAST_WORDS_MS = 3_000;

/**
 * Runs one attempt from claim to delivered result. Always writes the result file.
 * Returns the exit code: 0 when the bot took the result, else 1.
 */
export async function run(input: RunInput): Promise<number> {
  const progress: Progress = { startedAt: Date.now() };
  let ending: Ending;
  try {
    ending = await work(input, progress);
  } catch (error) {
    const outcome = error instanceof UnableError ? 'unable' : 'crashed';
    ending = { outcome, cause: describeError(error), end: null };
  }
  // What the agent had finished before the stop is kept.
  if (input.stop.aborted && ending.end === null) {
    ending = { outcome: 'cancelled', cause: stopCause(input.stop), end: null };
  }
  await progress.agent?.kill();
  const result = await collectResult(input, progress, ending);
  const path = await writeResult(input.env.projectDir, result).catch(
    (error: unknown) => `no file (${describeError(error)})`,
  );
  input.log.line(`result: ${result.outcome}, ${result.changes.length} files changed, in ${path}`);
  input.log.line(`cause: ${result.cause}`);
  const delivered = await deliver(input, progress, result);
  await progress.workspace?.remove().catch(() => undefined);
  return delivered ? 0 : 1;
}

async function work(input: RunInput, progress: Progress): Promise<Ending> {
  const { env, log } = input;
  const idToken = requireIdToken(env.idToken);
  if (env.attempt === undefined) {
    throw new JobError(
      'AUTODEV_ATTEMPT is not set',
      'this job was not made by the bot, or its YAML was changed',
      'Start work by a label or an /autodev command; the bot creates the job',
    );
  }
  progress.server = serverUrl(idToken, env.server);
  const claim = await claimAttempt(input, progress.server, idToken, env.attempt);
  progress.claim = claim;
  log.hide(claim.token);
  const { task, project } = claim.spec;
  log.line(`claimed attempt ${env.attempt}: ${task.agent}/${task.type} in ${project.path}`);
  const { baseSha, defaultSha } = claim.spec;
  const workspace = await prepareWorkspace(env, baseSha, defaultSha || baseSha);
  progress.workspace = workspace;
  log.line(`workspace: ${workspace.paths.length} files of ${claim.spec.baseSha.slice(0, 12)}`);
  log.line(`history: ${workspace.history}`);
  log.line(`credentials removed from ${workspace.stripped.length} git files`);
  if (input.stop.aborted) return { outcome: 'cancelled', cause: stopCause(input.stop), end: null };
  return supervise(input, progress, claim, workspace);
}

async function claimAttempt(
  input: RunInput,
  server: string,
  idToken: string,
  attempt: number,
): Promise<ClaimResponse> {
  const text = await post(`${server}/api/job/claim`, {
    token: idToken,
    body: { attempt },
    signal: input.stop,
    onRetry: (reason, pause) => input.log.line(`claim: ${reason}, trying again in ${pause} ms`),
  }).catch((error: unknown) => {
    if (!(error instanceof ApiRefusal)) throw error;
    const fix = error.fix ?? 'See the status comment of the issue for the attempt that counts';
    throw new JobError(`The bot refused the claim (${error.status})`, error.message, fix);
  });
  const parsed = ClaimResponse.safeParse(safeJson(text));
  if (parsed.success) return parsed.data;
  const field = parsed.error.issues[0]?.path.join('.') || 'the whole answer';
  throw new JobError(
    'The answer to the claim does not fit',
    `${field} is wrong`,
    'Use the image of autodev-job that belongs to the version of the bot',
  );
}

async function collectResult(
  input: RunInput,
  progress: Progress,
  ending: Ending,
): Promise<JobResult> {
  const checks: readonly CommandCheck[] = progress.agent?.checks() ?? [];
  const parts: ResultParts = {
    attempt: input.env.attempt,
    outcome: ending.outcome,
    cause: ending.cause,
    summary: ending.end?.summary,
    comment: ending.end?.comment,
    ...withRecorded(ending.end?.report, progress.agent?.findings() ?? []),
    baseSha: progress.claim?.spec.baseSha,
    checks,
    stats: ending.end?.stats ?? ownStats(progress),
    scans: progress.scans ?? [],
    attachments: progress.agent?.pictures() ?? [],
    coverage: null,
    isolation: progress.isolation,
    engine: progress.agent?.engine() ?? null,
  };
  try {
    // What a role that may not edit left behind is no proposal.
    const edits = progress.claim?.spec.tools.includes('edit_file') === true;
    if (edits && carriesChanges(parts.outcome))
      parts.collected = await progress.workspace?.collect();
    if (carriesChanges(parts.outcome)) parts.coverage = await coverageOf(progress);
    return buildResult(parts, input.log.redact);
  } catch (error) {
    const cause = `The changes could not be collected: ${describeError(error)}`;
    const baseSha = /^[0-9a-f]{40,64}$/.test(parts.baseSha ?? '') ? parts.baseSha : undefined;
    return buildResult({ ...parts, outcome: 'crashed', cause, baseSha }, input.log.redact);
  }
}

/** Only for tasks about tests; a file that cannot be read is no coverage, and no reason to fail. */
async function coverageOf({ claim, workspace, startedAt }: Progress): Promise<Coverage | null> {
  const kind = claim?.spec.report;
  if (!workspace || (kind !== 'test' && kind !== 'coverage')) return null;
  return findCoverage(workspace.dir, workspace.paths, startedAt).catch(() => null);
}

function ownStats(progress: Progress): JobStats {
  return {
    turns: progress.agent?.status().turn ?? 0,
    toolCalls: 0,
    seconds: (Date.now() - progress.startedAt) / 1000,
    firstRequestMs: null,
    model: null,
  };
}

/** Delivers the result; one that the bot cannot read is replaced by the news of it. */
async function deliver(input: RunInput, progress: Progress, result: JobResult): Promise<boolean> {
  const { server, claim } = progress;
  if (!server || !claim) {
    input.log.line('result: not delivered, because the attempt was never claimed');
    return false;
  }
  const send = (body: JobResult): Promise<string> =>
    post(`${server}/api/job/result`, {
      token: claim.token,
      body,
      ...(input.stop.aborted ? { budgetMs: LAST_WORDS_MS } : {}),
      onRetry: (reason, pause) => input.log.line(`result: ${reason}, trying again in ${pause} ms`),
    });
  try {
    await send(result).catch((error: unknown) => {
      if (!(error instanceof ApiRefusal) || ![400, 413, 422].includes(error.status)) throw error;
      input.log.line(`result: refused (${error.status}: ${error.message}); saying so instead`);
      const cause = `The bot refused the result (${error.status}): ${error.message}`;
      return send({
        ...result,
        outcome: 'crashed',
        cause,
        summary: '',
        changes: [],
        checks: [],
        scans: [],
      });
    });
    input.log.line('result: delivered');
    return true;
  } catch (error) {
    const late = error instanceof ApiRefusal && error.status === 409;
    input.log.line(
      late
        ? 'result: too late, the bot has ended or replaced this attempt; nothing of it is used'
        : `result: not delivered. ${describeError(error)}`,
    );
    return false;
  }
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
