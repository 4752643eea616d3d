/** Builds the one result of a job, within its schema whatever came before. */
import { join } from 'node:path';
import { Findings, type Finding } from '../schema/wire/finding.ts';
import type { Coverage } from '../schema/wire/coverage.ts';
import { Report } from '../schema/wire/report.ts';
import type { Scan } from '../schema/wire/scan.ts';
import {
  type Attachment,
  type CommandCheck,
  JobResult,
  type JobOutcome,
  type JobStats,
  RESULT_LIMITS,
} from '../schema/wire/result.ts';
import type { CollectedChanges } from './workspace/changes.ts';
import { writeFresh } from './write-fresh.ts';

/** Written into CI_PROJECT_DIR, kept as an artifact. */
export const RESULT_FILE = 'autodev-result.json';
const CAUSE_CHARS = 2_000;
const NO_SHA = '0'.repeat(40);

/** What the supervisor knows when the job ends; every part may be missing. */
export interface ResultParts {
  attempt: number | undefined;
  outcome: JobOutcome;
  cause: string;
  summary?: string | undefined;
  comment?: string | undefined;
  report?: Report | undefined;
  /** Recorded findings that the report does not carry. */
  findings?: Finding[] | undefined;
  collected?: CollectedChanges | undefined;
  baseSha: string | undefined;
  checks: readonly CommandCheck[];
  stats: JobStats;
  /** What the scanners found; empty when none was asked for. */
  scans: readonly Scan[];
  attachments?: readonly Attachment[];
  /** What the tests reach; null where nothing says so. */
  coverage: Coverage | null;
  /** What isolation is in force; absent before that is known. */
  isolation?: string | undefined;
  /** Why another engine did the work than the one asked for. */
  engine: string | null;
}

/** Outcomes after which the workspace is not looked at (schema/wire/result.ts `JobOutcome`). */
export function carriesChanges(outcome: JobOutcome): boolean {
  return outcome !== 'cancelled' && outcome !== 'crashed' && outcome !== 'unable';
}

/**
 * The result. A change over a limit turns the outcome into `limit`; a change with parts that cannot
 * be proposed (links, submodules) is not finished and asks for a person. Texts pass `redact`.
 */
export function buildResult(parts: ResultParts, redact: (text: string) => string): JobResult {
  let { outcome, cause } = parts;
  const collected = carriesChanges(outcome) ? parts.collected : undefined;
  if (collected?.limit) {
    outcome = outcome === 'budget' ? outcome : 'limit';
    cause = `${cause}. No change was taken: ${collected.limit}`;
  }
  if (collected?.refusals.length) {
    if (outcome === 'finished') outcome = 'needs_human';
    cause = `${cause}. Not taken: ${collected.refusals.join('; ')}`;
  }
  const report = parts.report && Report.safeParse(redacted(parts.report, redact));
  const findings = parts.findings && Findings.safeParse(redacted(parts.findings, redact));
  if (report?.success === false || findings?.success === false) {
    // Whoever writes a file decides what a scanner takes for a secret: a fixed word of ours, for example.
    outcome = 'crashed';
    cause = 'The report cannot be told without a text that has to stay hidden';
  }
  const comment = parts.comment && redact(parts.comment).slice(0, RESULT_LIMITS.commentChars);
  return JobResult.parse({
    version: 1,
    attempt: parts.attempt ?? 1,
    outcome,
    cause: redact(cause).slice(0, CAUSE_CHARS),
    summary: redact(parts.summary ?? '').slice(0, RESULT_LIMITS.summaryChars),
    ...(comment ? { comment } : {}),
    ...(report?.success ? { report: report.data } : {}),
    ...(findings?.success ? { findings: findings.data } : {}),
    changes: outcome === 'crashed' ? [] : (collected?.changes ?? []),
    baseSha: parts.baseSha ?? NO_SHA,
    checks: parts.checks.slice(-RESULT_LIMITS.checks).map((check) => ({
      ...check,
      command: redact(check.command).slice(0, 500),
    })),
    ...(parts.coverage === null ? {} : { coverage: parts.coverage }),
    ...(parts.scans.length > 0 ? { scans: redacted(parts.scans, redact) } : {}),
    stats: parts.stats,
    ...(parts.attachments?.length
      ? { attachments: parts.attachments.map((one) => ({ ...one, title: redact(one.title) })) }
      : {}),
    ...setupOf(parts, redact),
  });
}

function setupOf(
  { isolation, engine }: ResultParts,
  redact: (text: string) => string,
): Pick<JobResult, 'setup'> {
  if (isolation === undefined) return {};
  const short = (text: string): string => redact(text).slice(0, RESULT_LIMITS.setupChars);
  return { setup: { isolation: short(isolation), engine: engine === null ? null : short(engine) } };
}

/** Fields that hold fixed words and ids of our own making, which no secret can stand in. */
const FIXED: ReadonlySet<string> = new Set([
  ...['kind', 'severity', 'scanner', 'state', 'id', 'verdict'],
]);

/** Ids of findings, and the public names of weaknesses: text of ours or of the world, never of a file. */
const NAMES = /^(?:[0-9a-f]{16}|CWE-\d+|CVE-\d+-\d+|GHSA(?:-[0-9a-z]{4}){3})$/;

function isFixed(key: string, value: string): boolean {
  return FIXED.has(key) || ((key === 'finding' || key === 'value') && NAMES.test(value));
}

/** Something typed with every text of it redacted. */
function redacted(
  report: Report | readonly Scan[] | readonly Finding[],
  redact: (text: string) => string,
): unknown {
  return JSON.parse(JSON.stringify(report), (key, value: unknown) =>
    typeof value === 'string' && !isFixed(key, value) ? redact(value) : value,
  );
}

/** Writes the result file; returns its path. */
export async function writeResult(dir: string, result: JobResult): Promise<string> {
  const path = join(dir, RESULT_FILE);
  await writeFresh(path, `${JSON.stringify(result, null, 1)}\n`);
  return path;
}
