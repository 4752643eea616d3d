/**
 * The rows of the simulation: runs, tasks, attempts and effects in memory, with versions and conflicts
 * as bot/store and bot/worker/commit-decision keep them.
 */
import type { KnownFinding } from '../../bot/domain/findings.ts';
import { effectKey, withIds, type Effect, type NewIds } from '../../bot/domain/effects.ts';
import type { Receipt } from '../../bot/domain/effects.ts';
import type { Event } from '../../bot/domain/events.ts';
import { isActive } from '../../bot/domain/outcomes.ts';
import { isOpen, latestAttempt, resultOf, taskOfAttempt } from '../../bot/domain/runs.ts';
import type { Attempt, ChangeRole, Run, Task } from '../../bot/domain/runs.ts';
import type { Decision, FileClaim, Launch, Snapshot, Write } from '../../bot/domain/snapshot.ts';
import type { Wish } from '../../bot/domain/wishes.ts';
import type { WaitsFor } from '../../bot/domain/snapshot.ts';

/** As limits.lockHours of the settings in builders.ts. */
export const LOCK_HOURS = 4;

export interface SimRun extends Run {
  waitsFor: WaitsFor;
}

export interface SimEffect {
  id: number;
  key: string;
  runId: number | null;
  effect: Effect;
  state: 'pending' | 'done' | 'failed' | 'dropped';
  /** A write has left the bot: it is not dropped any more. */
  started: boolean;
  receipt: Receipt | null;
  error: string | null;
}

export interface SimChange {
  iid: number;
  branch: string;
  state: 'opened' | 'closed' | 'merged';
  approvals: Map<number, Date>;
  contributors: Set<number>;
  mergeStatus: string;
  draft: boolean;
}

/** A job of the default branch that deploys a commit. */
export interface SimDeployJob {
  id: number;
  sha: string;
  /** `manual` until it is started; then it runs until the next look. */
  status: 'manual' | 'running' | 'success' | 'failed';
}

export interface SimBranch {
  sha: string;
  at: Date;
}

interface Merge {
  iid: number;
  sha: string;
}

/** Everything there is; plain data, so that a test can fork the world. */
export interface World {
  now: Date;
  next: number;
  runs: SimRun[];
  effects: SimEffect[];
  /** Last seen approvals, by change and user. */
  seen: Map<string, { sha: string; given: boolean }>;
  /** Claims on files, by path. */
  locks: Map<string, { runId: number; until: Date }>;
  /** Events that are kept for paused runs, in the order in which they came. */
  held: { runId: number; event: Event }[];
  /** The bot's own events that nobody delivered yet. */
  inbox: Event[];
  branches: Map<string, SimBranch>;
  /** Heads of branches that are gone, as their changes still show them. */
  deleted: Map<string, SimBranch>;
  changes: Map<number, SimChange>;
  /** Pipelines of the changes, by head. */
  checks: Map<string, string>;
  /** Parent pipelines of launches: status by id. */
  pipelines: Map<number, string>;
  /** The gate's newest status, by head. */
  gates: Map<string, string>;
  merges: Merge[];
  /** Oldest first. */
  deployJobs: SimDeployJob[];
  issueClosed: boolean;
  /** Numbers of children's issues that people closed. */
  closedIssues: Set<number>;
  /** What a look at the project as a whole brings. */
  project: 'ok' | 'archived' | 'denied' | 'gone';
  /** Effects that were carried out, in order. */
  landed: { runId: number | null; kind: Effect['kind'] }[];
  /** What was acted on. */
  wishes: Set<string>;
  /** What people wrote to the agents of a run. */
  messages: { runId: number; noteId: number; body: string }[];
}

/** A stopped run goes on: its verdict is taken back. */
function reopens(write: Write): boolean {
  return write.op === 'update_run' && write.patch.verdict === null;
}

/** The state moved on between look and commit: nothing was written. */
export class Conflict extends Error {}

export class SimulatedStore {
  readonly world: World;
  /** What must never happen; empty in a sound world. */
  readonly faults: string[] = [];

  constructor(world: World) {
    this.world = world;
  }

  write(decision: Decision, view: Snapshot, wish: Wish | null = null): void {
    if (wish?.known.some((key) => this.world.wishes.has(key))) throw new Conflict('a wish');
    this.refuseStale(decision.writes);
    for (const key of wish?.keys ?? []) this.world.wishes.add(key);
    const ids: NewIds = { runId: null, launchId: null };
    for (const write of decision.writes) this.apply(write, ids);
    for (const { runId } of this.world.held) {
      const { state } = this.runOf(runId);
      if (state !== 'paused') this.faults.push(`an event is kept for run ${runId}, ${state}`);
    }
    for (const draft of decision.effects) {
      const effect = withIds(draft, ids);
      const key = effectKey(effect, view.project.repoId, ids);
      const there = this.world.effects.find((row) => row.key === key);
      if (there) {
        // The newest text wins; everything else happens once.
        if (effect.kind === 'status_comment') there.state = 'pending';
        continue;
      }
      this.world.effects.push({
        id: this.id(),
        key,
        runId: 'run' in effect && effect.run !== 'new' ? effect.run : null,
        effect,
        state: 'pending',
        started: false,
        receipt: null,
        error: null,
      });
    }
  }

  /** All or nothing: what the transaction would roll back is refused before anything is written. */
  private refuseStale(writes: readonly Write[]): void {
    const open = new Set(
      this.world.runs.flatMap(({ tasks }) =>
        tasks.flatMap(({ attempts }) => attempts.filter(isOpen).map(({ id }) => id)),
      ),
    );
    let updates = 0;
    for (const write of writes) {
      if (write.op === 'create_run' && this.active(write.run.target.iid)) {
        throw new Conflict('a run is active');
      }
      if (write.op === 'claim_files' && this.claimed(write.runId, write.paths).length > 0) {
        throw new Conflict('files were claimed meanwhile');
      }
      if (write.op === 'end_attempt' && !open.delete(write.attemptId)) {
        throw new Conflict(`attempt ${write.attemptId}`);
      }
      if (write.op !== 'update_run') continue;
      if (reopens(write) && this.active(this.runOf(write.runId).target.iid))
        throw new Conflict('a run is active');
      updates += 1;
      if (updates > 1 || this.runOf(write.runId).version !== write.version) {
        throw new Conflict(`run ${write.runId}`);
      }
    }
  }

  /** Keeps an event for a paused run; a conflict when the run goes on already. */
  hold(runId: number, event: Event): void {
    if (this.runOf(runId).state !== 'paused') throw new Conflict(`run ${runId} goes on`);
    this.world.held.push({ runId, event });
  }

  /** Live claims of other runs on some of the paths. */
  claimed(runId: number, paths: readonly string[]): FileClaim[] {
    return paths.flatMap((path) => {
      const claim = this.world.locks.get(path);
      if (!claim || claim.runId === runId || claim.until <= this.world.now) return [];
      const { target, requester, state } = this.runOf(claim.runId);
      if (!isActive(state)) this.faults.push(`run ${claim.runId}, ${state}, still has ${path}`);
      return [{ path, ...claim, target, requester: requester.username }];
    });
  }

  /** What is published is claimed where it is free. */
  claimFree(runId: number | null, effect: Effect): void {
    if (runId === null || effect.kind !== 'commit_changes') return;
    const run = this.runOf(runId);
    const paths = resultOf(taskOfAttempt(run, effect.attempt))?.changes.map(({ path }) => path);
    const free = (paths ?? []).filter((path) => this.claimed(runId, [path]).length === 0);
    if (isActive(run.state)) this.claim(runId, free);
  }

  private claim(runId: number, paths: readonly string[]): void {
    const until = new Date(this.world.now.getTime() + LOCK_HOURS * 3_600_000);
    for (const path of paths) this.world.locks.set(path, { runId, until });
  }

  private unlock(runId: number, paths: readonly string[] | null): void {
    for (const [path, claim] of this.world.locks) {
      if (claim.runId === runId && (paths === null || paths.includes(path))) {
        this.world.locks.delete(path);
      }
    }
  }

  private release(runId: number): void {
    const { held } = this.world;
    this.world.held = held.filter((kept) => kept.runId !== runId);
    this.world.inbox.push(...held.flatMap((kept) => (kept.runId === runId ? [kept.event] : [])));
  }

  private apply(write: Write, ids: NewIds): void {
    const owner = 'runId' in write && write.runId !== 'new' ? this.runOf(write.runId) : null;
    // A comment that came as the last agent ended has nobody left to hear it.
    const harmless = ['drop_effects', 'wake', 'add_message'].includes(write.op);
    if (owner && !isActive(owner.state) && !reopens(write) && !harmless) {
      this.faults.push(`${write.op} of run ${owner.id} after its end`);
    }
    switch (write.op) {
      case 'create_run':
        return this.createRun(write.run, ids);
      case 'update_run': {
        const { codeHeadSha, specHeadSha, ...patch } = write.patch;
        const run = this.runOf(write.runId);
        if (patch.verdict && run.verdict !== null) {
          this.faults.push(`a second verdict of run ${run.id}`);
        }
        if (codeHeadSha !== undefined) this.setChange(run.id, 'code', { headSha: codeHeadSha });
        if (specHeadSha !== undefined) this.setChange(run.id, 'spec', { headSha: specHeadSha });
        if (patch.verdict) this.unlock(run.id, null);
        const moved = patch.stage !== undefined && patch.stage !== run.stage;
        const { state } = patch;
        const over = state === undefined || isActive(state) ? null : this.world.now;
        this.setRun(run.id, {
          ...patch,
          ...(moved ? { stageSince: this.world.now } : {}),
          ...(state === undefined ? {} : { finishedAt: over }),
        });
        return;
      }
      case 'launch':
        return this.launch(write.runId, write.stage, write.round, write.launch, ids);
      case 'new_attempt': {
        ids.launchId ??= this.id();
        this.addAttempt(write.taskId, { ...write, launchId: ids.launchId });
        return;
      }
      case 'wake': {
        const runId = write.runId === 'new' ? ids.runId : write.runId;
        if (runId !== null) this.world.inbox.push({ kind: 'wake', runId });
        return;
      }
      case 'claim_files':
        return this.claim(write.runId, write.paths);
      case 'release_files':
        return this.unlock(write.runId, write.paths);
      case 'release_held':
        return this.release(write.runId);
      case 'stop_children':
        for (const child of this.world.runs) {
          if (child.parentRunId !== write.runId || !isActive(child.state)) continue;
          this.world.inbox.push({ kind: 'epic_ended', runId: child.id, epicIid: write.epicIid });
        }
        return;
      case 'end_attempt':
        return this.setAttempt(write.attemptId, { state: write.state, cause: write.cause });
      case 'end_task':
        return this.setTask(write.taskId, { state: write.state });
      case 'note_approval': {
        const { changeIid, userId, sha, given } = write;
        this.world.seen.set(`${changeIid}/${userId}`, { sha, given });
        return;
      }
      case 'void_approvals':
        for (const [key, seen] of this.world.seen) {
          const other = key.startsWith(`${write.changeIid}/`) && seen.sha !== write.exceptAt;
          if (other) this.world.seen.set(key, { ...seen, given: false });
        }
        return;
      case 'raise_caps':
        for (const id of write.taskIds) {
          this.eachTask(id, (task) => ({
            ...task,
            capMicrousd: task.capMicrousd + write.byMicrousd,
          }));
        }
        return;
      case 'add_message': {
        const { runId, noteId, body } = write;
        this.world.messages.push({ runId, noteId, body });
        return;
      }
      case 'save_findings':
        for (const run of this.world.runs) {
          if (run.changes.code?.iid === write.changeIid) run.findings = numbered(write.findings);
        }
        return;
      case 'drop_effects':
        for (const row of this.pending()) {
          if (row.runId === write.runId && !row.started && write.kinds.includes(row.effect.kind)) {
            row.state = 'dropped';
          }
        }
    }
  }

  private createRun(run: Extract<Write, { op: 'create_run' }>['run'], ids: NewIds): void {
    const { launch, change: code, ...rest } = run;
    ids.runId = this.id();
    this.world.runs.push({
      ...rest,
      id: ids.runId,
      repoId: 1,
      state: 'queued',
      round: 0,
      stageSince: this.world.now,
      waitedSeconds: 0,
      stoppedAt: null,
      pausedUntil: null,
      pausedBy: null,
      overrides: {},
      findings: [],
      leftOut: 0,
      mergedSha: null,
      checks: null,
      deployment: null,
      report: null,
      allowed: [],
      waitsFor: launch === null ? 'checks' : null,
      verdict: null,
      gateNote: null,
      changes: { spec: null, code },
      version: 1,
      createdAt: this.world.now,
      updatedAt: this.world.now,
      finishedAt: null,
      tasks: [],
    });
    if (launch !== null) this.launch(ids.runId, run.stage, 0, launch, ids);
  }

  private launch(runId: number, stage: string, round: number, launch: Launch, ids: NewIds): void {
    const launchId = this.id();
    for (const { spec, ...task } of launch.tasks) {
      const id = this.id();
      const made: Task = {
        ...task,
        id,
        stage,
        round,
        state: 'queued',
        spentMicrousd: 0,
        attempts: [],
      };
      this.replace(runId, (run) => ({ ...run, tasks: [...run.tasks, made] }));
      const { ref, sha, workSha } = launch;
      this.addAttempt(id, { spec, ref, sha, workSha, launchId });
    }
    ids.launchId = launchId;
  }

  private addAttempt(
    taskId: number,
    from: Pick<Attempt, 'spec' | 'ref' | 'sha' | 'workSha' | 'launchId'>,
  ): void {
    const { spec, ref, sha, workSha, launchId } = from;
    this.eachTask(taskId, (task) => ({
      ...task,
      attempts: [
        ...task.attempts,
        {
          id: this.id(),
          taskId,
          fence: task.attempts.length + 1,
          launchId,
          state: 'requested',
          ref,
          sha,
          workSha,
          pipelineId: null,
          pipelineUrl: null,
          childPipelineId: null,
          progress: null,
          cause: null,
          refusal: null,
          cooled: {},
          spec,
          result: null,
        },
      ],
    }));
  }

  setAttempt(id: number, patch: Partial<Attempt>): void {
    for (const run of this.world.runs) {
      const task = taskOfAttempt(run, id);
      if (!task) continue;
      const attempts = task.attempts.map((attempt) =>
        attempt.id === id ? { ...attempt, ...patch } : attempt,
      );
      this.setTask(task.id, { attempts });
    }
  }

  private setTask(id: number, patch: Partial<Task>): void {
    this.eachTask(id, (task) => ({ ...task, ...patch }));
  }

  private eachTask(id: number, change: (task: Task) => Task): void {
    for (const { id: runId, tasks } of this.world.runs) {
      if (!tasks.some((task) => task.id === id)) continue;
      this.replace(runId, (run) => ({
        ...run,
        tasks: run.tasks.map((task) => (task.id === id ? change(task) : task)),
      }));
    }
  }

  /** A row that is updated has a new version. */
  private setRun(id: number, patch: Partial<SimRun>): void {
    this.replace(id, (run) => ({
      ...run,
      ...patch,
      version: run.version + 1,
      updatedAt: this.world.now,
    }));
  }

  /** The job of a deployment that was asked for runs now. */
  setDeployment(runId: number | null, jobId: number): void {
    const deployment = runId === null ? null : this.runOf(runId).deployment;
    if (runId === null || deployment?.state !== 'asked') return;
    this.setRun(runId, { deployment: { ...deployment, jobId, state: 'running' } });
  }

  setChange(
    runId: number | null,
    role: ChangeRole,
    patch: { branch?: string; headSha?: string; iid?: number },
  ): void {
    if (runId === null) return;
    const { changes } = this.runOf(runId);
    const ref = { branch: '', iid: null, url: '', headSha: '', ...changes[role], ...patch };
    this.setRun(runId, { changes: { ...changes, [role]: ref } });
  }

  private replace(id: number, change: (run: SimRun) => SimRun): void {
    this.world.runs = this.world.runs.map((run) => (run.id === id ? change(run) : run));
  }

  attempts(): { run: SimRun; task: Task; attempt: Attempt }[] {
    return this.world.runs.flatMap((run) =>
      run.tasks.flatMap((task) => {
        const attempt = latestAttempt(task);
        return attempt && isOpen(attempt) ? [{ run, task, attempt }] : [];
      }),
    );
  }

  pending(): SimEffect[] {
    return this.world.effects.filter(({ state }) => state === 'pending');
  }

  /** The active run of an issue. */
  active(iid: number): SimRun | null {
    const here = this.world.runs.filter(({ target }) => target.iid === iid);
    return here.find(({ state }) => isActive(state)) ?? null;
  }

  runOf(id: number | 'new'): SimRun {
    const run = this.world.runs.find((candidate) => candidate.id === id);
    if (!run) throw new Error(`no run ${id}`);
    return run;
  }

  id(): number {
    this.world.next += 1;
    return this.world.next;
  }
}

/** Rows as the store would give them back. */
function numbered(findings: readonly KnownFinding[]): KnownFinding[] {
  return findings.map((finding, at) => ({ ...finding, id: at + 1 }));
}
