/** The page that people approve: a specification, or the plan of an epic with its children. */
import type { EpicReport, SpecReport } from '../../../schema/wire/report.ts';

/** The report as Markdown; every word of it is by the model and read as a diff. */
export function pageOf(report: SpecReport | EpicReport): string {
  if (report.kind === 'spec') {
    return [report.text.trimEnd(), ...section('Acceptance criteria', report.acceptance)].join('\n');
  }
  const children = report.children.flatMap((child, index) => {
    const after = child.dependsOn.map((other) => other + 1).join(', ');
    return [
      '',
      `## ${index + 1}. ${oneLine(child.title)}`,
      '',
      `Priority ${child.priority} of 10${after === '' ? '' : `; after ${after}`}.`,
      '',
      child.text.trim(),
      ...section('Acceptance criteria', child.acceptance, '###'),
    ];
  });
  return [report.text.trimEnd(), ...children].join('\n');
}

function section(title: string, items: readonly string[], level = '##'): string[] {
  if (items.length === 0) return [];
  return ['', `${level} ${title}`, '', ...items.map((item) => `- ${oneLine(item)}`)];
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}
