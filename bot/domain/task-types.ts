/**
 * What there is to know of each type of task, in one row: how an agent is asked for it, what it brings,
 * where it works, and what becomes of its result. Adding a type of task is adding its row.
 */
import type { TaskType } from '../../schema/wire/agent.ts';
import type { ReportKind } from '../../schema/wire/report.ts';
import type { ScanFinding } from '../../schema/wire/scan.ts';

/**
 * What becomes of a result. `answer`: said in the thread it was asked in. `onward`: the run goes on by it.
 * `page`: its report becomes a page that people approve. `code`: its files become commits on the code
 * change. `votes`: it is a vote on the change. `note`: its report is told in one comment. `issues`: its
 * report becomes issues. `plan`: told in one comment, and it says whether the run goes on.
 */
type Delivery =
  | { delivers: 'answer' | 'onward' | 'page' | 'code' | 'votes' }
  /** `title` heads the comment in which it is told. */
  | { delivers: 'note' | 'issues' | 'plan'; title: string };

/** Facts that a task is given besides its issue (domain/given.ts). */
export type GivenKind = 'backlog' | 'build' | 'deployments';

type TaskKind = Delivery & {
  /** The sentence that asks for it. */
  ask: string;
  /** The typed report it brings. */
  report: ReportKind;
  /** What its agent is given: the default branch, or the head of the code change once there is one. */
  works: 'on-default' | 'on-change';
  /** What scanners look for before its agent starts, where the repository asked for some. */
  scans?: readonly ScanFinding['kind'][];
  given?: GivenKind;
  /** It answers what was found in the change. */
  answers?: true;
  /** It starts from the specification, whose files are claimed for it. */
  fromSpec?: true;
};

const READS = 'Change nothing.';
const TRIES = 'Change nothing that is to be kept.';

export const TASKS: Readonly<Record<TaskType, TaskKind>> = {
  answer_question: {
    ask: `Answer the question below from what the repository really contains. ${READS}`,
    report: 'none',
    works: 'on-default',
    delivers: 'answer',
  },
  analyze_repo: {
    ask: `Find out what this repository is, how it is built and where it stands. ${READS}`,
    report: 'analysis',
    works: 'on-default',
    delivers: 'note',
    title: 'Repository analysis',
  },
  create_epic: {
    ask: `Turn the wish below into an epic: its goal, its scope, and how its end is recognised. ${READS}`,
    report: 'epic_draft',
    works: 'on-default',
    delivers: 'issues',
    title: 'Epic',
  },
  break_down_epic: {
    ask: `Cut the wish below into issues that can be done one by one, each with acceptance criteria. ${READS}`,
    report: 'epic',
    works: 'on-default',
    delivers: 'page',
  },
  create_user_story: {
    ask: `Write the user stories that the wish below holds, each of which can be built and shown by itself. ${READS}`,
    report: 'stories',
    works: 'on-default',
    delivers: 'issues',
    title: 'User stories',
  },
  prioritize_backlog: {
    ask: `Put the open issues below into the order in which they should be done, each with its reason. ${READS}`,
    report: 'backlog',
    given: 'backlog',
    works: 'on-default',
    delivers: 'note',
    title: 'Order of the backlog',
  },
  triage_issue: {
    ask: `Judge the issue below: what kind of work it is, how large, how urgent, and what is missing. ${READS}`,
    report: 'triage',
    works: 'on-default',
    delivers: 'onward',
  },
  evaluate_feasibility: {
    ask: `Judge whether what the issue asks can be done in this repository, how surely, and in which ways. ${READS}`,
    report: 'feasibility',
    works: 'on-default',
    delivers: 'note',
    title: 'Feasibility',
  },
  write_spec: {
    ask: `Write the specification for what the issue asks. ${READS}`,
    report: 'spec',
    works: 'on-default',
    delivers: 'page',
  },
  create_implementation_issue: {
    ask: `Cut what the issue asks into issues that one person can implement and review one by one. ${READS}`,
    report: 'issues',
    works: 'on-default',
    delivers: 'issues',
    title: 'Implementation issues',
  },
  implement_feature: {
    ask: 'Implement what the issue asks for, with tests, and leave the repository working.',
    report: 'build',
    works: 'on-change',
    delivers: 'code',
    fromSpec: true,
  },
  implement_fix: {
    ask: 'Find the cause of the problem the issue describes, mend it, and add a test that fails without the mend.',
    report: 'build',
    works: 'on-change',
    delivers: 'code',
    fromSpec: true,
  },
  implement_refactor: {
    ask: 'Give the code the shape the specification describes. Behaviour stays as it is; the tests prove it.',
    report: 'build',
    works: 'on-change',
    delivers: 'code',
    fromSpec: true,
  },
  address_review_feedback: {
    ask: "Answer the findings below and make the change's pipeline green. You are on the branch of the change.",
    report: 'build',
    works: 'on-change',
    delivers: 'code',
    answers: true,
  },
  review_mr: {
    ask: `Review the change on this branch against the issue. ${READS}`,
    report: 'review',
    works: 'on-change',
    delivers: 'votes',
  },
  write_tests: {
    ask: 'Write the tests that are missing for what the issue describes. Change tests only, not what the program does.',
    report: 'build',
    works: 'on-change',
    delivers: 'code',
  },
  run_tests: {
    ask: `Test the change on this branch against the issue. ${TRIES}`,
    report: 'test',
    works: 'on-change',
    delivers: 'votes',
  },
  validate_feature: {
    ask: `Use what was built as those would who asked for it, and hold it against every acceptance criterion. ${TRIES}`,
    report: 'validation',
    works: 'on-change',
    delivers: 'note',
    title: 'Validation',
  },
  analyze_coverage: {
    ask: `Find out what could break here without a test noticing it. ${TRIES}`,
    report: 'coverage',
    works: 'on-change',
    delivers: 'note',
    title: 'What the tests leave open',
  },
  security_scan: {
    ask: `Look for security problems in the change on this branch. ${READS}`,
    report: 'security',
    works: 'on-change',
    delivers: 'votes',
    scans: ['code', 'secret', 'dependency'],
  },
  dependency_audit: {
    ask: `Look for dependencies with known problems, and find out what each of them means here. ${TRIES}`,
    report: 'audit',
    works: 'on-change',
    delivers: 'note',
    scans: ['dependency'],
    title: 'Dependency audit',
  },
  compliance_check: {
    ask: `Find the rules that apply to this repository, and hold the code against each of them. ${READS}`,
    report: 'compliance',
    works: 'on-change',
    delivers: 'note',
    title: 'Compliance',
  },
  manage_pipeline: {
    ask: 'Change the CI configuration as the issue asks, and nothing else. A maintainer looks at it before it is pushed.',
    report: 'build',
    works: 'on-change',
    delivers: 'code',
  },
  deploy: {
    ask: `Plan the next deployment: what goes out, how it is checked, and how it is taken back. ${READS}`,
    report: 'deploy_plan',
    given: 'deployments',
    works: 'on-default',
    delivers: 'plan',
    title: 'Deployment plan',
  },
  rollback: {
    ask: `Plan how the last deployment is taken back: what goes with it, and how it is checked. ${READS}`,
    report: 'deploy_plan',
    given: 'deployments',
    works: 'on-default',
    delivers: 'plan',
    title: 'Rollback plan',
  },
  fix_build: {
    ask: 'Make the pipeline green. Find the cause in the failed jobs and mend that; you are on the branch that it ran on.',
    report: 'build',
    given: 'build',
    works: 'on-change',
    delivers: 'code',
    answers: true,
  },
  publish: {
    ask: 'Prepare the next release: its version, its change log and its notes. Publish nothing.',
    report: 'release',
    works: 'on-change',
    delivers: 'code',
  },
  static_analysis: {
    ask: `Go through the code for defects that show by reading it and by the tools the repository has. ${TRIES}`,
    report: 'static_analysis',
    works: 'on-change',
    delivers: 'note',
    scans: ['code'],
    title: 'Static analysis',
  },
  bug_hunt: {
    ask: `Look for bugs by using the program in ways its tests do not, and show each by steps that anyone can follow. ${TRIES}`,
    report: 'bug_hunt',
    works: 'on-change',
    delivers: 'issues',
    title: 'Bug hunt',
  },
  write_docs: {
    ask: 'Bring the documentation in line with what the issue and the change on this branch say. Change documentation only; change nothing when it is right already.',
    report: 'none',
    works: 'on-change',
    delivers: 'code',
  },
  write_adr: {
    ask: 'Write down the decision that the issue is about as a decision record, where the repository keeps them. Change nothing else.',
    report: 'document',
    works: 'on-change',
    delivers: 'code',
  },
  write_runbook: {
    ask: 'Write the runbook that the issue asks for, so that someone who is woken up can follow it. Change nothing else.',
    report: 'document',
    works: 'on-change',
    delivers: 'code',
  },
};

/** True for tasks whose report becomes a page for approval, not files of the agent's own. */
export function writesPage(type: TaskType): boolean {
  return TASKS[type].delivers === 'page';
}

/** True for tasks whose files become commits on the code change. */
export function builds(type: TaskType): boolean {
  return TASKS[type].delivers === 'code';
}

/** True for tasks that answer what was found in the change. */
export function answers(type: TaskType): boolean {
  return TASKS[type].answers === true;
}

/** True for tasks whose result is told in a comment of its own. */
export function isTold(type: TaskType): boolean {
  return titleOf(type) !== null;
}

/** What heads the comment of a task; null for tasks that have none. */
export function titleOf(type: TaskType): string | null {
  const kind = TASKS[type];
  return 'title' in kind ? kind.title : null;
}

/** True for work on the issue itself, whatever change there is. */
export function worksOnDefault(type: TaskType): boolean {
  return TASKS[type].works === 'on-default';
}
