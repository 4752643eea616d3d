/**
 * Runs the scanners that a task asks for, on the agent's copy of the repository before the agent starts.
 * Each stands in the isolation that is in force, without a credential, sees the files read-only, and is
 * bounded in time and output. What goes wrong is a line in the log and in the result, never a crash.
 */
import { constants } from 'node:fs';
import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { IsolationWish } from '../../schema/wire/job-api.ts';
import { KIND_OF, Scan, SCAN_LIMITS, type ScannerName } from '../../schema/wire/scan.ts';
import { scannerEnv, type JobEnv } from '../env.ts';
import { describeError } from '../errors.ts';
import { findProgram } from '../find-program.ts';
import { runInGroup } from '../process-group.ts';
import { safeLine, type RunLog } from '../run-log.ts';
import { chooseIsolation } from '../run/isolation.ts';
import { scanFindings } from './findings.ts';
import { gitleaks } from './gitleaks.ts';
import { npmAudit } from './npm-audit.ts';
import { ScanError, type Bench, type Call, type Found, type Scanner } from './scanner.ts';
import { semgrep } from './semgrep.ts';
import { trivy } from './trivy.ts';

const ALL: Readonly<Record<ScannerName, Scanner>> = {
  'npm-audit': npmAudit,
  semgrep,
  gitleaks,
  trivy,
};
/** Time one call of a scanner may take. */
const CALL_MS = 4 * 60_000;
const VERSION_MS = 30_000;
/** Bytes of output that are read; more is refused whole, because half of it is no JSON. */
const OUTPUT_BYTES = 32 * 1024 * 1024;
/** A text this short hides too many words that are no secrets. */
const SECRET_CHARS = 6;
const SECRETS = 500;

export interface ScanRequest {
  names: readonly ScannerName[];
  isolation: IsolationWish;
  env: JobEnv;
  /** `scans` is an empty folder, which is gone afterwards: what scanners write holds secrets. */
  workspace: { dir: string; scans: string; paths: readonly string[] };
  log: Pick<RunLog, 'line' | 'hide'>;
  /** Aborted when the attempt is over. */
  signal: AbortSignal;
  /** Time one call may take; CALL_MS unless a test is short of it. */
  callMs?: number;
}

/** One entry per scanner that was asked for, in that order. Never throws. */
export async function runScanners(request: ScanRequest): Promise<Scan[]> {
  const scans = await Promise.all(request.names.map((name) => runOne(ALL[name], request)));
  await rm(request.workspace.scans, { recursive: true, force: true });
  for (const scan of scans) request.log.line(`scan: ${scanLine(scan)}`);
  return scans;
}

/** `gitleaks 8.28.0: 2 findings in 0.4 s`, or why there are none. */
export function scanLine({
  scanner,
  version,
  state,
  why,
  seconds,
  findings,
  omitted,
}: Scan): string {
  const name = version === null ? scanner : `${scanner} ${version}`;
  if (state !== 'done') return `${name}: ${why}`;
  const more = omitted === 0 ? '' : `, ${omitted} more left out or unreadable`;
  const count = `${findings.length} ${findings.length === 1 ? 'finding' : 'findings'}`;
  return `${name}: ${count}${more} in ${seconds.toFixed(1)} s`;
}

async function runOne(scanner: Scanner, request: ScanRequest): Promise<Scan> {
  const started = Date.now();
  const end = (state: Scan['state'], why: string, more: Partial<Scan> = {}): Scan => ({
    scanner: scanner.name,
    version: null,
    state,
    why: safeLine(why, 300),
    seconds: (Date.now() - started) / 1000,
    findings: [],
    omitted: 0,
    dependencies: [],
    ...more,
  });
  if ((await findProgram(scanner.program, request.env.path)) === null) {
    return end('missing', `${scanner.program} is not on the runner; add it to the job image`);
  }
  let version: string | null = null;
  try {
    const bench = await benchFor(scanner, request);
    version = await versionOf(scanner, bench);
    const found = await scanner.scan(bench);
    if (typeof found === 'string') return end('nothing', found, { version });
    hideSecrets(found, request.log);
    return end('done', '', { version, ...partsOf(scanner, found) });
  } catch (error) {
    const why = error instanceof ScanError ? error.message : describeError(error);
    return end('failed', `it did not finish: ${why}`, { version });
  }
}

function partsOf(scanner: Scanner, found: Found): Partial<Scan> {
  const { findings, omitted } = scanFindings(scanner.name, KIND_OF[scanner.name], found.findings);
  const dependencies = Scan.shape.dependencies.safeParse(
    (found.dependencies ?? []).slice(0, SCAN_LIMITS.files),
  );
  return {
    findings,
    omitted: omitted + found.unreadable,
    dependencies: dependencies.success ? dependencies.data : [],
  };
}

/** From here on the log and the result know these texts only as hidden. */
function hideSecrets({ secrets = [] }: Found, log: Pick<RunLog, 'hide'>): void {
  const parts = secrets.flatMap((secret) => [secret, ...secret.split('\n')]);
  const long = parts.map((part) => part.trim()).filter((part) => part.length >= SECRET_CHARS);
  for (const secret of [...new Set(long)].slice(0, SECRETS)) log.hide(secret);
}

/** A folder of its own, and the way to call it from there. @throws ScanError */
async function benchFor(scanner: Scanner, request: ScanRequest): Promise<Bench> {
  const { env, workspace, isolation: wish } = request;
  const scratch = join(workspace.scans, scanner.name);
  await mkdir(scratch);
  const folders = scanner.folders(env.scanners);
  const isolation = await chooseIsolation({
    mode: wish.sandbox,
    // The settings allowed this scanner, and with it its way to the network.
    network: scanner.network ? 'open' : wish.network,
    path: env.path,
    writable: [scratch, ...folders.writable],
    readable: [workspace.dir, ...folders.readable],
    hidden: [env.projectDir, `${env.projectDir}.tmp`, ...env.hidden],
    cwd: scratch,
  });
  if (isolation.kind === 'none' && wish.sandbox === 'required') {
    throw new ScanError('the task needs isolation, and the runner gives none');
  }
  const run = (call: Call, timeoutMs: number): Promise<string> =>
    callProgram([...isolation.wrap, scanner.program], call, {
      cwd: scratch,
      env: { ...scannerEnv(env, scratch, scanner.network), ...call.env },
      timeoutMs,
      signal: request.signal,
    });
  return {
    workspace: workspace.dir,
    paths: workspace.paths,
    scratch,
    env: env.scanners,
    call: (call) =>
      run(call, call.args === scanner.version ? VERSION_MS : (request.callMs ?? CALL_MS)),
    output: (name) => readOutput(join(scratch, name)),
  };
}

async function callProgram(
  command: readonly string[],
  { args, good }: Call,
  how: { cwd: string; env: Record<string, string>; timeoutMs: number; signal: AbortSignal },
): Promise<string> {
  const [file = '', ...before] = command;
  const ended = await runInGroup({
    ...{ file, args: [...before, ...args], ...how },
    // Half of the bytes are kept from either end; anything longer than one half would be cut.
    ...{ capBytes: OUTPUT_BYTES * 2, errorsApart: true },
  });
  if (how.signal.aborted) throw new ScanError('the attempt was stopped');
  if (ended.startError !== null) throw new ScanError(ended.startError);
  if (ended.timedOut) throw new ScanError(`it took longer than ${how.timeoutMs / 1000} s`);
  if (ended.cutBytes > 0) throw new ScanError('it printed too much');
  if (!good.includes(ended.exitCode ?? -1)) {
    const last = ended.errors.trim().split('\n').at(-1) ?? '';
    throw new ScanError(`it ended with ${ended.exitCode ?? ended.signal}. ${last}`.trim());
  }
  return ended.output;
}

/** The first thing in its answer that looks like a version. */
async function versionOf(scanner: Scanner, { call }: Bench): Promise<string | null> {
  const text = await call({ args: scanner.version, good: [0] }).catch(() => '');
  return /\b\d{1,5}\.\d{1,5}[\w.+-]{0,40}/.exec(text.slice(0, 500))?.[0] ?? null;
}

/** A regular file that the scanner wrote. @throws ScanError */
async function readOutput(path: string): Promise<string> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = await open(path, flags).catch(() => null);
  try {
    const stat = await file?.stat();
    if (!file || !stat?.isFile()) throw new ScanError('it wrote no report');
    if (stat.size > OUTPUT_BYTES) throw new ScanError('its report is too large');
    return await file.readFile('utf8');
  } finally {
    await file?.close();
  }
}
