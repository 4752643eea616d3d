/** Which scanners a run may use is frozen when it starts, and people see what they came to. */
import { expect, test } from '@jest/globals';
import { scanLines } from '../../../bot/decide/scan-text.ts';
import { startRun } from '../../../bot/decide/start.ts';
import { RepoConfig } from '../../../schema/wire/repo-config.ts';
import type { JobResult } from '../../../schema/wire/result.ts';
import type { Scan, ScannerName } from '../../../schema/wire/scan.ts';
import { attempt, result, run, snapshot, task } from './builders.ts';

function started(asked: ScannerName[], command: string) {
  const base = snapshot();
  const config = RepoConfig.parse({ security: { scanners: asked } });
  const outcome = startRun(
    {
      command,
      args: '',
      requester: { id: 9, username: 'sam' },
      target: { type: 'issue', iid: 12 },
      noteId: null,
      discussionId: null,
    },
    { ...base, repoConfig: { config, problems: [] } },
  );
  if (!outcome.ok) throw new Error(outcome.problem);
  const write = outcome.writes.find((one) => one.op === 'create_run');
  return write?.op === 'create_run' ? write.run : null;
}

test('a run may use what the repository asks for and the installation allows', () => {
  // The builders' settings do not allow Trivy.
  const made = started(['trivy', 'gitleaks'], 'implement');
  expect(made?.context.scanners).toEqual(['gitleaks']);
  // A builder's task starts without any.
  expect(made?.launch?.tasks[0]?.spec.scanners).toBeUndefined();
  expect(started([], 'implement')?.context.scanners).toBeUndefined();
});

const found = (id: string, rule: string): Scan['findings'][number] => ({
  id: id.repeat(16),
  kind: 'secret',
  rule,
  severity: 'critical',
  title: 'Secret @dana /merge',
  text: '',
  path: 'a.env',
  line: 3,
  endLine: 3,
  identifiers: [],
});
const scan = (scanner: ScannerName, patch: Partial<Scan>): Scan => ({
  scanner,
  version: '8.28.0',
  state: 'done',
  why: '/merge @dana',
  seconds: 1,
  findings: [],
  omitted: 0,
  dependencies: [],
  ...patch,
});

test('people see the counts, each finding, and the judgement on it; no text of strangers', () => {
  const scans = [
    scan('gitleaks', { findings: [found('a', 'key'), found('b', 'x`|@dana')] }),
    scan('semgrep', { state: 'missing' }),
    scan('trivy', { state: 'failed' }),
  ];
  const report: JobResult['report'] = {
    kind: 'security',
    rubric: {
      privilegeEscalation: false,
      destructiveWithoutSafeguard: false,
      unvalidatedExternalApi: false,
      missingAuditLog: false,
      encryption: false,
      advancedAudit: false,
    },
    findings: [],
    judgements: [{ finding: 'a'.repeat(16), verdict: 'false_positive', reason: '/merge' }],
  };
  const done = task({
    type: 'security_scan',
    agent: 'security',
    attempts: [attempt({ result: result({ report, scans }) })],
  });
  expect(scanLines(run({ tasks: [done] }))).toEqual([
    '**Scanners** Gitleaks `8.28.0` 2 findings (1 judged false) · Semgrep is not on the runner · ' +
      'Trivy did not finish; the job log says why',
    '',
    '<details><summary>What the scanners found, and what the agent makes of it</summary>',
    '',
    '- critical · Gitleaks `key` at `a.env:3` · judged a false positive',
    "- critical · Gitleaks `x'|@dana` at `a.env:3` · not judged",
    '',
    '</details>',
    '',
  ]);
  expect(scanLines(run({ tasks: [] }))).toEqual([]);
});
