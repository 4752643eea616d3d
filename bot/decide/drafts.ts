/**
 * Purpose: the issues that a report asks for, before they are issues: what each says, what it is recognised
 * by, and which are not made at all.
 */
import type { Bug } from '../../schema/wire/report-checks.ts';
import type { Report } from '../../schema/wire/report.ts';

/** Most issues made of one result (threat G4); what is above it is counted in the comment. */
export const ISSUES_PER_RESULT = 10;
/** Least confidence with which a bug becomes an issue. */
export const BUG_CONFIDENCE = 0.6;

/** One issue to be made. Everything in it is by a model. */
export interface IssueDraft {
  title: string;
  /** Paragraphs, each with a heading or without one. */
  parts: { heading?: string; text?: string; items?: readonly string[] }[];
  acceptance: readonly string[];
  priority: number | null;
  size: string | null;
  /** Drafts that come before it, by their place among those that are made. */
  after: readonly number[];
  /** What another issue about the same is recognised by, whoever asked for it. */
  same: string;
}

export interface IssuesAsked {
  made: IssueDraft[];
  /** How many are not made because there are too many. */
  tooMany: number;
  /** How many are not made because nobody is sure enough of them. */
  unsure: number;
}

const NONE: IssuesAsked = { made: [], tooMany: 0, unsure: 0 };

/** The issues a report asks for; none for every other kind of report. */
export function issuesAsked(report: Report | undefined): IssuesAsked {
  switch (report?.kind) {
    case 'epic_draft':
      return capped([
        {
          title: report.title,
          parts: [
            { text: report.goal },
            { heading: 'Scope', items: report.scope },
            { heading: 'Left out', items: report.outOfScope },
            { heading: 'Risks', items: report.risks },
          ],
          acceptance: report.acceptance,
          priority: report.priority,
          size: null,
          after: [],
          same: `epic:${key(report.title)}`,
        },
      ]);
    case 'stories':
      return capped(
        report.stories.map((story) => ({
          ...issueOf(story),
          parts: [
            { text: `As ${story.role}: ${story.want}, so that ${story.benefit}` },
            { text: story.text },
          ],
          after: [],
          same: `story:${key(story.title)}`,
        })),
      );
    case 'issues':
      return capped(
        report.issues.map((issue) => ({
          ...issueOf(issue),
          parts: [{ text: issue.text }, { heading: 'Files', items: issue.files }],
          after: issue.dependsOn,
          same: `issue:${key(issue.title)}`,
        })),
      );
    case 'bug_hunt': {
      const sure = report.bugs.filter(({ confidence }) => confidence >= BUG_CONFIDENCE);
      const asked = capped(sure.toSorted(bySeverity).map(bugOf));
      return { ...asked, unsure: report.bugs.length - sure.length };
    }
    default:
      return NONE;
  }
}

/** What title, acceptance criteria, urgency and size an issue has. */
function issueOf(issue: {
  title: string;
  acceptance: readonly string[];
  priority: number;
  size: string;
}): Pick<IssueDraft, 'title' | 'acceptance' | 'priority' | 'size'> {
  const { title, acceptance, priority, size } = issue;
  return { title, acceptance, priority, size };
}

function bugOf(bug: Bug): IssueDraft {
  const { title, path, line, severity, steps, expected, actual, confidence } = bug;
  return {
    title,
    parts: [
      { text: `Severity ${severity}, at ${path}:${line}; ${Math.round(confidence * 100)} % sure.` },
      { heading: 'Steps', items: steps },
      { heading: 'Expected', text: expected },
      { heading: 'Seen', text: actual },
    ],
    acceptance: [],
    priority: null,
    size: null,
    after: [],
    // Lines move; the file and the problem stay.
    same: `bug:${path}:${key(title)}`,
  };
}

const SEVERITIES = ['critical', 'high', 'medium', 'low', 'info'];

function bySeverity(a: Bug, b: Bug): number {
  return SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity);
}

/** Each issue once, and not too many; places that are gone are no longer waited for. */
function capped(drafts: readonly IssueDraft[]): IssuesAsked {
  const kept = drafts.filter(
    ({ same }, place) => drafts.findIndex((other) => other.same === same) === place,
  );
  const made = kept.slice(0, ISSUES_PER_RESULT);
  const placeOf = (old: number): number => {
    const same = drafts[old]?.same;
    return made.findIndex((draft) => draft.same === same);
  };
  return {
    made: made.map((draft, place) => ({
      ...draft,
      // Only what stands before it: an issue can name none that is not made yet.
      after: [...new Set(draft.after.map(placeOf))].filter((at) => at >= 0 && at < place),
    })),
    tooMany: kept.length - made.length,
    unsure: 0,
  };
}

/** Words of a title as they are compared. */
function key(text: string): string {
  return text
    .normalize('NFKC')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]+/gu, ' ')
    .trim();
}
