/** Coverage as Cobertura, which GitLab shows beside the lines of a change. */
import type { Coverage } from '../../schema/wire/coverage.ts';
import { escapeXml, plainPath } from './reports-finding.ts';

/** Lines that ran, in percent with one digit; null where there are no lines. */
export function coveragePercent(coverage: Coverage | null): number | null {
  const { valid, covered } = count(coverage?.files.flatMap(({ lines }) => lines) ?? []);
  return valid === 0 ? null : Math.round((covered / valid) * 1000) / 10;
}

/** Cobertura's XML; null when no file was left behind that says anything. */
export function coberturaReport(coverage: Coverage | null, at: Date): string | null {
  if (coverage === null) return null;
  const classes = coverage.files.map(({ path, lines }) => {
    const name = escapeXml(plainPath(path));
    const { rate } = count(lines);
    return [
      `        <class name="${name}" filename="${name}" line-rate="${rate}" branch-rate="0" complexity="0">`,
      '          <methods/>',
      '          <lines>',
      ...lines.map(([line, hits]) => `            <line number="${line}" hits="${hits}"/>`),
      '          </lines>',
      '        </class>',
    ].join('\n');
  });
  const { valid, covered, rate } = count(coverage.files.flatMap(({ lines }) => lines));
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<!DOCTYPE coverage SYSTEM "http://cobertura.sourceforge.net/xml/coverage-04.dtd">',
    `<coverage line-rate="${rate}" branch-rate="0" lines-covered="${covered}" lines-valid="${valid}" ` +
      `branches-covered="0" branches-valid="0" complexity="0" version="1" timestamp="${at.getTime()}">`,
    '  <sources/>',
    '  <packages>',
    `    <package name="all" line-rate="${rate}" branch-rate="0" complexity="0">`,
    '      <classes>',
    ...classes,
    '      </classes>',
    '    </package>',
    '  </packages>',
    '</coverage>',
    '',
  ].join('\n');
}

function count(lines: readonly (readonly [number, number])[]): {
  valid: number;
  covered: number;
  rate: string;
} {
  const covered = lines.filter(([, hits]) => hits > 0).length;
  const rate = lines.length === 0 ? 0 : covered / lines.length;
  return { valid: lines.length, covered, rate: rate.toFixed(4) };
}
