/**
 * Purpose: the threads of findings: how one is recognised, and what is told in it after a look. The mark
 * stands on a thread's last line, which no model writes.
 */
import type { Effect } from '../domain/effects.ts';
import type { KnownFinding } from '../domain/findings.ts';
import type { Run } from '../domain/runs.ts';
import { openFindings } from './findings.ts';

/** The identity of a finding as a mark that its words cannot leave. */
function mark(fingerprint: string): string {
  return `<!-- autodev:finding:${fingerprint} -->`;
}

/** The last line of a thread: who raised it, and its identity. */
export function threadLine(finding: { fingerprint: string; by: string }): string {
  return `_${finding.by}_ ${mark(finding.fingerprint)}`;
}

/** Whether the first note of a thread of the bot's own is about this finding. */
export function holds(body: string, fingerprint: string): boolean {
  return body.trimEnd().endsWith(mark(fingerprint));
}

/** Threads for what is new, and words in those that are there. */
export function threadEffects(run: Run): Effect[] {
  const { id, round } = run;
  const untold = openFindings(run).some(({ threadId }) => threadId === null);
  const told = run.findings.some(({ threadId }) => threadId !== null);
  return [
    ...(untold ? [{ kind: 'open_threads', run: id, round } as const] : []),
    ...(told ? [{ kind: 'resolve_threads', run: id, round } as const] : []),
  ];
}

/** What a thread is told: one line, and whether it is resolved or opened again with it. */
export interface Told {
  /** Null where there is nothing to say. */
  line: string | null;
  /** The line says how it stands at a head: a newer one takes its place. */
  standing: boolean;
  resolve: boolean;
  reopen: boolean;
}

/** Begins the one note of a thread that says how its finding stands; it is edited in place. */
export const STANDING = 'Still there at';

/**
 * What is to be told of a finding whose thread is as given. A thread that a person resolved is left
 * alone while the finding is open: the next look judges it.
 * `why` is the finding's, made harmless by the caller.
 */
export function tellOf(
  finding: KnownFinding,
  thread: { resolved: boolean; byBot: boolean },
  head: string,
  why: string,
): Told {
  const at = head.slice(0, 8);
  const nothing: Told = { line: null, standing: false, resolve: false, reopen: false };
  const closed = (line: string | null): Told =>
    thread.resolved ? nothing : { ...nothing, line, resolve: true };
  switch (finding.state) {
    case 'fixed':
      return closed(`Fixed in ${finding.lastSha.slice(0, 8)}.`);
    case 'outdated':
      return closed(`Its file is gone at ${finding.lastSha.slice(0, 8)}.`);
    case 'dismissed':
      return closed(null);
    case 'open': {
      if (finding.lastSha !== head) return nothing;
      if (thread.resolved) {
        const line = `There again at ${at}.`;
        return thread.byBot ? { ...nothing, line, reopen: true } : nothing;
      }
      if (finding.firstSha === head) return nothing;
      const because = why === '' ? '' : `: ${why}`;
      return { ...nothing, line: `${STANDING} ${at}${because || '.'}`, standing: true };
    }
  }
}
