/** `autodev-job reports`: fetches what agents found, in the forge's own report formats (ADR 0007). */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ReportsResponse } from '../schema/wire/job-api.ts';
import { ApiRefusal, post } from './api.ts';
import type { JobEnv } from './env.ts';
import { JobError } from './errors.ts';
import { requireIdToken, serverUrl } from './id-token.ts';
import type { RunLog } from './run-log.ts';
import { writeFresh } from './write-fresh.ts';

/** Names that ci-templates/autodev.yml declares as reports. */
type Kind = Exclude<keyof ReportsResponse, 'coverage'>;

const FILES: Readonly<Record<Kind, string>> = {
  junit: 'autodev-junit.xml',
  codequality: 'autodev-codequality.json',
  sast: 'gl-sast-report.json',
  dependencyScanning: 'gl-dependency-scanning-report.json',
  secretDetection: 'gl-secret-detection-report.json',
  sarif: 'autodev.sarif',
  cobertura: 'autodev-coverage.xml',
};

/** Asks the bot for this pipeline's reports and writes them into `dir`. @throws JobError */
export async function fetchReports(env: JobEnv, dir: string, log: RunLog): Promise<void> {
  const token = requireIdToken(env.idToken);
  const server = serverUrl(token, env.server);
  const text = await post(`${server}/api/job/reports`, {
    token,
    onRetry: (reason, pause) => log.line(`reports: ${reason}, trying again in ${pause} ms`),
  }).catch((error: unknown) => {
    if (!(error instanceof ApiRefusal)) throw error;
    throw new JobError(
      `The bot at ${server} gave no reports (${error.status} ${error.code})`,
      error.message,
      error.fix ?? 'Check that the project is connected: autodev doctor',
    );
  });
  const reports = read(text);
  await mkdir(dir, { recursive: true });
  for (const [kind, file] of Object.entries(FILES) as [Kind, string][]) {
    const report = reports[kind];
    if (report === null) {
      // An empty file would say that somebody looked and found nothing.
      log.line(`reports: no ${file}, because nobody was asked for it`);
      continue;
    }
    await writeFresh(join(dir, file), report);
    log.line(`reports: ${Buffer.byteLength(report)} bytes written to ${file}`);
  }
  // The template's `coverage:` reads the figure from this line.
  if (reports.coverage !== null) log.line(`AutoDev coverage: ${reports.coverage}%`);
}

function read(text: string): ReportsResponse {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  const parsed = ReportsResponse.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new JobError(
    'The answer with the reports does not fit',
    `${parsed.error.issues[0]?.path.join('.') || 'the whole answer'} is wrong`,
    'Use the image of autodev-job that belongs to the version of the bot',
  );
}
