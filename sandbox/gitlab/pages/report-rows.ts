/** What the widgets of a merge request show: reports of its head pipeline, never of child pipelines. */
import type { PipelineRecord } from '../../ci/contract.ts';
import { coveredFiles, securityReports, type SecurityReport } from '../services/scan-reports.ts';
import { qualityIssues, testReport } from '../services/test-report.ts';
import { html, type Markup } from './html.ts';

const TITLES: Readonly<Record<SecurityReport['scan']['type'], string>> = {
  sast: 'SAST',
  dependency_scanning: 'Dependency scanning',
  secret_detection: 'Secret detection',
};

/** The section; null where there is nothing to show. */
export async function reportRows(pipeline: PipelineRecord | undefined): Promise<Markup | null> {
  if (!pipeline?.spec.mergeRequest) return null;
  const [tests, issues, security, covered] = await Promise.all([
    testReport(pipeline),
    qualityIssues(pipeline),
    securityReports(pipeline),
    coveredFiles(pipeline),
  ]);
  if (tests['total_count'] === 0 && issues.length === 0 && security.length === 0) return null;
  return html`<h2>Reports</h2>
    <p>
      Test summary: ${String(tests['failed_count'])} failed, ${String(tests['total_count'])} in all
    </p>
    <p>Code Quality: ${issues.length} findings</p>
    <ul>
      ${issues.map((one) => html`<li>${one.severity} · ${one.description} in ${one.path}</li>`)}
    </ul>
    ${security.length === 0 ? html`<p>Security: no reports</p>` : securityRows(security)}
    ${covered.length > 0 ? html`<p>Coverage of lines: ${covered.map(({ file, percent }) => `${file} ${percent} %`).join(', ')}</p>` : null}`;
}

function securityRows(reports: Awaited<ReturnType<typeof securityReports>>): Markup {
  return html`<p>Security (a widget on Ultimate, else files to download)</p>
    <ul>
      ${reports.map(({ file, report, mistake }) =>
        report === null ? html`<li>${file} is refused: ${mistake}</li>` : securityRow(report),
      )}
    </ul>`;
}

function securityRow({ scan, vulnerabilities }: SecurityReport): Markup {
  const done =
    scan.status === 'success' ? `${vulnerabilities.length} findings` : 'the scan did not finish';
  const told = scan.messages.map(({ value }) => ` · ${value}`).join('');
  return html`<li>
    ${TITLES[scan.type]} by ${scan.scanner.name}: ${done}${told}
    <ul>
      ${vulnerabilities.map(({ name, severity, location, flags }) => {
        const line = location.start_line === undefined ? '' : `:${location.start_line}`;
        const flagged = flags.length > 0 ? ' (flagged as a likely false positive)' : '';
        return html`<li>${severity} · ${name} in ${location.file}${line}${flagged}</li>`;
      })}
    </ul>
  </li>`;
}
