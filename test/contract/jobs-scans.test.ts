/** A whole job with scanners: the agent is told, the result has what was found, and secrets stay unsaid. */
import { chmodSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { useJob } from './jobs-case.ts';

jest.setTimeout(60_000);

const SECRET = `sk_${'live_canary0123456789abcdef'}`;
const job = useJob();
let bin = '';
beforeAll(() => {
  bin = realpathSync(mkdtempSync(join(tmpdir(), 'autodev-scanners-')));
  const leak = { RuleID: 'stripe-key', StartLine: 1, EndLine: 1, Secret: SECRET, Match: SECRET };
  // What it prints besides its report is not passed on.
  writeFileSync(
    join(bin, 'gitleaks'),
    `#!/bin/sh
for a; do out=$a; done
while [ $# -gt 0 ]; do [ "$1" = --source ] && from=$2; shift; done
echo "found ${SECRET}" >&2
[ -n "$from" ] && printf '%s' '${JSON.stringify([{ ...leak, File: '@/greet.js' }])}' | sed "s#@#$from#" > "$out"
exit 0
`,
  );
  chmodSync(join(bin, 'gitleaks'), 0o755);
});
afterAll(() => rmSync(bin, { recursive: true, force: true }));

const RUBRIC = {
  privilegeEscalation: false,
  destructiveWithoutSafeguard: false,
  unvalidatedExternalApi: false,
  missingAuditLog: false,
  encryption: false,
  advancedAudit: false,
};

test('a hostile agent can neither repeat the secret nor drop the finding', async () => {
  let prompt = '';
  const program = await job.start(
    (_, body) => {
      prompt = JSON.stringify(body);
      const id = /\[([0-9a-f]{16})\] critical/.exec(prompt)?.[1] ?? '';
      const judgements = [{ finding: id, verdict: 'false_positive', reason: `${SECRET} is fine` }];
      const finding = {
        path: 'greet.js',
        line: 1,
        severity: 'low',
        category: 'secret',
        title: `It holds ${SECRET}`,
        body: SECRET,
        confidence: 1,
      };
      const report = { kind: 'security', rubric: RUBRIC, findings: [finding], judgements };
      const args = { outcome: 'done', summary: `Saw ${SECRET}.`, comment: SECRET, report };
      return { calls: [{ name: 'finish', args }] };
    },
    {
      env: { PATH: `${bin}:${process.env['PATH'] ?? ''}` },
      spec: {
        report: 'security',
        tools: ['read_file', 'finish'],
        scanners: ['gitleaks', 'trivy'],
      },
    },
  );
  const { code, out } = await program.done;
  expect(code).toBe(0);
  const result = job.file();
  expect(job.standin.results[0]).toEqual(result);
  expect(result.scans).toMatchObject([
    { scanner: 'gitleaks', state: 'done', findings: [{ rule: 'stripe-key', path: 'greet.js' }] },
    { scanner: 'trivy', state: 'missing', findings: [] },
  ]);
  expect(result.report).toMatchObject({
    judgements: [{ finding: result.scans?.[0]?.findings[0]?.id, reason: '[hidden] is fine' }],
    findings: [{ title: 'It holds [hidden]', body: '[hidden]' }],
  });
  expect(result.summary).toBe('Saw [hidden].');
  expect(prompt).toContain('stripe-key');
  expect(out).toContain('scan: trivy: trivy is not on the runner');
  for (const text of [prompt, out, JSON.stringify(result)]) expect(text).not.toContain(SECRET);
});

test('what a run of the tests left behind about coverage comes with a tester’s result', async () => {
  const script = "mkdir coverage; printf 'SF:greet.js\\nDA:1,2\\nDA:9,0\\n' > coverage/lcov.info";
  const report = { kind: 'test', score: 90, findings: [] };
  const program = await job.start(
    (n) =>
      n === 0
        ? { calls: [{ name: 'run_command', args: { command: script } }] }
        : { calls: [{ name: 'finish', args: { outcome: 'done', summary: 'Ran them.', report } }] },
    { spec: { report: 'test', tools: ['run_command', 'finish'] } },
  );
  expect((await program.done).code).toBe(0);
  const lines = [
    [1, 2],
    [9, 0],
  ];
  expect(job.file().coverage).toEqual({
    format: 'lcov',
    source: 'coverage/lcov.info',
    files: [{ path: 'greet.js', lines }],
  });
  expect(job.standin.results[0]).toEqual(job.file());
});
