/**
 * Purpose: how a run moves from stage to stage. Entering a stage freezes what its agents are given and
 * starts them in one pipeline; a stage that waits holds nothing but its row.
 */
import type { AgentRole, TaskType } from '../../schema/wire/agent.ts';
import type { StageDefinition } from '../../schema/wire/workflow.ts';
import type { Effect } from '../domain/effects.ts';
import type { Verdict } from '../domain/outcomes.ts';
import {
  resultOf,
  lastDone,
  stageAfter,
  stageOf,
  type Deployment,
  type Run,
} from '../domain/runs.ts';
import type { Launch, NewTask, RunPatch, Snapshot, Write } from '../domain/snapshot.ts';
import type { Moved } from './decision.ts';
import { answers, worksOnDefault } from '../domain/task-types.ts';
import { workOf } from '../domain/work.ts';
import { parentOf, pathsOf } from './builds.ts';
import { doneVerdict } from './done.ts';
import { endRun, ended } from './end.ts';
import { givenProblem, givenTo } from './given.ts';
import { claimFor, claimText } from './locks.ts';
import { standingOf } from './standing.ts';
import { statusOf } from './status-effects.ts';
import type { TaskInputFacts } from './task-input.ts';
import { makeTask, usableAgent } from './tasks.ts';
import { openFindings } from './findings.ts';
import { earlierFacts } from './look.ts';

/** Why a stage is entered again, for the agent that has to answer it. */
export interface Feedback {
  /** What a person said; data. */
  person?: string;
  /** What the stage's agent does instead of the task the template names. */
  task?: TaskType;
  /** Jobs of the change's own pipeline that failed. */
  failedJobs?: readonly string[];
  /** How many fix rounds did not help. */
  tried?: number;
  /** The stage stopped before its work was done, and goes on where that stands. */
  resumed?: boolean;
  /** What the code change became on the default branch. */
  merged?: string;
  /** The deployment that the stage came to. */
  deployment?: Deployment;
  /** One more sentence for the verdict when no stage is left. */
  note?: string;
}

/** The stage after the one the run is in; an aside stage leads back to the one that named it. */
export function nextStage(run: Run): StageDefinition | null {
  const here = stageOf(run);
  if (here?.kind === 'task' && here.aside) {
    const caller = run.context.workflow.stages.find(
      (stage) => stage.kind === 'verify' && stage.fix === here.id,
    );
    return caller ?? stageAfter(run, here.id);
  }
  return stageAfter(run, run.stage);
}

/** Moves the run into a stage, or ends it when there is none left. */
export function enterStage(
  from: Run,
  stage: StageDefinition | null,
  snapshot: Snapshot,
  feedback: Feedback = {},
): Moved {
  const left = leaving(from, feedback, snapshot.now);
  const run = { ...from, ...left };
  if (stage === null) {
    const verdict = doneVerdict(run, feedback.note);
    return ended(run, verdict, left);
  }
  // A stage that is entered again is a new round, so that its tasks are new ones.
  const again = run.tasks.some((task) => task.stage === stage.id && task.round === run.round);
  const round = again ? run.round + 1 : run.round;
  const claim = claimFor(run, stage, snapshot);
  if (claim !== null && 'waitsFor' in claim) {
    return waitForFiles(run, { stage: stage.id, round, ...left }, claimText(claim.waitsFor));
  }
  const launch = launchFor(run, stage, snapshot, feedback);
  if (launch !== null && 'problem' in launch) {
    const verdict: Verdict = {
      kind: 'needs-human',
      cause: launch.problem,
      next: `${launch.next} Then \`/autodev retry\`.`,
    };
    return {
      reasons: [`stage ${stage.id} cannot start: ${launch.problem}`],
      ...endRun(run, verdict, left),
    };
  }
  const waitsFor = stage.kind === 'gate' ? 'person' : stage.kind === 'task' ? null : 'checks';
  const writes: Write[] = [
    {
      op: 'update_run',
      runId: run.id,
      version: run.version,
      patch: {
        stage: stage.id,
        round,
        waitsFor,
        gateNote: null,
        ...left,
      },
    },
  ];
  const effects: Effect[] = [];
  if (claim !== null) writes.push({ op: 'claim_files', runId: run.id, paths: claim.paths });
  if (launch !== null) {
    writes.push({ op: 'launch', runId: run.id, stage: stage.id, round, launch });
    effects.push({ kind: 'create_pipeline', run: run.id, launch: 'new', ref: launch.ref });
  }
  if (stage.kind === 'deploy' || stage.kind === 'children') {
    writes.push({ op: 'wake', runId: run.id });
  }
  return {
    reasons: [`stage ${stage.id}${round > 0 ? `, round ${round + 1}` : ''}`],
    writes,
    // A gate is looked at within seconds, and that look tells what it waits for: one edit, not two.
    effects: [...effects, ...statusOf(run)],
  };
}

/** The stage is entered without its agent, which starts when the files are free. */
function waitForFiles(run: Run, patch: RunPatch, what: string): Moved {
  const write: Write = {
    op: 'update_run',
    runId: run.id,
    version: run.version,
    patch: { ...patch, waitsFor: 'checks', gateNote: what },
  };
  return { reasons: [`waits for ${what}`], writes: [write], effects: statusOf(run, true) };
}

/** The tasks a stage starts with; null for stages without agents. */
function launchFor(
  run: Run,
  stage: StageDefinition,
  snapshot: Snapshot,
  feedback: Feedback,
): Launch | { problem: string; next: string } | null {
  const wanted = wantedIn(stage, feedback);
  if (wanted.length === 0) return null;
  // Once there is a code change, whoever builds or looks is given its head; the pipeline stays on the
  // default branch, whose CI configuration the change's authors cannot have written (ADR 0006).
  const { code } = run.changes;
  const onChange = code !== null && wanted.every(({ task }) => !worksOnDefault(task));
  const ref = run.context.defaultBranch;
  const workSha = onChange ? code.headSha : null;
  const sha = snapshot.headSha;
  if (sha === null) {
    return {
      problem: `The branch \`${ref}\` has no commit to work on.`,
      next: 'Check the repository.',
    };
  }
  const types = wanted.map(({ task }) => task);
  const lacks = code === null ? givenProblem(types, run.target.iid, snapshot) : null;
  if (lacks !== null) return lacks;
  const tasks: NewTask[] = [];
  for (const { task, agent } of wanted) {
    const found = usableAgent(agent, snapshot, run);
    if ('problem' in found) return found;
    const place = {
      ...standingOf(run),
      parentId: parentOf(task, run, feedback.person !== undefined),
      acceptance: acceptanceOf(task, run),
    };
    const facts = { ...factsFor(task, run, feedback), ...givenTo(task, run.target.iid, snapshot) };
    tasks.push(makeTask(task, found, run.context, facts, snapshot, place));
  }
  return { ref, sha, workSha, tasks };
}

function wantedIn(
  stage: StageDefinition,
  feedback: Feedback,
): { task: TaskType; agent: AgentRole }[] {
  if (stage.kind === 'verify') return stage.tasks;
  if (stage.kind !== 'task') return [];
  return [{ agent: stage.agent, task: feedback.task ?? stage.task }];
}

/** What people approved as the measure of the work, for those who build and those who look. */
function acceptanceOf(type: TaskType, run: Run): string[] {
  const spec = resultOf(lastDone(run, 'write_spec'))?.report;
  return spec?.kind === 'spec' && !worksOnDefault(type) ? spec.acceptance : [];
}

/** What is written about the stage that is left: merge or deployment, and how long people took. */
function leaving(
  run: Run,
  feedback: Feedback,
  now: Date,
): { mergedSha?: string; deployment?: Deployment; waitedSeconds?: number } {
  const merged = {
    ...(feedback.merged === undefined ? {} : { mergedSha: feedback.merged }),
    ...(feedback.deployment === undefined ? {} : { deployment: feedback.deployment }),
  };
  if (stageOf(run)?.kind !== 'gate') return merged;
  const stood = Math.round((now.getTime() - run.stageSince.getTime()) / 1000);
  return { ...merged, waitedSeconds: run.waitedSeconds + Math.max(0, stood) };
}

/** What an agent is told besides the issue: the approved spec, what changed, what has to be answered. */
function factsFor(type: TaskType, run: Run, feedback: Feedback): TaskInputFacts {
  const spec = resultOf(lastDone(run, 'write_spec'))?.report;
  const changed = pathsOf(run);
  return {
    iid: run.target.iid,
    title: run.context.title,
    text: run.context.text,
    request: feedback.person ?? workOf(run.command, run.args, run.target.type)?.hint ?? run.args,
    ...(feedback.resumed === true && run.changes.code !== null ? { resumed: true } : {}),
    ...(spec?.kind === 'spec' && !worksOnDefault(type) ? { spec: spec.text } : {}),
    ...(answers(type)
      ? {
          findings: openFindings(run),
          failedJobs: feedback.failedJobs ?? [],
          tried: feedback.tried ?? 0,
        }
      : {}),
    ...(changed.length > 0 ? { changed } : {}),
    earlier: earlierWords(run),
    ...earlierFacts(run.findings),
  };
}

/** Agents of the same run whose words are passed on, the newest of them. */
const EARLIER = 4;

/** What the agents of earlier stages said at their end, each role once with its newest words. */
function earlierWords(run: Run): { by: string; said: string }[] {
  const words = new Map<string, string>();
  for (const task of run.tasks) {
    const said = resultOf(task)?.summary.trim() ?? '';
    if (task.state !== 'done' || task.stage === run.stage || said === '') continue;
    words.delete(task.agent);
    words.set(task.agent, said);
  }
  return [...words].slice(-EARLIER).map(([by, said]) => ({ by, said }));
}
