/**
 * A small world for decide: runs in memory with versions and conflicts as the store keeps them, and a
 * forge with branches, changes, approvals, pipelines and a merge that is guarded by the head. Events
 * are delivered when, how often and in which order the test likes; effects are carried out one by one.
 *
 * It imitates bot/worker (take-snapshot, commit-decision, effects) in the few lines that matter for
 * orders and races, and uses the real decide, interestOf, withIds and effectKey.
 */
import { decide } from '../../bot/decide/decide.ts';
import { interestOf } from '../../bot/decide/interest.ts';
import { effectKey, withIds, type Effect, type NewIds } from '../../bot/domain/effects.ts';
import type { Receipt } from '../../bot/domain/effects.ts';
import type { Actor, Event } from '../../bot/domain/events.ts';
import type { GateFacts } from '../../bot/domain/gates.ts';
import { isActive } from '../../bot/domain/outcomes.ts';
import { isOpen, latestAttempt, stageOf, taskOfAttempt } from '../../bot/domain/runs.ts';
import type { Attempt, ChangeRole, Run, Task } from '../../bot/domain/runs.ts';
import type { ChangeFacts, Decision, Launch, Snapshot, Write } from '../../bot/domain/snapshot.ts';
import type { WaitsFor } from '../../bot/domain/snapshot.ts';
import type { JobResult } from '../../schema/wire/result.ts';
import { bot, issue, note, project, result, snapshot } from '../unit/decide/builders.ts';

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

interface SimChange {
  iid: number;
  branch: string;
  state: 'opened' | 'closed' | 'merged';
  approvals: Map<number, Date>;
  contributors: Set<number>;
  mergeStatus: string;
}

interface SimBranch {
  sha: string;
  at: Date;
}

export interface Merge {
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
  /** The bot's own events that nobody delivered yet. */
  inbox: Event[];
  branches: Map<string, SimBranch>;
  changes: Map<number, SimChange>;
  /** Pipelines of the changes, by head. */
  checks: Map<string, string>;
  /** Parent pipelines of launches: status by id. */
  pipelines: Map<number, string>;
  /** The gate's newest status, by head. */
  gates: Map<string, string>;
  merges: Merge[];
  issueClosed: boolean;
}

export interface Script {
  /** What an agent brings for its task. */
  agent: (task: Task, run: Run) => Partial<JobResult>;
  /** The pipeline of a change at a head: a status, or null when there is none yet. */
  checks: (sha: string) => string | null;
  /** Access levels by user id. */
  level: (userId: number) => number;
  /** True where the forge says when an approval was given. */
  tellsTimes: boolean;
  /** True where the bot may take approvals back after a push. */
  resets: boolean;
}

/** The state moved on between look and commit. */
class Conflict extends Error {}

/** How often a decision that lost a race is taken anew, as the worker does. */
const CONFLICT_TRIES = 5;
const FOLLOWED = new Set(['create_pipeline', 'commit_changes', 'open_change', 'merge_change']);
const PASSING = new Set(['checking', 'unchecked', 'preparing', 'ci_still_running']);

/** An event with the snapshot it is decided on; the world may move before it is committed. */
export interface Held {
  event: Event;
  snapshot: Snapshot | null;
}

export class Simulation {
  readonly script: Script;
  world: World;
  /** What must never happen; empty in a sound world. */
  readonly faults: string[] = [];

  constructor(script: Partial<Script> = {}, world?: World) {
    this.script = {
      agent: () => ({}),
      checks: () => 'success',
      level: () => 30,
      tellsTimes: false,
      resets: true,
      ...script,
    };
    this.world = world ?? {
      now: new Date('2026-11-21T12:00:00Z'),
      next: 1,
      runs: [],
      effects: [],
      seen: new Map(),
      inbox: [],
      branches: new Map(),
      changes: new Map(),
      checks: new Map(),
      pipelines: new Map(),
      gates: new Map(),
      merges: [],
      issueClosed: false,
    };
    if (!this.world.branches.has('main')) this.moveBranch('main');
  }

  /** The same world once more, to try another order of things. */
  fork(): Simulation {
    return new Simulation(this.script, structuredClone(this.world));
  }

  /** The newest run. */
  get run(): SimRun {
    const run = this.world.runs.at(-1);
    if (!run) throw new Error('no run was started');
    return run;
  }

  pass(seconds: number): void {
    this.world.now = new Date(this.world.now.getTime() + seconds * 1000);
  }

  // Events.

  /** Reads what the event needs; null when nothing follows from it. */
  look(event: Event): Held {
    return { event, snapshot: this.takeSnapshot(event) };
  }

  /** Decides what was looked at and writes it; again on a fresh look when the state moved on. */
  commit(held: Held): void {
    for (let attempt = 1, view = held.snapshot; ; attempt += 1) {
      if (view === null) return;
      const decision = decide(held.event, view);
      if (decision.ignored !== null) return;
      try {
        this.write(decision, view);
        return;
      } catch (error) {
        if (!(error instanceof Conflict) || attempt >= CONFLICT_TRIES) throw error;
        view = this.takeSnapshot(held.event);
      }
    }
  }

  deliver(event: Event): void {
    this.commit(this.look(event));
  }

  /** Delivers what is in the inbox and carries out what is pending, until nothing moves any more. */
  settle(options: { agents?: boolean; wakes?: number } = {}): void {
    for (let wakes = options.wakes ?? 1; ; wakes -= 1) {
      for (let moves = 0; this.step(options.agents ?? true); moves += 1) {
        if (moves > 2000) throw new Error('the world does not come to rest');
      }
      if (wakes <= 0) return;
      this.pass(30);
      this.wakeAll();
    }
  }

  /** One thing that waits: an own event, an effect, or an agent. False when nothing does. */
  private step(agents: boolean): boolean {
    const event = this.world.inbox.shift();
    if (event) {
      this.deliver(event);
      return true;
    }
    const tries = this.pending().filter((row) => this.perform(row.id));
    if (tries.length > 0) return true;
    if (!agents) return false;
    const waiting = this.attempts().find(({ attempt }) => attempt.state === 'waiting');
    if (waiting) this.finish(waiting.attempt.id);
    return waiting !== undefined;
  }

  /** As the sweeper: every run that waits is looked at. */
  wakeAll(): void {
    for (const run of this.world.runs) {
      if (isActive(run.state) && run.waitsFor !== null) {
        this.deliver({ kind: 'wake', runId: run.id });
      }
    }
  }

  // Agents.

  attempts(): { run: SimRun; task: Task; attempt: Attempt }[] {
    return this.world.runs.flatMap((run) =>
      run.tasks.flatMap((task) => {
        const attempt = latestAttempt(task);
        return attempt && isOpen(attempt) ? [{ run, task, attempt }] : [];
      }),
    );
  }

  /** A job takes its attempt and brings its result, if the attempt is still open. */
  finish(attemptId: number, patch: Partial<JobResult> = {}): Event | null {
    const event = this.store(attemptId, patch);
    if (event) this.world.inbox.push(event);
    return event;
  }

  /** Stores a result as the job API does; the event is the caller's to deliver. */
  store(attemptId: number, patch: Partial<JobResult> = {}): Event | null {
    const found = this.attempts().find(({ attempt }) => attempt.id === attemptId);
    if (!found) return null;
    const { run, task, attempt } = found;
    const brought = result({
      attempt: attemptId,
      ...this.script.agent(task, run),
      ...patch,
    });
    this.setAttempt(attempt.id, { state: 'finished', result: brought });
    return { kind: 'job_result', runId: run.id, attemptId, result: brought };
  }

  // People and the forge.

  command(body: string, who: Actor = { id: 3, username: 'sam' }): Event {
    const event = note(body, { actor: who });
    if (event.kind !== 'note') throw new Error('a note is a note');
    return { ...event, note: { ...event.note, id: this.id(), body } };
  }

  approve(iid: number, who: Actor): Event {
    this.change(iid).approvals.set(who.id, this.world.now);
    return this.changeEvent(iid, 'approved', who);
  }

  unapprove(iid: number, who: Actor): Event {
    this.change(iid).approvals.delete(who.id);
    return this.changeEvent(iid, 'unapproved', who);
  }

  push(iid: number, who: Actor): Event {
    const change = this.change(iid);
    const old = this.head(change.branch).sha;
    this.moveBranch(change.branch);
    change.contributors.add(who.id);
    const event = this.changeEvent(iid, 'updated', who);
    return event.kind === 'change' ? { ...event, oldHeadSha: old } : event;
  }

  close(iid: number, who: Actor): Event {
    const change = this.change(iid);
    if (change.state === 'opened') change.state = 'closed';
    return this.changeEvent(iid, 'closed', who);
  }

  mergeByHand(iid: number, who: Actor): Event {
    const change = this.change(iid);
    if (change.state === 'opened') change.state = 'merged';
    return this.changeEvent(iid, 'merged', who);
  }

  closeIssue(who: Actor): Event {
    this.world.issueClosed = true;
    return {
      kind: 'issue',
      action: 'closed',
      project,
      actor: who,
      issue: { ...issue, state: 'closed' },
      labelsAdded: [],
      labelsRemoved: [],
      textChanged: false,
    };
  }

  /** The pipeline of a change ends; null when its head has none. */
  checksEvent(iid: number, status: string): Event {
    const { sha } = this.head(this.change(iid).branch);
    this.world.checks.set(sha, status);
    return { kind: 'pipeline', project, actor: null, pipeline: pipelineInfo(1, status, sha, iid) };
  }

  /** The parent pipeline of a launch ends. */
  launchEnds(pipelineId: number, status: string): Event {
    this.world.pipelines.set(pipelineId, status);
    const pipeline = { ...pipelineInfo(pipelineId, status, '', 0), changeIid: null };
    return { kind: 'pipeline', project, actor: null, pipeline };
  }

  head(branch: string): SimBranch {
    const found = this.world.branches.get(branch);
    if (!found) throw new Error(`no branch ${branch}`);
    return found;
  }

  change(iid: number): SimChange {
    const found = this.world.changes.get(iid);
    if (!found) throw new Error(`no change ${iid}`);
    return found;
  }

  // Effects.

  pending(): SimEffect[] {
    return this.world.effects.filter(({ state }) => state === 'pending');
  }

  /** Carries out one pending effect; false when it has to be tried again later. */
  perform(id: number): boolean {
    const row = this.world.effects.find((candidate) => candidate.id === id);
    if (row?.state !== 'pending') return false;
    const outcome = this.carryOut(row);
    if (outcome === 'later') return false;
    if (typeof outcome === 'string') this.fail(id, outcome);
    else this.settled(row, { state: 'done', receipt: outcome });
    return true;
  }

  /** The forge refuses an effect for good. */
  fail(id: number, error: string): void {
    const row = this.world.effects.find((candidate) => candidate.id === id);
    if (row?.state === 'pending') this.settled(row, { state: 'failed', error });
  }

  private settled(
    row: SimEffect,
    outcome: { state: 'done'; receipt: Receipt } | { state: 'failed'; error: string },
  ): void {
    Object.assign(row, outcome);
    if (outcome.state === 'done') this.applyReceipt(row, outcome.receipt);
    if (row.runId !== null && FOLLOWED.has(row.effect.kind)) {
      this.world.inbox.push({ kind: 'effect_settled', runId: row.runId, effectId: row.id });
    }
  }

  /** A receipt; `later` when the forge is not ready; any other text: it failed for good. */
  private carryOut(row: SimEffect): Receipt | string {
    const { effect } = row;
    switch (effect.kind) {
      case 'create_pipeline': {
        const open = this.attempts().some(({ attempt }) => attempt.launchId === effect.launch);
        if (!open) return 'the attempt ended before its pipeline was created';
        const pipelineId = this.id();
        this.world.pipelines.set(pipelineId, 'running');
        const { sha } = this.head(effect.ref);
        return { kind: 'create_pipeline', pipelineId, url: '', sha, adopted: false };
      }
      case 'cancel_pipeline':
        this.world.pipelines.set(effect.pipelineId, 'canceled');
        return { kind: 'cancel_pipeline' };
      case 'commit_changes':
        return this.commitChanges(row, effect);
      case 'open_change': {
        const branch = this.runOf(effect.run).changes[effect.change]?.branch;
        if (branch === undefined) return 'no branch';
        const there = [...this.world.changes.values()].find((change) => change.branch === branch);
        const iid = there?.iid ?? this.openChange(branch);
        return { kind: 'open_change', iid, url: '' };
      }
      case 'merge_change':
        return this.merge(row, effect);
      case 'reset_approvals':
        if (this.script.resets) this.changeOf(effect)?.approvals.clear();
        return { kind: 'reset_approvals' };
      case 'set_gate':
        this.world.gates.set(effect.sha, effect.state);
        return { kind: 'set_gate' };
      case 'status_comment':
        return { kind: 'status_comment', noteId: 1, bodyHash: '' };
      case 'reply':
        return { kind: 'reply', noteId: 1 };
      case 'open_threads':
        return { kind: 'open_threads', threads: [] };
      case 'resolve_threads':
        return { kind: 'resolve_threads', resolved: [] };
      case 'react':
      case 'update_change':
        return { kind: effect.kind };
    }
  }

  private commitChanges(
    row: SimEffect,
    effect: Extract<Effect, { kind: 'commit_changes' }>,
  ): Receipt | string {
    const run = this.runOf(effect.run);
    const task = taskOfAttempt(run, effect.attempt);
    if (!task || latestAttempt(task)?.id !== effect.attempt)
      return 'a newer attempt has taken over';
    const known = run.changes[effect.change];
    const branch = known?.branch ?? `autodev/${effect.change}-${run.id}`;
    const there = this.world.branches.get(branch);
    if (there && there.sha !== known?.headSha) {
      return { kind: 'commit_changes', outcome: 'refused', cause: 'somebody pushed', next: '' };
    }
    row.started = true;
    return { kind: 'commit_changes', outcome: 'committed', branch, sha: this.moveBranch(branch) };
  }

  private merge(
    row: SimEffect,
    effect: Extract<Effect, { kind: 'merge_change' }>,
  ): Receipt | string {
    const change = this.changeOf(effect);
    if (!change) return 'the change is gone';
    const { sha } = this.head(change.branch);
    if (change.state === 'merged') return { kind: 'merge_change', outcome: 'merged', sha };
    if (change.state !== 'opened' || sha !== effect.sha) {
      return { kind: 'merge_change', outcome: 'not_merged', why: 'the head moved' };
    }
    row.started = true;
    if (PASSING.has(change.mergeStatus)) return 'later';
    if (change.mergeStatus !== 'mergeable') {
      return { kind: 'merge_change', outcome: 'not_merged', why: change.mergeStatus };
    }
    change.state = 'merged';
    this.world.merges.push({ iid: change.iid, sha });
    return { kind: 'merge_change', outcome: 'merged', sha };
  }

  private applyReceipt(row: SimEffect, receipt: Receipt): void {
    const { effect } = row;
    if (receipt.kind === 'create_pipeline' && effect.kind === 'create_pipeline') {
      for (const { attempt } of this.attempts()) {
        if (attempt.launchId !== effect.launch) continue;
        const state = attempt.state === 'requested' ? 'waiting' : attempt.state;
        this.setAttempt(attempt.id, { pipelineId: receipt.pipelineId, sha: receipt.sha, state });
      }
    }
    const role = 'change' in effect ? effect.change : 'code';
    if (receipt.kind === 'commit_changes' && receipt.outcome === 'committed') {
      const { branch, sha } = receipt;
      this.setChange(row.runId, role, { branch, headSha: sha });
    }
    if (receipt.kind === 'open_change') this.setChange(row.runId, role, { iid: receipt.iid });
  }

  // The store.

  private write(decision: Decision, view: Snapshot): void {
    this.refuseStale(decision.writes);
    const ids: NewIds = { runId: null, launchId: null };
    for (const write of decision.writes) this.apply(write, ids);
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
      if (write.op === 'create_run' && this.active()) throw new Conflict('a run is active');
      if (write.op === 'end_attempt' && !open.delete(write.attemptId)) {
        throw new Conflict(`attempt ${write.attemptId}`);
      }
      if (write.op !== 'update_run') continue;
      updates += 1;
      if (updates > 1 || this.runOf(write.runId).version !== write.version) {
        throw new Conflict(`run ${write.runId}`);
      }
    }
  }

  private apply(write: Write, ids: NewIds): void {
    const owner = 'runId' in write ? this.runOf(write.runId) : null;
    if (owner && !isActive(owner.state) && write.op !== 'drop_effects') {
      this.faults.push(`${write.op} of run ${owner.id} after its end`);
    }
    switch (write.op) {
      case 'create_run':
        return this.createRun(write.run, ids);
      case 'update_run': {
        const { codeHeadSha, specHeadSha, ...patch } = write.patch;
        const run = this.runOf(write.runId);
        if (patch.verdict !== undefined && run.verdict !== null) {
          this.faults.push(`a second verdict of run ${run.id}`);
        }
        if (codeHeadSha !== undefined) this.setChange(run.id, 'code', { headSha: codeHeadSha });
        if (specHeadSha !== undefined) this.setChange(run.id, 'spec', { headSha: specHeadSha });
        this.setRun(run.id, patch);
        return;
      }
      case 'launch':
        return this.launch(write.runId, write.stage, write.round, write.launch, ids);
      case 'new_attempt': {
        ids.launchId = this.id();
        this.addAttempt(write.taskId, { ...write, launchId: ids.launchId });
        return;
      }
      case 'end_attempt':
        return this.setAttempt(write.attemptId, { state: write.state, cause: write.cause });
      case 'end_task':
        return this.setTask(write.taskId, { state: write.state });
      case 'note_approval': {
        const { changeIid, userId, sha, given } = write;
        this.world.seen.set(`${changeIid}/${userId}`, { sha, given });
        return;
      }
      case 'drop_effects':
        for (const row of this.pending()) {
          if (row.runId === write.runId && !row.started && write.kinds.includes(row.effect.kind)) {
            row.state = 'dropped';
          }
        }
    }
  }

  private createRun(run: Extract<Write, { op: 'create_run' }>['run'], ids: NewIds): void {
    const { launch, ...rest } = run;
    ids.runId = this.id();
    this.world.runs.push({
      ...rest,
      id: ids.runId,
      repoId: 1,
      state: 'queued',
      round: 0,
      waitsFor: null,
      verdict: null,
      gateNote: null,
      changes: { spec: null, code: null },
      version: 1,
      createdAt: this.world.now,
      updatedAt: this.world.now,
      finishedAt: null,
      tasks: [],
    });
    this.launch(ids.runId, run.stage, 0, launch, ids);
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
      this.addAttempt(id, { spec, ref: launch.ref, sha: launch.sha, launchId });
    }
    ids.launchId = launchId;
  }

  private addAttempt(
    taskId: number,
    from: Pick<Attempt, 'spec' | 'ref' | 'sha' | 'launchId'>,
  ): void {
    const { spec, ref, sha, launchId } = from;
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
          pipelineId: null,
          pipelineUrl: null,
          childPipelineId: null,
          progress: null,
          cause: null,
          spec,
          result: null,
        },
      ],
    }));
  }

  private setAttempt(id: number, patch: Partial<Attempt>): void {
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

  private setChange(
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

  // Looking.

  private takeSnapshot(event: Event): Snapshot | null {
    const interest = interestOf(event);
    switch (interest.kind) {
      case 'none':
        return null;
      case 'ask':
        return snapshot({
          ...this.common(),
          actorAccess: this.script.level(interest.actorId),
          issue: { ...issue, state: this.world.issueClosed ? 'closed' : 'opened' },
          run: this.active(),
          lastRun: this.world.runs.at(-1) ?? null,
        });
      case 'run': {
        const run = this.runBy(interest.by);
        const pipeline = 'pipeline' in interest.by ? interest.by.pipeline : null;
        return run && isActive(run.state) ? this.ofRun(run, null, pipeline) : null;
      }
      case 'own': {
        const run = this.world.runs.find(({ id }) => id === interest.runId);
        return run ? this.ofRun(run, interest.effectId, null) : null;
      }
    }
  }

  private runBy(by: { target: unknown } | { change: number } | { pipeline: number }): Run | null {
    if ('target' in by) return this.active();
    const found = this.world.runs.findLast((run) =>
      'change' in by
        ? run.changes.code?.iid === by.change || run.changes.spec?.iid === by.change
        : run.tasks.some(({ attempts }) => attempts.some((a) => a.pipelineId === by.pipeline)),
    );
    return found ?? null;
  }

  private common(): Pick<Snapshot, 'now' | 'headSha'> {
    return { now: this.world.now, headSha: this.head('main').sha };
  }

  private ofRun(run: Run, effectId: number | null, pipelineId: number | null): Snapshot {
    const row = this.world.effects.find(({ id }) => id === effectId);
    const status = pipelineId === null ? undefined : this.world.pipelines.get(pipelineId);
    return snapshot({
      ...this.common(),
      run,
      change: this.changeFacts(run),
      attemptPipeline:
        pipelineId === null || status === undefined
          ? null
          : { ...pipelineInfo(pipelineId, status, '', 0), changeIid: null },
      effect:
        row === undefined || row.state === 'pending'
          ? null
          : { effect: row.effect, state: row.state, receipt: row.receipt, error: row.error },
    });
  }

  private changeFacts(run: Run): ChangeFacts | null {
    const stage = stageOf(run);
    if (stage?.kind !== 'gate' && stage?.kind !== 'verify') return null;
    const role = stage.kind === 'gate' && stage.gate === 'spec' ? 'spec' : 'code';
    const iid = run.changes[role]?.iid;
    if (iid == null) return null;
    const change = this.change(iid);
    const { sha } = this.head(change.branch);
    const status = this.world.checks.get(sha) ?? this.script.checks(sha);
    const atGate = stage.kind === 'gate';
    return {
      state: change.state,
      headSha: sha,
      pipeline: atGate || status === null ? null : pipelineInfo(1, status, sha, iid),
      failedJobs: !atGate && status === 'failed' ? ['test'] : [],
      gate:
        atGate && change.state === 'opened'
          ? { mergeStatus: change.mergeStatus, facts: this.gateFacts(run, change) }
          : null,
    };
  }

  private gateFacts(run: Run, change: SimChange): GateFacts {
    const { sha, at: headAt } = this.head(change.branch);
    return {
      headSha: sha,
      headAt,
      approvals: [...change.approvals].map(([id, at]) => {
        const seen = this.world.seen.get(`${change.iid}/${id}`);
        return {
          user: { id, username: `user${id}` },
          level: this.script.level(id),
          seenAtSha: seen?.given === true ? seen.sha : null,
          at: this.script.tellsTimes ? at : null,
        };
      }),
      contributors: [...change.contributors],
      requesterId: run.requester.id,
      botId: bot.id,
      approvalsLeft: 0,
    };
  }

  // Small things.

  active(): SimRun | null {
    return this.world.runs.find(({ state }) => isActive(state)) ?? null;
  }

  private runOf(id: number | 'new'): SimRun {
    const run = this.world.runs.find((candidate) => candidate.id === id);
    if (!run) throw new Error(`no run ${id}`);
    return run;
  }

  private changeOf(effect: { run: number; change: ChangeRole }): SimChange | null {
    const iid = this.runOf(effect.run).changes[effect.change]?.iid;
    return iid == null ? null : this.change(iid);
  }

  private openChange(branch: string): number {
    const iid = this.id();
    this.world.changes.set(iid, {
      iid,
      branch,
      state: 'opened',
      approvals: new Map(),
      contributors: new Set(),
      mergeStatus: 'mergeable',
    });
    return iid;
  }

  private moveBranch(branch: string): string {
    const sha = this.id().toString(16).padStart(40, '0');
    this.world.branches.set(branch, { sha, at: this.world.now });
    return sha;
  }

  private changeEvent(
    iid: number,
    action: Extract<Event, { kind: 'change' }>['action'],
    actor: Actor,
  ): Event {
    const { branch, state } = this.change(iid);
    return {
      kind: 'change',
      action,
      project,
      actor,
      oldHeadSha: null,
      labelsAdded: [],
      labelsRemoved: [],
      change: {
        iid,
        title: 't',
        state,
        draft: false,
        sourceBranch: branch,
        targetBranch: 'main',
        sourceProjectId: project.id,
        targetProjectId: project.id,
        headSha: this.head(branch).sha,
        labels: [],
        authorId: bot.id,
        url: '',
      },
    };
  }

  private id(): number {
    this.world.next += 1;
    return this.world.next;
  }
}

function pipelineInfo(
  id: number,
  status: string,
  sha: string,
  changeIid: number,
): NonNullable<ChangeFacts['pipeline']> {
  return {
    id,
    status,
    ref: '',
    sha,
    source: 'merge_request_event',
    parentPipelineId: null,
    changeIid,
    url: '',
  };
}
