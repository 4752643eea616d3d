/** Security reports and coverage that a pipeline uploaded, for its merge request's page. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { PipelineRecord } from '../../ci/contract.ts';

const NAME = /^gl-(sast|dependency-scanning|secret-detection)-report\.json$/;

const Report = z.object({
  version: z.string().regex(/^15\./),
  scan: z.object({
    type: z.enum(['sast', 'dependency_scanning', 'secret_detection']),
    status: z.enum(['success', 'failure']),
    scanner: z.object({ name: z.string() }),
    messages: z.array(z.object({ value: z.string() })).default([]),
  }),
  vulnerabilities: z.array(
    z.object({
      name: z.string(),
      severity: z.string(),
      location: z.object({ file: z.string(), start_line: z.number().optional() }),
      flags: z.array(z.unknown()).default([]),
    }),
  ),
});
export type SecurityReport = z.infer<typeof Report>;

/** What each security report says; one that GitLab would refuse is named with its first mistake. */
export async function securityReports(
  pipeline: PipelineRecord,
): Promise<{ file: string; report: SecurityReport | null; mistake: string }[]> {
  const found = await artifacts(pipeline, (name) => NAME.test(name));
  return found.map(({ name: file, text }) => {
    const parsed = Report.safeParse(JSON.parse(text));
    if (parsed.success) return { file, report: parsed.data, mistake: '' };
    return { file, report: null, mistake: parsed.error.issues[0]?.path.join('.') ?? '' };
  });
}

/** Files of a Cobertura report with the share of their lines that ran, in percent. */
export async function coveredFiles(
  pipeline: PipelineRecord,
): Promise<{ file: string; percent: number }[]> {
  const reports = await artifacts(pipeline, (name) => /coverage.*\.xml$/.test(name));
  return reports.flatMap(({ text }) =>
    [...text.matchAll(/<class [^>]*?filename="([^"]*)"[^>]*>([\s\S]*?)<\/class>/g)].map((match) => {
      const hits = [...(match[2] ?? '').matchAll(/ hits="(\d+)"/g)].map(([, count]) => count);
      const ran = hits.filter((count) => count !== '0').length;
      const percent = Math.round((100 * ran) / Math.max(1, hits.length));
      return { file: match[1] ?? '', percent };
    }),
  );
}

async function artifacts(
  pipeline: PipelineRecord,
  wanted: (name: string) => boolean,
): Promise<{ name: string; text: string }[]> {
  const found: { name: string; text: string }[] = [];
  for (const { artifactsDir: folder } of pipeline.jobs) {
    const names = folder ? await readdir(folder).catch(() => []) : [];
    for (const name of names.filter(wanted).toSorted()) {
      found.push({ name, text: await readFile(join(folder ?? '', name), 'utf8') });
    }
  }
  return found;
}
