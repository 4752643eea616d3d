/** Reports about what is to be done, as parts of a comment. */
import type {
  AnalysisReport,
  BacklogReport,
  FeasibilityReport,
} from '../../../../schema/wire/report-plans.ts';
import type { DeployPlanReport } from '../../../../schema/wire/report-delivery.ts';
import { code } from '../../../decide/text.ts';
import { counted, type Words } from './words.ts';

export function analysisText(report: AnalysisReport, words: Words): string[] {
  const { purpose, stack, parts, commands, strengths, problems, next } = report;
  return [
    ...words.quote(purpose, 1_000),
    ...(stack.length === 0
      ? []
      : ['', `**Built with** ${stack.map((one) => words.line(one, 100)).join(', ')}`]),
    ...words.table(
      ['part', 'what it is for'],
      parts.map(({ path, role }) => [pathCell(path), words.cell(role)]),
    ),
    ...words.table(
      ['command', 'does'],
      commands.map(({ command, does }) => [pathCell(command), words.cell(does)]),
    ),
    ...words.list('Strengths', strengths),
    ...words.table(
      ['problem', 'severity', 'where', 'what it means'],
      problems.map(({ title, severity, path, detail }) => [
        words.cell(title, 200),
        severity,
        path === undefined ? '' : pathCell(path),
        words.cell(detail),
      ]),
    ),
    ...words.list('What to do next', next, '1.'),
  ];
}

/** An open issue as the forge has it now. */
export interface OpenIssue {
  iid: number;
  title: string;
}

/** Only issues that are open and for everybody's eyes are named; `open` are those. */
export function backlogText(
  report: BacklogReport,
  words: Words,
  open: readonly OpenIssue[],
): string[] {
  const rows = report.order.flatMap(({ iid, priority, reason }, place) => {
    const issue = open.find((one) => one.iid === iid);
    const again = report.order.findIndex((other) => other.iid === iid) < place;
    if (issue === undefined || again) return [];
    return [[`#${iid} ${words.cell(issue.title, 120)}`, String(priority), words.cell(reason)]];
  });
  return [
    ...words.quote(report.text, 2_000),
    ...words.table(
      ['', 'issue', 'priority', 'why'],
      rows.map((row, at) => [String(at + 1), ...row]),
    ),
    ...(rows.length === 0 ? ['', 'None of the issues it names is open.'] : []),
    '',
    'Nothing was changed: labels, weights and milestones are yours to set.',
  ];
}

export function feasibilityText(report: FeasibilityReport, words: Words): string[] {
  const { feasible, confidence, text, size, risks, options, questions } = report;
  return [
    `**${feasible ? 'Can be done' : 'Cannot be done as it is asked'}** · confidence ${confidence}/10 · ${size}`,
    '',
    ...words.quote(text),
    ...words.table(
      ['risk', 'likelihood', 'answer'],
      risks.map(({ risk, likelihood, answer }) => [
        words.cell(risk),
        likelihood,
        words.cell(answer),
      ]),
    ),
    ...words.table(
      ['way', 'how', ''],
      options.map((option) => [
        words.cell(option.title, 200),
        words.cell(option.text, 600),
        option.recommended ? 'recommended' : '',
      ]),
    ),
    ...words.list('Questions to answer first', questions, '1.'),
  ];
}

export function deployPlanText(report: DeployPlanReport, words: Words): string[] {
  const { go, risk, text, steps, checks, wayBack } = report;
  return [
    `**${go ? 'Advised' : 'Advised against'}** · risk ${risk} · ${counted(steps.length, 'step')}`,
    '',
    ...words.quote(text),
    ...words.list('Steps', steps, '1.'),
    ...words.list('How to see that it works', checks),
    ...words.list('The way back', wayBack, '1.'),
  ];
}

/** A path or command in a cell: in code, and without the sign that would end the cell. */
export function pathCell(text: string): string {
  return code(text, 200).replaceAll('|', '¦');
}
