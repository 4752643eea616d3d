/** Semgrep: patterns in code, with rules of ours or of the people who run the runner. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import type { Severity } from '../../schema/wire/finding.ts';
import { ENTRIES, pathWithin, type RawFinding } from './findings.ts';
import { readJson, ScanError, type Bench, type Found, type Scanner } from './scanner.ts';
import { SEMGREP_RULES } from './semgrep-rules.ts';

const REPORT = 'semgrep.json';

const Match = z.object({
  check_id: z.string().min(1),
  path: z.string(),
  start: z.object({ line: z.number() }),
  end: z.object({ line: z.number() }),
  extra: z.object({
    message: z.string().default(''),
    severity: z.string().default('INFO'),
    metadata: z.record(z.string(), z.unknown()).default({}),
  }),
});
const Output = z.object({ results: z.array(z.unknown()) });

const SEVERITY: Readonly<Record<string, Severity>> = {
  CRITICAL: 'critical',
  ERROR: 'high',
  HIGH: 'high',
  WARNING: 'medium',
  MEDIUM: 'medium',
  INFO: 'low',
  LOW: 'low',
};

export const semgrep: Scanner = {
  name: 'semgrep',
  program: 'semgrep',
  version: ['--version'],
  network: false,
  folders: ({ semgrepRules }) => ({ readable: semgrepRules ? [semgrepRules] : [], writable: [] }),
  scan,
};

async function scan({ workspace, scratch, env, call, output }: Bench): Promise<Found> {
  const own = join(scratch, 'rules.yaml');
  // JSON is YAML.
  await writeFile(own, JSON.stringify({ rules: SEMGREP_RULES }));
  await call({
    // No comment and no ignore file of the repository takes anything out of the look; nothing is mended.
    args: [
      ...['scan', '--config', env.semgrepRules ?? own, '--metrics', 'off'],
      ...['--disable-version-check', '--disable-nosem', '--no-git-ignore'],
      ...['--x-semgrepignore-filename', '.autodev-no-such-file', '--no-rewrite-rule-ids'],
      ...['--timeout', '10', '--timeout-threshold', '3', '--jobs', '2', '--quiet'],
      ...['--json', '--output', join(scratch, REPORT), workspace],
    ],
    good: [0, 1],
  });
  return readSemgrep(await output(REPORT), workspace);
}

/** Its JSON output. @throws ScanError */
export function readSemgrep(text: string, workspace: string): Found {
  const parsed = Output.safeParse(readJson(text));
  if (!parsed.success) throw new ScanError('its output has no results');
  const findings: RawFinding[] = [];
  let unreadable = Math.max(0, parsed.data.results.length - ENTRIES);
  for (const entry of parsed.data.results.slice(0, ENTRIES)) {
    const match = Match.safeParse(entry);
    const path = match.success ? pathWithin(workspace, match.data.path) : null;
    if (!match.success || path === null) {
      unreadable += 1;
      continue;
    }
    const { check_id: rule, start, end, extra } = match.data;
    findings.push({
      rule,
      severity: SEVERITY[extra.severity.toUpperCase()] ?? 'low',
      title: extra.message.split(/[.\n]/, 1)[0] || rule,
      text: extra.message,
      path,
      line: start.line,
      endLine: end.line,
      names: [extra.metadata['cwe']].flat().map(String),
    });
  }
  return { findings, unreadable };
}
