/** Events and snapshots with sensible defaults; each case says only what it is about. */
import type { Agent, AgentRole } from '../../../schema/wire/agent.ts';
import type { Finding } from '../../../schema/wire/finding.ts';
import type { Report } from '../../../schema/wire/report.ts';
import type { Workflow } from '../../../schema/wire/workflow.ts';
import { loadAgents, loadSettings, loadWorkflows } from '../../../bot/config/settings.ts';
import { RepoConfig } from '../../../schema/wire/repo-config.ts';
import type { JobResult } from '../../../schema/wire/result.ts';
import { NO_ITEM } from '../../../bot/domain/children.ts';
import { NOTHING_GIVEN } from '../../../bot/domain/given.ts';
import { NO_SPENDING } from '../../../bot/domain/budgets.ts';
import type { Event, Issue, Project } from '../../../bot/domain/events.ts';
import type { Attempt, AttemptSpec, ChangeRef, Run, Task } from '../../../bot/domain/runs.ts';
import type { KnownFinding, ReviewFacts } from '../../../bot/domain/findings.ts';
import type { ChangeFacts, Snapshot } from '../../../bot/domain/snapshot.ts';

export const NOW = new Date('2026-11-21T12:00:00Z');
export const SHA = 'a'.repeat(40);

export const project: Project = {
  forge: 'gitlab',
  id: 7,
  path: 'demo/wordfreq',
  defaultBranch: 'main',
  webUrl: 'https://gitlab.example.com/demo/wordfreq',
};

export const issue: Issue = {
  iid: 12,
  title: 'Add a --json option',
  description: 'Print the counts as JSON.',
  state: 'opened',
  labels: [],
  authorId: 3,
  confidential: false,
  type: 'Issue',
  url: 'https://gitlab.example.com/demo/wordfreq/-/issues/12',
};

export const sam = { id: 3, username: 'sam' };
export const bot = { id: 99, username: 'autodev' };

function agent(role: AgentRole, tasks: Agent['settings']['tasks']): Agent {
  return {
    role,
    prompt: `You are the ${role}.`,
    settings: {
      title: role,
      aliases: [],
      variables: [],
      tasks,
      engine: 'builtin',
      models: [
        { provider: 'anthropic', model: 'claude-sonnet-5-5' },
        { provider: 'openai', model: 'gpt-6.1-sol' },
      ],
      tools: ['read_file', 'finish'],
      output: ['changes', 'comment', 'report'],
      voteWeight: 1,
      limits: {
        turns: 60,
        minutes: 30,
        commandSeconds: 300,
        toolResultBytes: 30_000,
        maxOutputTokens: 16_000,
        maxCostUsd: 5,
      },
    },
  };
}

/** Every role that ships, with its tasks and a prompt of a line. */
const agents = Object.fromEntries(
  Object.values(loadAgents('config/agents')).flatMap((one) =>
    one === undefined ? [] : [[one.role, agent(one.role, one.settings.tasks)]],
  ),
) as Snapshot['agents'];

export const workflows = loadWorkflows('config/workflows');
const { prices } = loadSettings('config/settings.yaml');

function workflowNamed(name: string): Workflow {
  const workflow = workflows[name];
  if (!workflow) throw new Error(`no workflow ${name}`);
  return workflow;
}

export function snapshot(patch: Partial<Snapshot> = {}): Snapshot {
  return {
    now: NOW,
    bot,
    project: { ...project, repoId: 1, archived: false },
    reach: 'ok',
    requesterAccess: null,
    settings: {
      permissions: {
        default: 'developer',
        budget: 'maintainer',
        deploy: 'maintainer',
        rollback: 'maintainer',
        pipeline: 'maintainer',
        'fix-build': 'maintainer',
        publish: 'maintainer',
        help: 'guest',
        status: 'reporter',
        allow: 'maintainer',
        unlock: 'maintainer',
        'assign-agent': 'maintainer',
      },
      ci: {
        image: 'autodev-job:1',
        tags: ['autodev'],
        strategy: 'depend',
        isolation: { sandbox: 'auto', network: 'gateway' },
      },
      overrides: {
        roles: ['builder'],
        engines: ['builtin'],
        models: ['openai/gpt-5.4-mini'],
        instructions: true,
      },
      engines: { codex: { whenMissing: 'builtin' }, claude: { whenMissing: 'builtin' } },
      limits: {
        taskUsd: 10,
        runUsd: 25,
        repoDayUsd: 100,
        installationDayUsd: 500,
        budgetStepUsd: 25,
        settleMinutes: 0,
        lockHours: 4,
        attemptsPerTask: 2,
        runnerWaitMinutes: 10,
        heartbeatSeconds: 10,
        heartbeatLostSeconds: 60,
        verifyMinutes: 60,
        statusSeconds: 45,
        reconcileSeconds: 30,
        runsPerUserHour: 20,
        epicParallel: 2,
      },
      review: { minConfidence: 0.5, maxFindings: 20 },
      protectedPaths: ['.*'],
      security: { scanners: ['npm-audit', 'semgrep', 'gitleaks'] },
      autonomy: 'guided',
      prices,
    },
    agents,
    workflows,
    providers: ['anthropic', 'openai'],
    repoConfig: { config: RepoConfig.parse({}), problems: [] },
    actorAccess: 30,
    issue,
    targetChange: null,
    targetFindings: [],
    run: null,
    lastRun: null,
    headSha: SHA,
    handled: false,
    runsLastHour: 0,
    spending: NO_SPENDING,
    messages: 0,
    change: null,
    children: [],
    epicItem: NO_ITEM,
    claimed: [],
    attemptPipeline: null,
    coolDowns: [],
    deploy: null,
    given: NOTHING_GIVEN,
    effect: null,
    ...patch,
  };
}

export function note(body: string, patch: Partial<Extract<Event, { kind: 'note' }>> = {}): Event {
  return {
    kind: 'note',
    action: 'created',
    project,
    actor: sam,
    note: {
      id: 501,
      body,
      discussionId: 'd1',
      system: false,
      confidential: false,
      byBot: false,
      url: '',
    },
    on: { type: 'issue', issue },
    ...patch,
  };
}

export function labelled(...labels: string[]): Event {
  return {
    kind: 'issue',
    action: 'updated',
    project,
    actor: sam,
    issue: { ...issue, labels },
    at: NOW.toISOString(),
    labelsAdded: labels,
    labelsRemoved: [],
    textChanged: false,
  };
}

export function result(patch: Partial<JobResult> = {}): JobResult {
  return {
    version: 1,
    attempt: 31,
    outcome: 'finished',
    cause: 'finished',
    summary: 'Added the option.',
    changes: [{ path: 'src/cli.js', action: 'update', mode: '100644', content: 'eA==' }],
    baseSha: SHA,
    checks: [],
    stats: { turns: 5, toolCalls: 8, seconds: 30, firstRequestMs: 120, model: 'claude-sonnet-5-5' },
    ...patch,
  };
}

export const spec: AttemptSpec = {
  taskType: 'implement_feature',
  agent: 'builder',
  project: { path: project.path, defaultBranch: 'main' },
  instructions: 'You are the builder.',
  input: 'Implement it.',
  engine: 'builtin',
  whenMissing: 'builtin',
  isolation: { sandbox: 'auto', network: 'gateway' },
  models: [{ provider: 'anthropic', model: 'claude-sonnet-5-5' }],
  tools: ['read_file', 'finish'],
  report: 'build',
  reports: ['build'],
  limits: {
    turns: 60,
    minutes: 30,
    commandSeconds: 300,
    toolResultBytes: 30_000,
    maxOutputTokens: 16_000,
  },
  image: 'autodev-job:1',
  tags: ['autodev'],
};

export function attempt(patch: Partial<Attempt> = {}): Attempt {
  return {
    id: 31,
    taskId: 21,
    fence: 1,
    launchId: 71,
    state: 'running',
    ref: 'main',
    sha: SHA,
    workSha: null,
    pipelineId: 900,
    pipelineUrl: 'https://gitlab.example.com/p/900',
    childPipelineId: 901,
    progress: null,
    cause: null,
    spec,
    result: null,
    refusal: null,
    cooled: {},
    ...patch,
  };
}

export function task(patch: Partial<Task> = {}): Task {
  return {
    id: 21,
    stage: 'implement',
    round: 0,
    type: 'implement_feature',
    agent: 'builder',
    state: 'running',
    priority: 5,
    parentId: null,
    dependsOn: [],
    acceptance: [],
    capMicrousd: 5_000_000,
    spentMicrousd: 412_000,
    attempts: [attempt()],
    ...patch,
  };
}

/** A finished task with a result of its own. */
export function doneTask(patch: Partial<Task>, resultPatch: Partial<JobResult> = {}): Task {
  const id = patch.id ?? 21;
  return task({
    state: 'done',
    attempts: [
      attempt({ id: id + 10, taskId: id, state: 'finished', result: result(resultPatch) }),
    ],
    ...patch,
  });
}

export function run(patch: Partial<Run> = {}, workflow = 'quick'): Run {
  return {
    id: 11,
    repoId: 1,
    target: { type: 'issue', iid: 12 },
    role: 'main',
    command: 'implement',
    args: '',
    requester: sam,
    triggerNoteId: 501,
    triggerDiscussionId: 'd1',
    state: 'running',
    stage: 'implement',
    round: 0,
    stageSince: new Date('2026-11-21T11:55:00Z'),
    waitedSeconds: 0,
    stoppedAt: null,
    pausedUntil: null,
    pausedBy: null,
    overrides: {},
    findings: [],
    leftOut: 0,
    parentRunId: null,
    capMicrousd: 25_000_000,
    mergedSha: null,
    checks: null,
    deployment: null,
    report: null,
    allowed: [],
    context: {
      title: issue.title,
      text: issue.description,
      issueUrl: issue.url,
      defaultBranch: 'main',
      taskCapMicrousd: 5_000_000,
      repoDayCapMicrousd: 100_000_000,
      estimate: null,
      protectedPaths: ['.*'],
      tags: ['autodev'],
      image: 'autodev-job:1',
      attemptsPerTask: 2,
      isolation: { sandbox: 'auto', network: 'gateway' },
      whenMissing: { codex: 'builtin', claude: 'builtin' },
      autonomy: 'guided',
      reports: false,
      environment: null,
      workflow: workflowNamed(workflow),
    },
    verdict: null,
    gateNote: null,
    statusNoteId: 600,
    changes: { spec: null, code: null },
    version: 3,
    createdAt: new Date('2026-11-21T11:50:00Z'),
    updatedAt: new Date('2026-11-21T11:55:00Z'),
    finishedAt: null,
    tasks: [task()],
    ...patch,
  };
}

export const HEAD = 'b'.repeat(40);

export const codeChange: ChangeRef = {
  branch: 'autodev/12-add-a-json-option-11',
  iid: 4,
  url: 'https://gitlab.example.com/mr/4',
  headSha: HEAD,
};

/** A run whose change is open and waits for its own pipeline. */
export function verifying(patch: Partial<Run> = {}): Run {
  return run({
    stage: 'verify',
    changes: { spec: null, code: codeChange },
    tasks: [doneTask({})],
    ...patch,
  });
}

/** Every file that findings are about was written anew since they were raised. */
export function rewritten(on: Run): ReviewFacts {
  const head = on.changes.code?.headSha ?? '';
  const files = on.findings.flatMap(({ path, lastSha }) => [
    { path, sha: lastSha, text: 'old\n'.repeat(100) },
    { path, sha: head, text: 'new\n'.repeat(100) },
  ]);
  return { threads: [], files, elsewhere: [] };
}

/** A finding that an earlier look raised at another head. */
export function known(patch: Partial<KnownFinding> = {}): KnownFinding {
  return {
    ...finding(),
    id: 5,
    version: 1,
    fingerprint: patch.title ?? 'f',
    by: 'reviewer',
    state: 'open',
    code: '',
    threadId: 'thread',
    threadResolved: false,
    firstSha: SHA,
    lastSha: SHA,
    why: '',
    dismissal: null,
    revivedAt: null,
    ...patch,
  };
}

export function changeFacts(patch: Partial<ChangeFacts> = {}): ChangeFacts {
  return {
    state: 'opened',
    headSha: HEAD,
    mergedSha: null,
    branchGone: false,
    pipeline: null,
    pipelineEndedAt: null,
    tests: null,
    review: null,
    failedJobs: [],
    gate: null,
    ...patch,
  };
}

export function finding(patch: Partial<Finding> = {}): Finding {
  return {
    path: 'src/cli.js',
    line: 31,
    severity: 'high',
    category: 'bug',
    title: '--top is ignored',
    body: 'With --json --top 1 everything is printed.',
    confidence: 0.9,
    ...patch,
  };
}

/** The three looks at a change in one round, done or not. */
export function looks(
  round: number,
  patch: { review?: Finding[]; score?: number; state?: Task['state'] } = {},
): Task[] {
  const base = 100 + round * 10;
  const state = patch.state ?? 'done';
  const findings = patch.review ?? [];
  const score = patch.score ?? 90;
  const report = (kind: 'review' | 'test'): Report => ({
    kind,
    score,
    findings: kind === 'review' ? findings : [],
  });
  const security: Report = {
    kind: 'security',
    findings: [],
    rubric: {
      privilegeEscalation: false,
      destructiveWithoutSafeguard: false,
      unvalidatedExternalApi: false,
      missingAuditLog: false,
      encryption: false,
      advancedAudit: true,
    },
  };
  const look = (id: number, type: Task['type'], role: AgentRole, own: Report): Task =>
    doneTask(
      { id, stage: 'verify', round, type, agent: role, state },
      { attempt: id + 10, changes: [], report: own },
    );
  return [
    look(base, 'review_mr', 'reviewer', report('review')),
    look(base + 1, 'run_tests', 'tester', report('test')),
    look(base + 2, 'security_scan', 'security', security),
  ];
}
