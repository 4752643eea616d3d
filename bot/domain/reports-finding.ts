/** What the reports of every format share: a finding with its identity, and how paths and words are written. */
import type { Finding } from '../../schema/wire/finding.ts';

/** A finding with its identity over rounds and who raised it. */
export interface ReportedFinding extends Finding {
  fingerprint: string;
  by: string;
}

/** GitLab wants paths from the root of the repository, without `./`. */
export function plainPath(path: string): string {
  return path
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/');
}

/** Words as an identifier: `SQL injection` becomes `sql-injection`. */
export function slug(text: string): string {
  const words = text.toLowerCase().split(/[^a-z0-9]+/);
  return words.filter((word) => word !== '').join('-') || 'other';
}
