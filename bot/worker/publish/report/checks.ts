/** Reports about how good something is, as parts of a comment. */
import type { Finding } from '../../../../schema/wire/finding.ts';
import type {
  AuditReport,
  ComplianceReport,
  CoverageReport,
  StaticAnalysisReport,
  ValidationReport,
} from '../../../../schema/wire/report-checks.ts';
import { pathCell } from './plans.ts';
import { counted, type Words } from './words.ts';

/** `threads`: the findings stand in threads of the change, and are only counted here. */
export function validationText(report: ValidationReport, words: Words, threads: boolean): string[] {
  const { score, criteria, findings } = report;
  const held = criteria.filter(({ holds }) => holds === 'yes').length;
  return [
    `**${held} of ${criteria.length} criteria hold** · score ${score}`,
    ...words.table(
      ['criterion', 'holds', 'what was seen'],
      criteria.map(({ criterion, holds, evidence }) => [
        words.cell(criterion),
        holds,
        words.cell(evidence, 500),
      ]),
    ),
    ...findingsText(findings, words, threads),
  ];
}

export function staticAnalysisText(
  report: StaticAnalysisReport,
  words: Words,
  threads: boolean,
): string[] {
  const { score, looked, findings } = report;
  return [
    `**${counted(findings.length, 'finding')}** · score ${score}`,
    ...findingsText(findings, words, threads),
    ...words.list('What was looked at', looked),
  ];
}

function findingsText(findings: readonly Finding[], words: Words, threads: boolean): string[] {
  if (findings.length === 0) return ['', 'No findings.'];
  if (threads) return ['', 'Findings stand in threads on their lines.'];
  return words.table(
    ['finding', 'severity', 'where', 'what goes wrong'],
    findings.map(({ title, severity, path, line, body }) => [
      words.cell(title, 200),
      severity,
      pathCell(`${path}:${line}`),
      words.cell(body),
    ]),
  );
}

export function coverageText(report: CoverageReport, words: Words): string[] {
  return [
    ...words.quote(report.text, 2_000),
    ...words.table(
      ['gap', 'severity', 'what could break unnoticed', 'the test that is missing'],
      report.gaps.map(({ path, from, to, severity, why, test }) => [
        pathCell(from === to ? `${path}:${from}` : `${path}:${from}–${to}`),
        severity,
        words.cell(why),
        words.cell(test),
      ]),
    ),
    ...(report.gaps.length === 0 ? ['', 'No gaps were found.'] : []),
    '',
    'Figures of coverage come from the pipeline, not from the agent.',
  ];
}

export function auditText(report: AuditReport, words: Words): string[] {
  const { dependencies, looked } = report;
  return [
    `**${counted(dependencies.length, 'dependency', 'dependencies')} with known problems**`,
    ...words.table(
      ['package', 'advisory', 'severity', 'fixed in', 'what it means here'],
      dependencies.map((one) => [
        pathCell(`${one.package}@${one.version}`),
        words.cell(one.advisory, 100),
        one.severity,
        one.fixedVersion === undefined ? 'no version yet' : pathCell(one.fixedVersion),
        `${words.cell(one.why)} (${pathCell(one.path)})`,
      ]),
    ),
    ...words.list('What was looked through', looked),
  ];
}

export function complianceText(report: ComplianceReport, words: Words): string[] {
  const { rules } = report;
  const broken = rules.filter(({ holds }) => holds === 'no').length;
  const unclear = rules.filter(({ holds }) => holds === 'unclear').length;
  const doubt = unclear === 0 ? '' : `, ${unclear} could not be judged`;
  return [
    `**${broken} of ${counted(rules.length, 'rule')} ${broken === 1 ? 'is' : 'are'} broken**${doubt}`,
    ...words.table(
      ['rule', 'from', 'holds', 'evidence'],
      rules.map(({ rule, source, holds, evidence, path, line }) => [
        words.cell(rule),
        words.cell(source, 200),
        holds,
        `${words.cell(evidence, 500)}${path === undefined ? '' : ` (${pathCell(line === undefined ? path : `${path}:${line}`)})`}`,
      ]),
    ),
  ];
}
