/**
 * Purpose: what a look makes of the findings on a change: which are fixed, which are still there, what is
 * new. The agents say, and code decides where they say nothing (docs/reviews.md).
 */
import type { AgentRole } from '../../schema/wire/agent.ts';
import type { Finding } from '../../schema/wire/finding.ts';
import {
  alike,
  codeOf,
  distanceOf,
  fingerprintOf,
  sameFinding,
  saidTwice,
  type Distance,
} from '../domain/finding-identity.ts';
import {
  REVIEW_DEFAULTS,
  type FileText,
  type KnownFinding,
  type ReviewFacts,
} from '../domain/findings.ts';
import { placeNow, type PlaceNow } from '../domain/moved-lines.ts';
import type { Run } from '../domain/runs.ts';
import { looksOf, worstFirst, type Look } from './findings.ts';
import { withOpinions } from './opinions.ts';

/** Why a finding is still there that nobody had to be asked about. */
const RAISED_AGAIN = 'it was raised again.';

interface Raised extends Finding {
  by: AgentRole;
}

export interface Judged {
  /** Every finding on the change, oldest first; new ones have no id yet. */
  findings: KnownFinding[];
  /** Remarks that are not shown: below the threshold or beyond the cap. */
  leftOut: number;
}

/** The findings on the run's change after the looks of its round, which are all done. */
export function judgeLooks(run: Run, facts: ReviewFacts, now: Date): Judged {
  const head = run.changes.code?.headSha ?? '';
  const looks = looksOf(run);
  const rows = withOpinions(run.findings, facts, head, now).map((row) => ({
    row,
    place: placeNow(row, head, facts.files),
  }));
  const raised = eachOnce(looks);
  const again = matched(rows, raised, looks, facts.files, head);
  const known = rows.map(({ row, place }) => {
    const said = again.get(row);
    return said === undefined
      ? notRaised(row, place, looks, head, facts.files)
      : raisedAgain(row, said, head, facts.files);
  });
  const old = new Set(again.values());
  const fresh = raised.filter((one) => !old.has(one));
  const { findings, leftOut } = newOnes(fresh, known, run, facts);
  return { findings: [...known, ...findings], leftOut };
}

/** What the looks raised: one finding each, also where two roles raised it in words that are alike. */
function eachOnce(looks: readonly Look[]): Raised[] {
  const raised: Raised[] = [];
  for (const { by, findings } of looks) {
    for (const finding of findings) {
      const twice = raised.some((one) => saidTwice(one, finding));
      if (!twice) raised.push({ ...finding, by });
    }
  }
  return raised;
}

interface Placed {
  row: KnownFinding;
  place: PlaceNow;
}

/** Which known findings were raised again, the surest matches first; each at most once. */
function matched(
  rows: readonly Placed[],
  raised: readonly Raised[],
  looks: readonly Look[],
  files: readonly FileText[],
  head: string,
): Map<KnownFinding, Raised> {
  const again = new Map<KnownFinding, Raised>();
  const taken = new Set<Raised>();
  const pair = (is: (placed: Placed, one: Raised) => boolean): void => {
    for (const placed of rows) {
      if (again.has(placed.row)) continue;
      const found = raised.find((one) => !taken.has(one) && is(placed, one));
      if (found === undefined) continue;
      again.set(placed.row, found);
      taken.add(found);
    }
  };
  const verified = new Set(looks.flatMap((look) => look.verified.map(({ id }) => id)));
  pair(({ row }, one) => row.fingerprint === identity(one, files, head));
  for (const distance of ['same', 'near', 'apart'] as const) {
    pair((placed, one) => isAgain(placed, one, distance, verified));
  }
  return again;
}

function isAgain(
  { row, place }: Placed,
  one: Raised,
  distance: Distance,
  verified: ReadonlySet<number>,
): boolean {
  const from = typeof place === 'string' ? 'apart' : distanceOf(place, one);
  if (from !== distance || !sameFinding(row, one, distance)) return false;
  // Where it stands untouched, the same words elsewhere are about another place.
  if (distance === 'apart') return typeof place === 'string' || !place.untouched;
  // What was mended may have made room for another problem; and who speaks of a finding by its number
  // means another one by what it raises at that place.
  const settled = row.state === 'fixed' || row.state === 'outdated';
  const spokenOf = row.id !== null && verified.has(row.id);
  const sure = !settled && !spokenOf && one.by === row.by;
  return sure || alike(row.title, one.title);
}

function identity(one: Finding, files: readonly FileText[], head: string): string {
  return fingerprintOf(one, codeOf(textAt(files, one.path, head), one));
}

function textAt(files: readonly FileText[], path: string, sha: string): string | null {
  return files.find((file) => file.path === path && file.sha === sha)?.text ?? null;
}

/** It is there: at the head that was looked at, in the words of its first look. */
function raisedAgain(
  row: KnownFinding,
  said: Raised,
  head: string,
  files: readonly FileText[],
): KnownFinding {
  if (row.state === 'dismissed') return row;
  const { by: _by, title: _title, category: _category, ...fresh } = said;
  const { endLine: _end, suggestion: _suggestion, ...kept } = row;
  const code = codeOf(textAt(files, said.path, head), said);
  return { ...kept, ...fresh, code, state: 'open', lastSha: head, why: RAISED_AGAIN };
}

/** What is known of a finding that nobody raised again. */
function notRaised(
  row: KnownFinding,
  place: PlaceNow,
  looks: readonly Look[],
  head: string,
  files: readonly FileText[],
): KnownFinding {
  const look = looks.find(({ by }) => by === row.by);
  // Only the role that raised it can say, and only of an older head: nothing was fixed without a push.
  if (row.state !== 'open' || look === undefined || row.lastSha === head) return row;
  const said = look.verified.find(({ id }) => id === row.id);
  const judged = { ...row, lastSha: head, why: said?.why ?? '' };
  if (place === 'gone') return { ...judged, state: 'outdated' };
  if (said?.fixed === true) return { ...judged, state: 'fixed' };
  if (said === undefined && place !== 'unknown' && !place.untouched) {
    return { ...judged, state: 'fixed' };
  }
  if (place === 'unknown') return judged;
  const { untouched: _untouched, ...lines } = place;
  return { ...judged, ...lines, code: codeOf(textAt(files, row.path, head), lines) };
}

/** Findings nobody knew, as far as they are to be shown; what people did not want before is not. */
function newOnes(
  raised: readonly Raised[],
  known: readonly KnownFinding[],
  run: Run,
  facts: ReviewFacts,
): Judged {
  const head = run.changes.code?.headSha ?? '';
  const { minConfidence, maxFindings } = run.context.review ?? REVIEW_DEFAULTS;
  const room = maxFindings - known.filter(({ state }) => state === 'open').length;
  const findings: KnownFinding[] = [];
  let [shown, leftOut] = [0, 0];
  const taken = new Set(known.map(({ fingerprint }) => fingerprint));
  for (const one of worstFirst(raised)) {
    const code = codeOf(textAt(facts.files, one.path, head), one);
    const unwanted = facts.elsewhere.find(
      (other) => code !== '' && other.code === code && sameFinding(other, one, 'same'),
    );
    if (unwanted === undefined && (one.confidence < minConfidence || shown >= room)) {
      leftOut += 1;
      continue;
    }
    const fingerprint = fingerprintOf(one, code);
    if (taken.has(fingerprint)) continue;
    taken.add(fingerprint);
    if (unwanted === undefined) shown += 1;
    findings.push({
      ...one,
      id: null,
      version: 0,
      fingerprint,
      code,
      state: unwanted === undefined ? 'open' : 'dismissed',
      threadId: null,
      threadResolved: false,
      firstSha: head,
      lastSha: head,
      why: '',
      dismissal: unwanted?.dismissal ? { ...unwanted.dismissal, how: 'earlier' } : null,
      revivedAt: null,
    });
  }
  return { findings, leftOut };
}
