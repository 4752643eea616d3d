/** What the reports of every format share: a finding with its identity, and how paths and words are written. */
import { createHash } from 'node:crypto';
import type { Finding, Severity } from '../../schema/wire/finding.ts';

/** A finding with its identity over rounds and who raised it. */
export interface ReportedFinding extends Finding {
  fingerprint: string;
  by: string;
}

/** Everything but what XML 1.0 allows: controls, halves of pairs, signs that are none. */
const NOT_TEXT = /[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu;
const HALF_PAIR = /[\uD800-\uDBFF]$/;

/**
 * Text that every format can carry: what XML 1.0 has no sign for and PostgreSQL cannot store is left out,
 * and it is cut after `maxChars`.
 */
export function plainText(text: string, maxChars = Number.POSITIVE_INFINITY): string {
  const plain = text.replaceAll(NOT_TEXT, '');
  if (plain.length <= maxChars) return plain;
  return `${plain.slice(0, maxChars - 1).replace(HALF_PAIR, '')}…`;
}

/** Text as XML may hold it. */
export function escapeXml(text: string): string {
  return plainText(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

/** One line of plain text that is never empty. */
export function plainLine(text: string, maxChars: number): string {
  return plainText(text.replaceAll(/\s+/g, ' ').trim(), maxChars) || '-';
}

/** GitLab wants paths from the root of the repository, without `./`; none leads out of it. */
export function plainPath(path: string): string {
  const parts = plainText(path)
    .split('/')
    .filter((part) => part !== '' && part !== '.' && part !== '..');
  return parts.join('/') || 'unknown';
}

/** Words as an identifier: `SQL injection` becomes `sql-injection`. */
export function slug(text: string): string {
  const words = text.toLowerCase().split(/[^a-z0-9]+/);
  return words.filter((word) => word !== '').join('-') || 'other';
}

/** The number in `CWE-79`, wherever the agent named it; null when it names none. */
export function cweOf({
  cwe,
  category,
  title,
}: Pick<Finding, 'cwe' | 'category' | 'title'>): string | null {
  const found = /\bCWE-(\d{1,7})\b/i.exec(`${cwe ?? ''} ${category} ${title}`);
  return found?.[1] ?? null;
}

/** SHA-256 of a fingerprint: the same finding has the same one in every report. */
export function digestOf(fingerprint: string): string {
  return createHash('sha256').update(fingerprint).digest('hex');
}

/** A UUID that only the fingerprint decides. */
export function uuidOf(fingerprint: string): string {
  const hex = digestOf(fingerprint);
  const part = (from: number, to: number): string => hex.slice(from, to);
  return `${part(0, 8)}-${part(8, 12)}-5${part(13, 16)}-a${part(17, 20)}-${part(20, 32)}`;
}

/** Severities as GitLab's security reports name them. */
export const GITLAB_SEVERITY: Readonly<Record<Severity, string>> = {
  critical: 'Critical',
  high: 'High',
  medium: 'Medium',
  low: 'Low',
  info: 'Info',
};
