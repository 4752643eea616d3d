/**
 * Purpose: the threads of findings: how one is recognised, and which are answered by a newer look. The
 * marks stand on a thread's last line, which no model writes.
 */
import type { Run } from '../domain/runs.ts';
import { goneFindings, openFindings } from './findings.ts';
import { lookedAt } from './review.ts';

/** A thread of the bot's own: the text of its first note. */
export interface FindingThread {
  body: string;
}

const SEEN = /<!-- autodev:seen:(\w+):([0-9a-f]*) -->$/;

/** The identity of a finding as a mark that its words cannot leave. */
function mark(fingerprint: string): string {
  return `<!-- autodev:finding:${Buffer.from(fingerprint).toString('base64url')} -->`;
}

/** The last line of a thread: who raised it, its identity, and the head it was seen at. */
export function threadLine(finding: { fingerprint: string; by: string }, sha: string): string {
  return `_${finding.by}_ ${mark(finding.fingerprint)} <!-- autodev:seen:${finding.by}:${sha} -->`;
}

export function holds(thread: FindingThread, fingerprint: string): boolean {
  return thread.body.includes(mark(fingerprint));
}

/** Threads whose finding is gone, by the newest look of the run. */
export function goneThreads<T extends FindingThread>(run: Run, own: readonly T[]): T[] {
  return lookedAt(run) === null ? goneInRun(run, own) : goneSince(run, own);
}

/** Of what an earlier round of the run found and the newest did not. */
function goneInRun<T extends FindingThread>(run: Run, own: readonly T[]): T[] {
  const open = new Set(openFindings(run).map((finding) => finding.fingerprint));
  const gone = goneFindings(run).filter(({ fingerprint }) => !open.has(fingerprint));
  return own.filter((thread) => gone.some(({ fingerprint }) => holds(thread, fingerprint)));
}

/**
 * Of earlier looks at people's change, what this one did not raise again. Only the roles that looked now
 * can say so, and only of an older head: where nothing was pushed nothing was fixed.
 */
function goneSince<T extends FindingThread>(run: Run, own: readonly T[]): T[] {
  const open = openFindings(run);
  const roles = new Set(run.tasks.map((task) => String(task.agent)));
  return own.filter((thread) => {
    const [, role = '', sha = ''] = SEEN.exec(thread.body.trimEnd()) ?? [];
    if (!roles.has(role) || sha === '' || sha === lookedAt(run)) return false;
    return !open.some(({ fingerprint }) => holds(thread, fingerprint));
  });
}
