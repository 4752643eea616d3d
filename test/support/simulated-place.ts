/** People and the forge of the simulation: what they do there, each as the hook that tells of it. */
import type { Actor, Event } from '../../bot/domain/events.ts';
import { bot, issue, note, project } from '../unit/decide/builders.ts';
import { pipelineInfo, type Script } from './simulated-look.ts';
import { SimulatedStore, type SimBranch, type SimChange, type World } from './simulated-store.ts';

export class SimulatedPlace {
  readonly script: Script;
  readonly world: World;
  protected readonly store: SimulatedStore;

  constructor(script: Partial<Script> = {}, world?: World) {
    this.script = {
      agent: () => ({}),
      checks: () => 'success',
      level: () => 30,
      autonomy: 'guided',
      coverage: null,
      tellsTimes: false,
      resets: true,
      deploys: () => null,
      ...script,
    };
    this.world = world ?? {
      now: new Date('2026-11-21T12:00:00Z'),
      next: 1,
      runs: [],
      effects: [],
      seen: new Map(),
      locks: new Map(),
      held: [],
      inbox: [],
      branches: new Map(),
      deleted: new Map(),
      changes: new Map(),
      checks: new Map(),
      pipelines: new Map(),
      gates: new Map(),
      merges: [],
      deployJobs: [],
      issueClosed: false,
      closedIssues: new Set(),
      project: 'ok',
      landed: [],
      wishes: new Set(),
      messages: [],
    };
    this.store = new SimulatedStore(this.world);
    if (!this.world.branches.has('main')) this.moveBranch('main');
  }

  command(body: string, who: Actor = { id: 3, username: 'sam' }, iid = issue.iid): Event {
    const event = note(body, { actor: who, on: { type: 'issue', issue: { ...issue, iid } } });
    if (event.kind !== 'note') throw new Error('a note is a note');
    return { ...event, note: { ...event.note, id: this.store.id(), body } };
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

  /** No hook tells of it: push events are not asked for. */
  deleteBranch(branch: string): void {
    const found = this.world.branches.get(branch);
    if (found) this.world.deleted.set(branch, found);
    this.world.branches.delete(branch);
  }

  /** A force-push to a commit that was there before. */
  pushBack(iid: number, who: Actor, sha: string): Event {
    const event = this.push(iid, who);
    this.world.branches.set(this.change(iid).branch, { sha, at: this.world.now });
    return event.kind === 'change'
      ? { ...event, change: { ...event.change, headSha: sha } }
      : event;
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
      at: this.world.now.toISOString(),
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
    const found = this.world.branches.get(branch) ?? this.world.deleted.get(branch);
    if (!found) throw new Error(`no branch ${branch}`);
    return found;
  }

  change(iid: number): SimChange {
    const found = this.world.changes.get(iid);
    if (!found) throw new Error(`no change ${iid}`);
    return found;
  }

  protected moveBranch(branch: string): string {
    const sha = this.store.id().toString(16).padStart(40, '0');
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
        description: '',
        state,
        draft: false,
        sourceBranch: branch,
        targetBranch: 'main',
        sourceProjectId: project.id,
        targetProjectId: project.id,
        headSha: this.head(branch).sha,
        mergedSha: null,
        labels: [],
        authorId: bot.id,
        url: '',
      },
    };
  }
}
