/** A scripted team for stories of the feature workflow, and what people do at its gates. */
import type { Finding } from '../../schema/wire/finding.ts';
import type { EpicReport, Report, TriageReport } from '../../schema/wire/report.ts';
import type { MergeRequest } from '../../sandbox/gitlab/state/types.ts';
import type { Conversation } from '../../sandbox/model/types.ts';
import { edit, finish, type Story } from './one-story.ts';
import type { PersonName, StageBase } from './stage.ts';

const ROLES = [
  'Product manager',
  'Architect',
  'Builder',
  'Technical writer',
  'Reviewer',
  'Tester',
  'Security engineer',
] as const;
type RoleName = (typeof ROLES)[number];

/** What the team does otherwise than usual. */
export interface TeamOptions {
  /** Findings of the n-th review; 1 is the first. */
  review?: (round: number) => Finding[];
  /** What the n-th triage says otherwise. */
  triage?: (round: number) => Partial<TriageReport>;
  /** How the product manager cuts an epic. */
  plan?: EpicReport;
  /** The technical writer writes this file; default: the texts are right already. */
  writes?: string;
}

export interface Team {
  /** What the agents of a role were asked, oldest first. */
  asked(role: RoleName): string[];
}

/**
 * Answers for the issue with this title: the product manager finds it clear, the architect writes a page,
 * the builder one file, and the others find nothing.
 */
export function hireTeam(stage: StageBase, title: string, options: TeamOptions = {}): Team {
  const inputs: { role: RoleName; text: string }[] = [];
  const asked = (role: RoleName): string[] =>
    inputs.filter((input) => input.role === role).map((input) => input.text);
  stage.script(title, {
    answer: (conversation, turn) => {
      const role = roleOf(conversation);
      const text = conversation.messages[0]?.text ?? '';
      if (turn === 1) inputs.push({ role, text });
      const round = asked(role).length;
      const { writes } = options;
      if (role === 'Builder' && turn === 1) return edit('team.txt', `round ${round}\n`);
      if (role === 'Technical writer' && turn === 1 && writes !== undefined) {
        return edit(writes, `# Written in round ${round}\n`);
      }
      const report = reportOf(role, round, options, text);
      return finish(`The ${role} is done.`, { report });
    },
  });
  return { asked };
}

function roleOf(conversation: Conversation): RoleName {
  const role = ROLES.find((name) => conversation.system.includes(`You are the ${name}`));
  if (role === undefined) throw new Error(`nobody is ${conversation.system.slice(0, 80)}`);
  return role;
}

const CLEAR: TriageReport = {
  kind: 'triage',
  type: 'feature',
  size: 'small',
  priority: 5,
  missing: [],
  duplicates: [],
};

function reportOf(
  role: RoleName,
  round: number,
  { triage, review, plan }: TeamOptions,
  asked: string,
): Report | undefined {
  switch (role) {
    case 'Product manager':
      if (plan !== undefined && asked.includes('Cut the wish')) return plan;
      return { ...CLEAR, ...triage?.(round) };
    case 'Technical writer':
      // Only a round of fixes asks for a report.
      return asked.includes('Answer the findings') ? { kind: 'build', selfScore: 80 } : undefined;
    case 'Architect':
      return {
        kind: 'spec',
        feasible: true,
        confidence: 9,
        decisions: ['One file is enough.'],
        files: ['team.txt'],
        acceptance: ['team.txt exists.'],
        text: `# A file for the team\n\nVersion ${round} of this page.\n`,
      };
    case 'Builder':
      return { kind: 'build', selfScore: 80 };
    case 'Reviewer':
      return { kind: 'review', score: 90, findings: review?.(round) ?? [] };
    case 'Tester':
      return { kind: 'test', score: 90, findings: [] };
    case 'Security engineer':
      return {
        kind: 'security',
        rubric: {
          privilegeEscalation: false,
          destructiveWithoutSafeguard: false,
          unvalidatedExternalApi: false,
          missingAuditLog: false,
          encryption: true,
          advancedAudit: false,
        },
        findings: [],
      };
  }
}

/** The newest commit of a change. */
export function headOf(change: MergeRequest | undefined): string {
  return change?.versions.at(-1)?.headSha ?? '';
}

/** Waits until the run stands at a gate and tells so; returns the change it waits for. */
export async function atGate(story: Story, gate: 'spec-gate' | 'merge'): Promise<MergeRequest> {
  await story.status(new RegExp(`^\\| ${gate} \\| waits for you .*needs 1 approval of`, 'm'));
  const change = (gate === 'merge' ? story.changes() : story.specs()).at(-1);
  if (change === undefined) throw new Error(`there is no change at ${gate}`);
  await story.waitFor('the change to be checked', () => change.mergeCheck === 'can_be_merged');
  return change;
}

type Doing = 'approve' | 'unapprove' | 'merge' | 'close';

/** What a person does with a change, through the REST API. */
export async function decide(
  story: Story,
  person: PersonName,
  doing: Doing,
  change: MergeRequest,
): Promise<void> {
  const on = `/projects/${story.project.id}/merge_requests/${change.iid}`;
  const { rest } = story.stage;
  if (doing === 'close') await rest(person, 'PUT', on, { state_event: 'close' });
  else if (doing === 'merge') await rest(person, 'PUT', `${on}/merge`);
  else await rest(person, 'POST', `${on}/${doing}`);
}

/** A person's commit on the branch of a change, once the change shows it. */
export async function push(story: Story, person: PersonName, change: MergeRequest): Promise<void> {
  const { id } = (await story.stage.rest(
    person,
    'POST',
    `/projects/${story.project.id}/repository/commits`,
    {
      branch: change.sourceBranch,
      commit_message: 'Add a word',
      actions: [
        { action: 'create', file_path: `by-${person}-${change.iid}.txt`, content: 'a word\n' },
      ],
    },
  )) as { id: string };
  await story.waitFor('the push', () => headOf(change) === id);
}

/** Merges that a change has seen: GitLab says so once for each. */
export function mergesOf(change: MergeRequest): number {
  return change.notes.filter((note) => note.system && note.body === 'merged').length;
}

/** The head that each request to merge a change named, and how it was answered. */
export function mergeCalls(
  story: Story,
  change: MergeRequest,
): { sha: unknown; status: number | null }[] {
  const path = new RegExp(`^/projects/${story.project.id}/merge_requests/${change.iid}/merge`);
  return story.stage.world.gitlab.calls.find('PUT', path).map(({ body, path: sent, status }) => ({
    sha: (body as { sha?: unknown } | null)?.sha ?? /[?&]sha=([0-9a-f]+)/.exec(sent)?.[1],
    status,
  }));
}

/** Statuses of a commit as GitLab lists them, e.g. `autodev/gate pending`. */
export async function statusesOf(story: Story, sha: string): Promise<string[]> {
  const path = `/projects/${story.project.id}/repository/commits/${sha}/statuses`;
  const rows = (await story.stage.rest('sam', 'GET', `${path}?all=true`)) as {
    name: string;
    status: string;
  }[];
  return rows
    .filter(({ name }) => name.startsWith('autodev/'))
    .map(({ name, status }) => `${name} ${status}`);
}
