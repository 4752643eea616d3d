/** Events and snapshots with sensible defaults; each case says only what it is about. */
import type { Agent } from '../../../schema/wire/agent.ts';
import { RepoConfig } from '../../../schema/wire/repo-config.ts';
import type { JobResult } from '../../../schema/wire/result.ts';
import type { Event, Issue, Project } from '../../../bot/domain/events.ts';
import type { Attempt, AttemptSpec, Run } from '../../../bot/domain/runs.ts';
import type { Snapshot } from '../../../bot/domain/snapshot.ts';

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

function agent(role: 'builder' | 'architect', tasks: Agent['settings']['tasks']): Agent {
  return {
    role,
    prompt: `You are the ${role}.`,
    settings: {
      title: role,
      aliases: [],
      tasks,
      engine: 'builtin',
      models: [
        { provider: 'anthropic', model: 'claude-sonnet-5-5' },
        { provider: 'openai', model: 'gpt-6.1-sol' },
      ],
      tools: ['read_file', 'finish'],
      output: ['changes', 'comment'],
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

export function snapshot(patch: Partial<Snapshot> = {}): Snapshot {
  return {
    now: NOW,
    bot,
    project: { ...project, repoId: 1, archived: false },
    settings: {
      permissions: { default: 'developer', help: 'guest', status: 'reporter' },
      ci: { image: 'autodev-job:1', tags: ['autodev'], strategy: 'depend' },
      limits: {
        taskUsd: 10,
        attemptsPerTask: 2,
        runnerWaitMinutes: 10,
        heartbeatSeconds: 10,
        heartbeatLostSeconds: 60,
        verifyMinutes: 60,
        runsPerUserHour: 20,
      },
      protectedPaths: ['.*'],
    },
    agents: {
      builder: agent('builder', ['implement_feature', 'implement_fix']),
      architect: agent('architect', ['answer_question']),
      pm: undefined,
      reviewer: undefined,
      tester: undefined,
      security: undefined,
      devops: undefined,
      bug_finder: undefined,
      docs: undefined,
    },
    providers: ['anthropic', 'openai'],
    repoConfig: { config: RepoConfig.parse({}), problems: [] },
    actorAccess: 30,
    issue,
    run: null,
    lastRun: null,
    headSha: SHA,
    noteHandled: false,
    runsLastHour: 0,
    changePipeline: null,
    changeState: null,
    attemptPipeline: null,
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
  models: [{ provider: 'anthropic', model: 'claude-sonnet-5-5' }],
  tools: ['read_file', 'finish'],
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
    state: 'running',
    ref: 'main',
    sha: SHA,
    pipelineId: 900,
    pipelineUrl: 'https://gitlab.example.com/p/900',
    childPipelineId: 901,
    progress: null,
    cause: null,
    spec,
    result: null,
    ...patch,
  };
}

export function run(patch: Partial<Run> = {}): Run {
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
    context: {
      title: issue.title,
      text: issue.description,
      issueUrl: issue.url,
      defaultBranch: 'main',
      taskCapMicrousd: 5_000_000,
      protectedPaths: ['.*'],
      tags: ['autodev'],
      image: 'autodev-job:1',
      attemptsPerTask: 2,
    },
    verdict: null,
    statusNoteId: 600,
    branch: null,
    change: null,
    headSha: null,
    version: 3,
    createdAt: new Date('2026-11-21T11:50:00Z'),
    updatedAt: new Date('2026-11-21T11:55:00Z'),
    finishedAt: null,
    task: {
      id: 21,
      type: 'implement_feature',
      agent: 'builder',
      state: 'running',
      capMicrousd: 5_000_000,
      spentMicrousd: 412_000,
    },
    attempts: [attempt()],
    ...patch,
  };
}

/** A run whose change is open and waits for its own pipeline. */
export function verifying(patch: Partial<Run> = {}): Run {
  return run({
    stage: 'verify',
    branch: 'autodev/12-add-a-json-option-11',
    change: { iid: 4, url: 'https://gitlab.example.com/mr/4' },
    headSha: 'b'.repeat(40),
    attempts: [attempt({ state: 'finished', result: result() })],
    ...patch,
  });
}
