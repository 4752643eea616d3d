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
import { agentAtWork } from '../../bot/decide/steer.ts';
import { predictedFiles } from '../../bot/decide/locks.ts';
import type { Effect, Receipt } from '../../bot/domain/effects.ts';
import type { Event } from '../../bot/domain/events.ts';
import { isActive } from '../../bot/domain/outcomes.ts';
import { noReports } from '../../bot/domain/reports.ts';
import { latestAttempt, resultOf, taskOfAttempt } from '../../bot/domain/runs.ts';
import type { ChangeRole, Run, Task } from '../../bot/domain/runs.ts';
import type { Snapshot } from '../../bot/domain/snapshot.ts';
import type { JobResult } from '../../schema/wire/result.ts';
import { issue, result, snapshot } from '../unit/decide/builders.ts';
import { changeFacts, pipelineInfo } from './simulated-look.ts';
import { blobId } from '../../bot/worker/publish/blob-id.ts';
import { checkPaths } from '../../bot/worker/publish/path-policy.ts';
import type { Wish } from '../../bot/domain/wishes.ts';
import { deployFacts, playJob } from './simulated-deploys.ts';
import { familyIn } from './simulated-family.ts';
import { SimulatedPlace } from './simulated-place.ts';
import { Conflict, type SimulatedStore } from './simulated-store.ts';
import type { SimChange, SimEffect, SimRun } from './simulated-store.ts';

/** How often a decision that lost a race is taken anew, as the worker does. */
const CONFLICT_TRIES = 5;
const FOLLOWED = new Set([
  'create_pipeline',
  'commit_changes',
  'open_change',
  'merge_change',
  'play_job',
  'create_epic',
  'create_issue',
  'raise_issues',
]);
const PASSING = new Set(['checking', 'unchecked', 'preparing', 'ci_still_running']);

/** An event with the snapshot it is decided on; the world may move before it is committed. */
export interface Held {
  event: Event;
  snapshot: Snapshot | null;
}

export class Simulation extends SimulatedPlace {
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

  /** What must never happen; empty in a sound world. */
  get faults(): readonly string[] {
    return this.store.faults;
  }

  /** Attempts that may still bring a result. */
  attempts(): ReturnType<SimulatedStore['attempts']> {
    return this.store.attempts();
  }

  pending(): SimEffect[] {
    return this.store.pending();
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
      if (decision.ignored !== null && decision.held === undefined) return;
      try {
        if (decision.held === undefined) this.store.write(decision, view, wishOf(held.event));
        else this.store.hold(decision.held, held.event);
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
      const { pausedUntil } = run;
      if (run.state === 'paused' && pausedUntil !== null && pausedUntil <= this.world.now) {
        const until = pausedUntil.toISOString();
        this.deliver({ kind: 'resume_due', runId: run.id, until });
      }
      if (isActive(run.state) && run.state !== 'paused' && run.waitsFor !== null) {
        this.deliver({ kind: 'wake', runId: run.id });
      }
    }
  }

  // Agents.

  /** A job takes its attempt and brings its result, if the attempt is still open. */
  finish(attemptId: number, patch: Partial<JobResult> = {}): Event | null {
    const event = this.bring(attemptId, patch);
    if (event) this.world.inbox.push(event);
    return event;
  }

  /** Stores a result as the job API does; the event is the caller's to deliver. */
  bring(attemptId: number, patch: Partial<JobResult> = {}): Event | null {
    const found = this.attempts().find(({ attempt }) => attempt.id === attemptId);
    if (!found) return null;
    const { run, task, attempt } = found;
    const brought = result({
      attempt: attemptId,
      ...this.script.agent(task, run),
      ...patch,
    });
    this.store.setAttempt(attempt.id, { state: 'finished', result: brought });
    return { kind: 'job_result', runId: run.id, attemptId, result: brought };
  }

  // Effects.

  /** Carries out one pending effect; false when it has to be tried again later. */
  perform(id: number): boolean {
    const row = this.world.effects.find((candidate) => candidate.id === id);
    if (row?.state !== 'pending') return false;
    // Nothing can be written to a project that is archived, gone or closed to the bot.
    const outcome = this.world.project === 'ok' ? this.carryOut(row) : 'denied';
    if (outcome === 'later') return false;
    if (typeof outcome === 'string') this.fail(id, outcome);
    else {
      this.world.landed.push({ runId: row.runId, kind: row.effect.kind });
      this.settled(row, { state: 'done', receipt: outcome });
    }
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
        const pipelineId = this.store.id();
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
        const branch = this.store.runOf(effect.run).changes[effect.change]?.branch;
        if (branch === undefined) return 'no branch';
        const there = [...this.world.changes.values()].find((change) => change.branch === branch);
        const iid = there?.iid ?? this.openChange(branch, effect.draft);
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
        return { kind: 'resolve_threads', threads: [] };
      case 'publish_reports':
        return {
          kind: 'publish_reports',
          pipelineId: 1,
          url: '',
          reports: noReports(this.world.now),
        };
      case 'update_change': {
        const change = this.changeOf({ run: effect.run, change: 'code' });
        if (change && effect.ready === true) change.draft = false;
        return { kind: 'update_change' };
      }
      case 'react':
        return { kind: 'react' };
      case 'play_job':
        return playJob(effect, this.world);
      case 'create_epic':
        return { kind: 'create_epic', id: null, url: '' };
      case 'report_note':
        return { kind: 'report_note', noteId: 1 };
      case 'raise_issues':
        return { kind: 'raise_issues', outcome: 'raised', issues: [] };
      case 'create_issue':
        return { kind: 'create_issue', iid: this.store.id(), url: '' };
    }
  }

  private commitChanges(
    row: SimEffect,
    effect: Extract<Effect, { kind: 'commit_changes' }>,
  ): Receipt | string {
    const run = this.store.runOf(effect.run);
    const task = taskOfAttempt(run, effect.attempt);
    if (!task || latestAttempt(task)?.id !== effect.attempt)
      return 'a newer attempt has taken over';
    const known = run.changes[effect.change];
    const branch = known?.branch ?? `autodev/${effect.change}-${run.id}`;
    const there = this.world.branches.get(branch);
    if ((there ?? known) && there?.sha !== known?.headSha) {
      return { kind: 'commit_changes', outcome: 'refused', cause: 'somebody pushed', next: '' };
    }
    const refused = this.refusedFiles(run, task, effect);
    if (refused !== null) return refused;
    row.started = true;
    return { kind: 'commit_changes', outcome: 'committed', branch, sha: this.moveBranch(branch) };
  }

  /** As the publisher: protected files only with a maintainer's leave for exactly that content. */
  private refusedFiles(
    run: Run,
    task: Task,
    effect: Extract<Effect, { kind: 'commit_changes' }>,
  ): Receipt | null {
    const { attempt, change } = effect;
    if (change === 'spec') return null;
    const allowed = run.allowed.filter(({ by }) => this.script.level(by.id) >= 40);
    const paths = checkPaths(resultOf(task)?.changes ?? [], run.context.protectedPaths, (file) =>
      allowed.some(({ path, blob }) => path === file.path && blob === blobId(file)),
    );
    if (paths.ok || !paths.protected) return null;
    const files = paths.files.map((file) => ({
      path: file.path,
      mode: file.mode,
      blob: blobId(file),
      diff: `attempt ${attempt}`,
    }));
    const said = { cause: `${paths.path} ${paths.why}`, next: '' };
    return { kind: 'commit_changes', outcome: 'refused', ...said, blocked: files };
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
    if (!this.world.branches.has(change.branch)) {
      return { kind: 'merge_change', outcome: 'not_merged', why: 'commits_status' };
    }
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
        this.store.setAttempt(attempt.id, {
          pipelineId: receipt.pipelineId,
          sha: receipt.sha,
          state,
        });
      }
    }
    const role = 'change' in effect ? effect.change : 'code';
    if (receipt.kind === 'commit_changes' && receipt.outcome === 'committed') {
      const { branch, sha } = receipt;
      if (role === 'code') this.store.claimFree(row.runId, effect);
      this.store.setChange(row.runId, role, { branch, headSha: sha });
    }
    if (receipt.kind === 'open_change') this.store.setChange(row.runId, role, { iid: receipt.iid });
    if (receipt.kind === 'play_job' && receipt.outcome === 'started') {
      this.store.setDeployment(row.runId, receipt.jobId);
    }
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
          issue: this.issueNow(interest.target.iid),
          handled: interest.wish.known.some((key) => this.world.wishes.has(key)),
          run: this.store.active(interest.target.iid),
          lastRun:
            this.world.runs.findLast((run) => run.target.iid === interest.target.iid) ?? null,
          claimed: this.claimedFor(this.store.active(interest.target.iid)),
        });
      case 'comment': {
        const run = this.store.active(interest.target.iid);
        if (!run || !agentAtWork(run)) return null;
        return snapshot({
          ...this.common(),
          actorAccess: this.script.level(interest.actorId),
          issue: this.issueNow(interest.target.iid),
          handled: interest.wish.known.some((key) => this.world.wishes.has(key)),
          run,
          messages: this.world.messages.filter(({ runId }) => runId === run.id).length,
        });
      }
      case 'run': {
        const run = this.runBy(interest.by);
        const pipeline = 'pipeline' in interest.by ? interest.by.pipeline : null;
        if (!run || !isActive(run.state)) return null;
        return { ...this.ofRun(run, null, pipeline), issue: this.issueNow(run.target.iid) };
      }
      case 'own': {
        const run = this.world.runs.find(({ id }) => id === interest.runId);
        return run ? this.ofRun(run, interest.effectId, null) : null;
      }
    }
  }

  private issueNow(iid: number): typeof issue {
    const closed = this.world.issueClosed || this.world.closedIssues.has(iid);
    return { ...issue, iid, state: closed ? 'closed' : 'opened' };
  }

  private runBy(
    by: { target: { iid: number } } | { change: number } | { pipeline: number },
  ): Run | null {
    if ('target' in by) return this.store.active(by.target.iid);
    const found = this.world.runs.findLast((run) =>
      'change' in by
        ? run.changes.code?.iid === by.change || run.changes.spec?.iid === by.change
        : run.tasks.some(({ attempts }) => attempts.some((a) => a.pipelineId === by.pipeline)),
    );
    return found ?? null;
  }

  private claimedFor(run: Run | null): Snapshot['claimed'] {
    if (run === null || run.changes.code !== null) return [];
    return this.store.claimed(run.id, predictedFiles(run));
  }

  private common(): Pick<Snapshot, 'now' | 'headSha' | 'settings' | 'repoConfig'> {
    const { settings, repoConfig } = snapshot();
    const { autonomy } = this.script;
    return {
      now: this.world.now,
      headSha: this.head('main').sha,
      settings: { ...settings, autonomy },
      repoConfig: { ...repoConfig, config: { ...repoConfig.config, autonomy } },
    };
  }

  private ofRun(run: Run, effectId: number | null, pipelineId: number | null): Snapshot {
    const row = this.world.effects.find(({ id }) => id === effectId);
    const status = pipelineId === null ? undefined : this.world.pipelines.get(pipelineId);
    const plain = snapshot();
    return snapshot({
      ...this.common(),
      run,
      project: { ...plain.project, archived: this.world.project === 'archived' },
      reach: this.world.project === 'archived' ? 'ok' : this.world.project,
      requesterAccess: this.script.level(run.requester.id),
      change: changeFacts(run, this.world, this.script),
      ...familyIn(run, this.world),
      claimed: this.claimedFor(run),
      deploy: deployFacts(run, this.world, this.script.deploys),
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

  // Small things.

  private changeOf(effect: { run: number; change: ChangeRole }): SimChange | null {
    const iid = this.store.runOf(effect.run).changes[effect.change]?.iid;
    return iid == null ? null : this.change(iid);
  }

  private openChange(branch: string, draft: boolean): number {
    const iid = this.store.id();
    this.world.changes.set(iid, {
      iid,
      branch,
      state: 'opened',
      approvals: new Map(),
      contributors: new Set(),
      mergeStatus: 'mergeable',
      draft,
    });
    return iid;
  }
}

/** What an event wishes; labels are told apart by their keys alone, times do not matter here. */
function wishOf(event: Event): Wish | null {
  const interest = interestOf(event);
  return 'wish' in interest ? interest.wish : null;
}
