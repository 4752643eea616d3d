/** The JUnit reports a pipeline uploaded, summed up as `…/test_report` shows them. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PipelineRecord } from '../../ci/contract.ts';

/** Bytes of one report that are read (GitLab: 30 MB a file). */
const MAX_REPORT = 30 * 1024 * 1024;

interface TestCase {
  status: 'success' | 'failed' | 'skipped' | 'error';
  name: string;
  classname: string;
  file: string | null;
  execution_time: number;
  system_output: string | null;
  stack_trace: null;
}

/** Entries of Code Quality reports that a pipeline uploaded, for its merge request's page. */
export async function qualityIssues(
  pipeline: PipelineRecord,
): Promise<{ severity: string; description: string; path: string }[]> {
  const found: { severity: string; description: string; path: string }[] = [];
  for (const job of pipeline.jobs) {
    const folder = job.artifactsDir;
    if (!folder) continue;
    for (const name of await readdir(folder).catch(() => [])) {
      if (!/codequality|code-quality/.test(name) || !name.endsWith('.json')) continue;
      for (const entry of JSON.parse(await readFile(join(folder, name), 'utf8')) as unknown[]) {
        const { severity, description, location } = entry as Record<string, unknown>;
        const path = String((location as { path?: unknown } | undefined)?.path ?? '');
        found.push({ severity: String(severity), description: String(description), path });
      }
    }
  }
  return found;
}

/** Suites per job that uploaded JUnit files; all zero when none did. */
export async function testReport(pipeline: PipelineRecord): Promise<Record<string, unknown>> {
  const suites: Record<string, unknown>[] = [];
  for (const job of pipeline.jobs) {
    const cases = job.artifactsDir ? await casesIn(job.artifactsDir) : [];
    if (cases.length > 0) suites.push(suite(job.name, cases));
  }
  const sum = (key: string): number =>
    suites.reduce((total, one) => total + Number(one[key] ?? 0), 0);
  return {
    total_time: sum('total_time'),
    total_count: sum('total_count'),
    success_count: sum('success_count'),
    failed_count: sum('failed_count'),
    skipped_count: sum('skipped_count'),
    error_count: sum('error_count'),
    test_suites: suites,
  };
}

/** The same in short, as `…/test_report_summary` shows it. */
export async function testSummary(pipeline: PipelineRecord): Promise<Record<string, unknown>> {
  const report = await testReport(pipeline);
  const { test_suites: suites, total_time: time, total_count: count } = report;
  return {
    total: {
      time,
      count,
      success: report['success_count'],
      failed: report['failed_count'],
      skipped: report['skipped_count'],
      error: report['error_count'],
      suite_error: null,
    },
    test_suites: (suites as Record<string, unknown>[]).map((one) => ({
      ...one,
      test_cases: undefined,
      build_ids: [],
    })),
  };
}

function suite(name: string, cases: readonly TestCase[]): Record<string, unknown> {
  const count = (status: TestCase['status']): number =>
    cases.filter((one) => one.status === status).length;
  return {
    name,
    total_time: cases.reduce((total, one) => total + one.execution_time, 0),
    total_count: cases.length,
    success_count: count('success'),
    failed_count: count('failed'),
    skipped_count: count('skipped'),
    error_count: count('error'),
    suite_error: null,
    test_cases: cases,
  };
}

async function casesIn(folder: string): Promise<TestCase[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const cases: TestCase[] = [];
  for (const entry of entries) {
    if (!entry.isFile() || !entry.name.endsWith('.xml')) continue;
    const text = await readFile(join(entry.parentPath, entry.name), 'utf8');
    if (text.length <= MAX_REPORT && /<testsuites?[\s>]/.test(text)) cases.push(...parse(text));
  }
  return cases;
}

function parse(xml: string): TestCase[] {
  const pattern = /<testcase\b([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g;
  return [...xml.matchAll(pattern)].map((match) => {
    const [, attributes = '', inner = ''] = match;
    const attribute = (name: string): string | null =>
      new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1] ?? null;
    const status = /<failure\b/.test(inner)
      ? 'failed'
      : /<error\b/.test(inner)
        ? 'error'
        : /<skipped\b/.test(inner)
          ? 'skipped'
          : 'success';
    return {
      status,
      name: attribute('name') ?? '',
      classname: attribute('classname') ?? '',
      file: attribute('file'),
      execution_time: Number(attribute('time') ?? 0),
      system_output: /<(?:failure|error)\b[^>]*>([\s\S]*?)<\//.exec(inner)?.[1] ?? null,
      stack_trace: null,
    };
  });
}
