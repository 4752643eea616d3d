/** Gitleaks: secrets in the files. What it found is known here only to be hidden everywhere else. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { ENTRIES, pathWithin, type RawFinding } from './findings.ts';
import { readJson, ScanError, type Bench, type Found, type Scanner } from './scanner.ts';

/** Its own rules, whatever a `.gitleaks.toml` of the repository says. */
const CONFIG = '[extend]\nuseDefault = true\n';
const REPORT = 'gitleaks.json';
const MEGABYTES = '5';

const Leak = z.object({
  RuleID: z.string().min(1),
  Description: z.string().default(''),
  StartLine: z.number(),
  EndLine: z.number(),
  File: z.string(),
  Match: z.string().default(''),
  Secret: z.string().default(''),
});

export const gitleaks: Scanner = {
  name: 'gitleaks',
  program: 'gitleaks',
  version: ['version'],
  network: false,
  folders: () => ({ readable: [], writable: [] }),
  scan,
};

async function scan({ workspace, scratch, call, output }: Bench): Promise<Found> {
  const config = join(scratch, 'gitleaks.toml');
  await writeFile(config, CONFIG);
  await call({
    // Comments and ignore files of the repository are its author's word. An ignore file beside the
    // sources is read all the same, but names absolute paths here, which nobody knows in advance.
    args: [
      ...['detect', '--no-git', '--source', workspace, '--config', config],
      ...['--ignore-gitleaks-allow', '--gitleaks-ignore-path', scratch],
      ...['--max-target-megabytes', MEGABYTES, '--exit-code', '0', '--no-banner'],
      ...['--report-format', 'json', '--report-path', join(scratch, REPORT)],
    ],
    good: [0],
  });
  return readGitleaks(await output(REPORT), workspace);
}

/** Its JSON report. @throws ScanError */
export function readGitleaks(text: string, workspace: string): Found {
  const entries = z.array(z.unknown()).safeParse(readJson(text.trim() === '' ? '[]' : text));
  if (!entries.success) throw new ScanError('its report is not a list');
  const findings: RawFinding[] = [];
  const secrets: string[] = [];
  let unreadable = Math.max(0, entries.data.length - ENTRIES);
  for (const entry of entries.data.slice(0, ENTRIES)) {
    const leak = Leak.safeParse(entry);
    const path = leak.success ? pathWithin(workspace, leak.data.File) : null;
    if (!leak.success || path === null) {
      unreadable += 1;
      continue;
    }
    const { RuleID, Description, StartLine, EndLine, Secret } = leak.data;
    secrets.push(Secret);
    findings.push({
      rule: RuleID,
      severity: 'critical',
      title: `Secret in a file: ${RuleID}`,
      text: Description,
      path,
      line: StartLine,
      endLine: EndLine,
      names: ['CWE-798'],
    });
  }
  return { findings, unreadable, secrets };
}
