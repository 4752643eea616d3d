/** Whole journeys on a place: what its played agents bring, and people who decide at its gates. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { MergeRequest, Project } from '../../sandbox/gitlab/state/types.ts';
import type { TaskSpec } from '../../schema/wire/job-api.ts';
import type { JobResult } from '../../schema/wire/result.ts';
import { SAMPLE_FINDING, SAMPLE_REPORTS } from '../../test/support/sample-reports.ts';
import { TooLate } from '../../test/support/until.ts';
import type { Place } from './place.ts';

const LOOK_MS = 200;
const LIMIT_MS = 180_000;
const STATUS = '<!-- autodev:status -->';
const OVER = /^### AutoDev · .* · (done|needs-human|refused|budget|outage|no-runner|cancelled)$/m;

/** Lets reviewers find one thing in the first look at each change, and nothing in the next. */
export function hireReviewers(place: Place): void {
  const built = new Map<string, string>();
  const looked = new Set<string>();
  place.ci.steer.bring = (spec: TaskSpec): Partial<JobResult> => {
    const about = /Journey \d+/.exec(spec.input)?.[0] ?? '';
    if (spec.report === 'build') built.set(about, `played/attempt-${spec.attempt}.txt`);
    if (spec.report === 'spec') {
      // Runs that would change the same files wait for each other.
      const files = [`played/${about.replace(' ', '-')}.txt`];
      return { report: { ...SAMPLE_REPORTS.spec, confidence: 9, files } };
    }
    if (spec.report === 'issues') {
      const issues = SAMPLE_REPORTS.issues.issues.map((issue) => {
        return { ...issue, title: `${issue.title} of ${about}`, files: [`src/${about}.js`] };
      });
      return { report: { ...SAMPLE_REPORTS.issues, issues } };
    }
    if (spec.report === 'triage') {
      return { report: { ...SAMPLE_REPORTS.triage, missing: [], duplicates: [] } };
    }
    if (spec.report === 'test') return { report: { kind: 'test', score: 95, findings: [] } };
    if (spec.report !== 'review' || looked.has(about)) return {};
    looked.add(about);
    const path = built.get(about) ?? 'README.md';
    const findings = [{ ...SAMPLE_FINDING, path, line: 1 }];
    return { report: { kind: 'review', score: 60, findings } };
  };
}

/** Approves what waits at a gate until every journey of the project has its verdict. Rejects after three minutes. */
export async function decideAll(place: Place, project: Project): Promise<void> {
  const approved = new Set<string>();
  const deadline = performance.now() + LIMIT_MS;
  for (;;) {
    const open = project.issues
      .filter(({ title }) => title.startsWith('Journey'))
      .map(({ iid, notes }) => {
        return { iid, text: notes.find(({ body }) => body.includes(STATUS))?.body ?? '' };
      })
      .filter(({ text }) => !OVER.test(text));
    if (open.length === 0) return;
    if (performance.now() > deadline) {
      const stuck = open.map(({ iid, text }) => `#${iid}: ${text.split('\n')[1] ?? 'nothing'}`);
      throw new TooLate(`no verdict in time: ${stuck.slice(0, 3).join('; ')}`);
    }
    for (const { iid, text } of open) {
      const change = waitingChange(project, iid, text);
      const head = change === null ? '' : `${change.iid} ${headOf(change)}`;
      if (change === null || approved.has(head)) continue;
      approved.add(head);
      await place.as(
        'dana',
        'POST',
        `/projects/${project.id}/merge_requests/${change.iid}/approve`,
      );
    }
    await sleep(LOOK_MS);
  }
}

/** The change that waits at a gate for a person, by the status comment of its issue. */
function waitingChange(project: Project, iid: number, text: string): MergeRequest | null {
  const gate = /^\| (spec-gate|merge) \| waits for you .*needs 1 approval of/m.exec(text)?.[1];
  if (gate === undefined) return null;
  const branch = gate === 'merge' ? `autodev/${iid}-` : `autodev/spec-${iid}-`;
  return (
    project.mergeRequests.findLast(
      (one) => one.state === 'opened' && one.sourceBranch.startsWith(branch),
    ) ?? null
  );
}

const headOf = (change: MergeRequest): string => change.versions.at(-1)?.headSha ?? '';
