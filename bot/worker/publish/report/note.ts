/**
 * The one comment that tells a task's report: rendered by code from typed fields, so that a model writes
 * words and never the shape they stand in.
 */
import type { TaskType } from '../../../../schema/wire/agent.ts';
import type { Report } from '../../../../schema/wire/report.ts';
import type { BugHuntReport } from '../../../../schema/wire/report-checks.ts';
import type { RaisedIssue } from '../../../domain/effects.ts';
import { titleOf } from '../../../domain/task-types.ts';
import { BUG_CONFIDENCE, ISSUES_PER_RESULT, issuesAsked } from '../../../decide/drafts.ts';
import { roleName } from '../../../decide/status-rows.ts';
import {
  auditText,
  complianceText,
  coverageText,
  staticAnalysisText,
  validationText,
} from './checks.ts';
import {
  analysisText,
  backlogText,
  deployPlanText,
  feasibilityText,
  type OpenIssue,
} from './plans.ts';
import { counted, Words } from './words.ts';

export interface NoteFacts {
  type: TaskType;
  agent: string;
  report: Report | undefined;
  /** The commit that the agent worked on. */
  sha: string;
  /** Findings of this task become threads of the change. */
  threads: boolean;
  raised: readonly RaisedIssue[];
  /** Issues the report names that are open and not confidential. */
  open: readonly OpenIssue[];
  allowedHost: string;
}

/** The comment without its marker. Deterministic: the same facts give the same text. */
export function reportNote(facts: NoteFacts): string {
  const { type, agent, sha, allowedHost } = facts;
  const words = new Words(allowedHost);
  return [
    `### AutoDev · ${titleOf(type) ?? 'Report'}`,
    '',
    `By the ${roleName(agent)} at \`${sha.slice(0, 8)}\`. The words are the agent’s; the bot only set them in order.`,
    '',
    ...bodyOf(facts, words),
  ].join('\n');
}

function bodyOf(facts: NoteFacts, words: Words): string[] {
  const { report, threads, open } = facts;
  switch (report?.kind) {
    case 'analysis':
      return analysisText(report, words);
    case 'backlog':
      return backlogText(report, words, open);
    case 'feasibility':
      return feasibilityText(report, words);
    case 'deploy_plan':
      return deployPlanText(report, words);
    case 'validation':
      return validationText(report, words, threads);
    case 'static_analysis':
      return staticAnalysisText(report, words, threads);
    case 'coverage':
      return coverageText(report, words);
    case 'audit':
      return auditText(report, words);
    case 'compliance':
      return complianceText(report, words);
    case 'epic_draft':
    case 'stories':
    case 'issues':
      return issuesText(facts, words);
    case 'bug_hunt':
      return [...issuesText(facts, words), ...huntText(report, words)];
    default:
      // Decide lets no other kind come here.
      return [];
  }
}

/** The issues that were made, and how many were not and why. */
function issuesText(facts: NoteFacts, words: Words): string[] {
  const { made, tooMany, unsure } = issuesAsked(facts.report);
  const rows = facts.raised.map(({ place, iid, as }) => [
    `#${iid}`,
    words.cell(made[place]?.title ?? '', 200),
    as === 'there' ? 'was open already' : 'new',
  ]);
  const fresh = facts.raised.filter(({ as }) => as === 'made').length;
  return [
    rows.length === 0 ? '**No issue was made**' : `**${counted(fresh, 'new issue')}**`,
    ...words.table(['issue', 'about', ''], rows),
    ...(tooMany === 0
      ? []
      : [
          '',
          `${tooMany} more ${tooMany === 1 ? 'was' : 'were'} not made: at most ${ISSUES_PER_RESULT} come of one run.`,
        ]),
    ...(unsure === 0
      ? []
      : [
          '',
          `${unsure} more ${unsure === 1 ? 'was' : 'were'} not made: the agent is less than ${BUG_CONFIDENCE * 100} % sure.`,
        ]),
    ...(rows.length === 0
      ? []
      : [
          '',
          'Nothing starts by itself: label an issue or write a command in it to have it worked on.',
        ]),
  ];
}

function huntText(report: BugHuntReport, words: Words): string[] {
  return words.list('What was tried', report.looked);
}
