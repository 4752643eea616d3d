/**
 * No run can hang: whatever happens in whatever order, in the end there is a verdict, or a person is
 * awaited at a gate, or something outside will move the run on (an open attempt, a pending effect).
 */
import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import type { Report } from '../../../schema/wire/report.ts';
import type { AttemptLoss, Event } from '../../../bot/domain/events.ts';
import { isActive } from '../../../bot/domain/outcomes.ts';
import {
  currentTasks,
  isOpen,
  latestAttempt,
  stageOf,
  type Run,
} from '../../../bot/domain/runs.ts';
import type { FileChange, JobResult } from '../../../schema/wire/result.ts';
import { blobId } from '../../../bot/worker/publish/blob-id.ts';
import { DANA, goodWork, levelOf, MAX, SAM } from '../../support/actors.ts';
import { Simulation } from '../../support/simulation.ts';
import type { SimRun, World } from '../../support/simulated-store.ts';
import { finding } from './builders.ts';

const OUTCOMES: readonly JobResult['outcome'][] = [
  'finished',
  'finished',
  'finished',
  'finished',
  'finished',
  'crashed',
  'budget',
  'limit',
  'needs_human',
  'model_error',
  'cancelled',
];
const LOSSES: readonly AttemptLoss[] = [
  'no_heartbeat',
  'no_runner',
  'pipeline_failed',
  'pipeline_cancelled',
  'pipeline_refused',
  'deadline',
];
/** What a maintainer may let through. */
const PROTECTED: FileChange = {
  path: '.npmrc',
  action: 'create',
  mode: '100644',
  content: Buffer.from('x=1\n').toString('base64'),
};
const NOTES = [
  '/autodev plan',
  '/autodev implement',
  '/autodev reject not like this',
  '/autodev retry',
  '/autodev cancel',
  'Mind the tests.',
  '/autodev status',
  '/autodev pause',
  '/autodev resume',
  '/autodev resume',
  '/autodev defer 2 hours',
  '/autodev budget +5',
  '/autodev deploy',
  '/autodev rollback',
  `/autodev allow .npmrc at ${blobId(PROTECTED)}`,
];
/** Commands that begin a journey; the shorter ones come to the late stages more often. */
const STARTS = [
  '/autodev plan',
  '/autodev plan',
  '/autodev plan bugfix',
  '/autodev plan security-fix',
  '/autodev plan docs',
  '/autodev implement',
  '/autodev hunt',
  '/autodev tests',
  '/autodev plan release',
];
const CHECKS = ['success', 'failed', 'canceled', 'manual', 'running'];

type Action =
  | { do: 'event'; pick: number }
  | { do: 'again'; pick: number }
  | { do: 'effect'; pick: number; fails: boolean }
  | {
      do: 'agent';
      pick: number;
      outcome: JobResult['outcome'];
      finds: boolean;
      changes: 'none' | 'protected' | 'usual';
    }
  | { do: 'project'; is: World['project'] }
  | { do: 'rights' }
  | { do: 'delete branch' }
  | { do: 'lose'; pick: number; loss: AttemptLoss }
  | { do: 'launch ends'; pick: number; status: string }
  | { do: 'checks'; status: string }
  | { do: 'approve' | 'unapprove' | 'push' | 'close' | 'merge' | 'close issue' | 'wake' }
  | { do: 'merge status'; status: string }
  | { do: 'hold'; pick: number }
  | { do: 'release'; pick: number }
  | { do: 'on'; steps: number }
  | { do: 'note'; body: string }
  | { do: 'wait'; minutes: number };

const pick = fc.nat({ max: 50 });
/** Steps that lead on are drawn more often, so that sequences reach the later stages. */
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('on' as const), steps: fc.nat(30) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('event' as const), pick }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('again' as const), pick }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('effect' as const),
      pick,
      fails: fc.integer({ min: 0, max: 9 }).map((dice) => dice === 0),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('agent' as const),
      pick,
      outcome: fc.constantFrom(...OUTCOMES),
      finds: fc.boolean(),
      changes: fc.constantFrom('none', 'protected', ...Array<'usual'>(8).fill('usual')),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('lose' as const),
      pick,
      loss: fc.constantFrom(...LOSSES),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('launch ends' as const),
      pick,
      status: fc.constantFrom('success', 'failed', 'canceled'),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('checks' as const),
      status: fc.constantFrom(...CHECKS),
    }),
  },
  { weight: 4, arbitrary: fc.constant({ do: 'approve' as const }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom('unapprove', 'push', 'wake') }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('close', 'merge', 'close issue') }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('merge status' as const),
      status: fc.constantFrom('mergeable', 'need_rebase', 'ci_still_running'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('hold' as const), pick }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('release' as const), pick }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('note' as const), body: fc.constantFrom(...NOTES) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('project' as const),
      is: fc.constantFrom(...Array<'ok'>(20).fill('ok'), 'archived', 'denied', 'gone'),
    }),
  },
  {
    weight: 1,
    arbitrary: fc
      .integer({ min: 0, max: 20 })
      .map((dice) => ({ do: (['rights', 'delete branch'] as const)[dice] ?? ('wake' as const) })),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('wait' as const), minutes: fc.nat(90) }),
  },
);

const ENDS = ['success', 'failed', null] as const;

/** A world with everything that was ever delivered, to deliver it again. */
class Story {
  private requesterLevel = 40;
  /** What reviewers find from now on, until another says otherwise. */
  private severe = false;
  readonly sim = new Simulation({
    agent: (task) => goodWork(task, this.severe ? [finding({})] : []),
    level: (id) => (id === SAM.id ? this.requesterLevel : levelOf(id)),
    // A third of the commits has no deploy job, a third fails to deploy.
    deploys: (sha) => ENDS[Number.parseInt(sha.slice(-2), 16) % ENDS.length] ?? null,
  });
  readonly past: Event[] = [];
  readonly held: ReturnType<Simulation['look']>[] = [];

  deliver(event: Event | null | undefined): void {
    if (!event) return;
    this.past.push(event);
    this.sim.deliver(event);
  }

  /** The change the run is about now, if there is one that is open. */
  iid(): number | null {
    const { changes } = this.sim.run;
    const iid = changes.code?.iid ?? changes.spec?.iid ?? null;
    return iid !== null && this.sim.change(iid).state === 'opened' ? iid : null;
  }

  act(action: Action): void {
    const { sim } = this;
    const iid = this.iid();
    switch (action.do) {
      case 'event':
        return this.deliver(take(sim.world.inbox, action.pick));
      case 'again':
        return this.deliver(this.past[action.pick % Math.max(1, this.past.length)]);
      case 'effect': {
        const row = sim.pending()[action.pick % Math.max(1, sim.pending().length)];
        if (row && action.fails) sim.fail(row.id, 'denied');
        else if (row) sim.perform(row.id);
        return;
      }
      case 'agent': {
        const open = sim.attempts().filter(({ attempt }) => attempt.state !== 'requested');
        const one = open[action.pick % Math.max(1, open.length)];
        if (!one) return;
        this.severe = action.finds;
        const found = action.finds ? [finding({ title: `Mistake ${action.pick}` })] : [];
        const work = goodWork(one.task, found);
        const unclear = action.finds && work.report?.kind === 'triage';
        sim.finish(one.attempt.id, {
          ...work,
          ...(unclear ? { report: { ...work.report, missing: ['Which one?'] } as Report } : {}),
          outcome: action.outcome,
          ...(action.changes === 'none' ? { changes: [] } : {}),
          ...(action.changes === 'protected' ? { changes: [PROTECTED] } : {}),
        });
        return;
      }
      case 'lose': {
        const one = sim.attempts()[action.pick % Math.max(1, sim.attempts().length)];
        if (!one) return;
        const { run, attempt } = one;
        const { loss } = action;
        const ids = { runId: run.id, attemptId: attempt.id };
        return this.deliver({ kind: 'attempt_lost', ...ids, loss, detail: 'x' });
      }
      case 'launch ends': {
        const ids = [...sim.world.pipelines.keys()];
        const id = ids[action.pick % Math.max(1, ids.length)];
        if (id !== undefined) this.deliver(sim.launchEnds(id, action.status));
        return;
      }
      case 'hold': {
        const event = this.past[action.pick % Math.max(1, this.past.length)];
        if (event) this.held.push(sim.look(event));
        return;
      }
      case 'release': {
        const late = take(this.held, action.pick);
        if (late) sim.commit(late);
        return;
      }
      case 'on':
        return this.goOn(action.steps);
      case 'note':
        return this.deliver(sim.command(action.body, MAX));
      case 'project':
        sim.world.project = action.is;
        return;
      case 'rights':
        this.requesterLevel = 20;
        return;
      case 'delete branch':
        if (iid !== null) sim.deleteBranch(sim.change(iid).branch);
        return;
      case 'wait':
        return sim.pass(action.minutes * 60);
      case 'wake':
        return this.deliver({ kind: 'wake', runId: sim.run.id });
      case 'close issue':
        return this.deliver(sim.closeIssue(SAM));
      case 'checks':
        return this.deliver(iid === null ? null : sim.checksEvent(iid, action.status));
      case 'merge status':
        if (iid !== null) sim.change(iid).mergeStatus = action.status;
        return;
      case 'approve':
        return this.deliver(iid === null ? null : sim.approve(iid, DANA));
      case 'unapprove':
        return this.deliver(iid === null ? null : sim.unapprove(iid, DANA));
      case 'push':
        return this.deliver(iid === null ? null : sim.push(iid, MAX));
      case 'close':
        return this.deliver(iid === null ? null : sim.close(iid, SAM));
      case 'merge':
        return this.deliver(iid === null ? null : sim.mergeByHand(iid, SAM));
    }
  }

  /** Some of what would happen anyway: effects, own events, agents at work. */
  private goOn(steps: number): void {
    const { sim } = this;
    for (let count = 0; count < steps; count += 1) {
      const event = sim.world.inbox.shift();
      if (event) this.deliver(event);
      else if (sim.pending().some(({ id }) => sim.perform(id))) continue;
      else {
        const waiting = sim.attempts().find(({ attempt }) => attempt.state === 'waiting');
        if (waiting) sim.finish(waiting.attempt.id);
      }
    }
  }

  /** Everything that was sent arrives; then the sweeper looks, long after. */
  end(): void {
    const { sim } = this;
    for (const late of this.held) sim.commit(late);
    this.deliver(sim.command('/autodev resume', MAX));
    for (let round = 0; round < 3; round += 1) {
      for (let event = sim.world.inbox.shift(); event; event = sim.world.inbox.shift()) {
        sim.deliver(event);
      }
      sim.pass(2 * 3600);
      sim.wakeAll();
    }
  }
}

function take<T>(items: T[], index: number): T | undefined {
  return items.splice(index % Math.max(1, items.length), 1)[0];
}

/** What will move the run on; null when nothing will. */
function moverOf(run: SimRun, sim: Simulation): string | null {
  if (!isActive(run.state)) return run.verdict === null ? null : 'it is over';
  const stage = stageOf(run);
  if (run.state === 'paused') return null;
  if (stage?.kind === 'gate') return run.waitsFor === 'person' ? 'a person' : null;
  const forward = sim
    .pending()
    .some(
      ({ runId, effect }) =>
        runId === run.id && ['commit_changes', 'open_change', 'raise_issues'].includes(effect.kind),
    );
  if (stage?.kind === 'task' && forward) return 'an effect';
  const starting = sim
    .pending()
    .some(({ runId, effect }) => runId === run.id && effect.kind === 'play_job');
  if (stage?.kind === 'deploy' && starting) return 'an effect';
  const tasks = currentTasks(run).filter((task) => task.state !== 'done');
  // Every task that is waited for must have somebody at work on it.
  return tasks.length > 0 && tasks.every((task) => atWork(task, sim)) ? 'its agents' : null;
}

function atWork(task: Run['tasks'][number], sim: Simulation): boolean {
  const attempt = latestAttempt(task);
  if (!attempt || !isOpen(attempt)) return false;
  if (attempt.state !== 'requested') return true;
  return sim
    .pending()
    .some(({ effect }) => effect.kind === 'create_pipeline' && effect.launch === attempt.launchId);
}

/** How many sequences came to a stage. */
const visits = new Map<string, number>();

function play(start: string, actions: readonly Action[]): void {
  const story = new Story();
  story.deliver(story.sim.command(start, SAM));
  const { sim } = story;
  const seen = new Set<string>();
  for (const action of actions) {
    story.act(action);
    seen.add(sim.run.state === 'paused' ? 'paused' : sim.run.stage);
  }
  story.end();
  for (const stage of seen) visits.set(stage, (visits.get(stage) ?? 0) + 1);
  expect(sim.faults).toEqual([]);
  for (const run of sim.world.runs) {
    const mover = moverOf(run, sim);
    if (mover === null) {
      throw new Error(`run ${run.id} hangs in ${run.stage} (${run.state}): ${describe(run)}`);
    }
    expect(run.verdict !== null).toBe(!isActive(run.state));
  }
  expect(sim.world.runs.filter(({ state }) => isActive(state)).length).toBeLessThanOrEqual(1);
}

function describe(run: SimRun): string {
  return run.tasks
    .map(
      (task) =>
        `${task.stage}/${task.round} ${task.type} ${task.state} ` +
        `[${task.attempts.map(({ state }) => state).join(' ')}]`,
    )
    .join('; ');
}

test('no sequence of events leaves a run without a verdict, a gate or something under way', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...STARTS),
      fc.array(action, { minLength: 1, maxLength: 60, size: 'max' }),
      play,
    ),
    { numRuns: 2000, seed: 20_261_121 },
  );
  // The sequences are worth something only when they come to every kind of stage.
  const wanted = [
    'hunt',
    'plan',
    'tests',
    'triage',
    'spec',
    'spec-gate',
    'implement',
    'docs',
    'verify',
    'address',
    'merge',
  ];
  for (const stage of [...wanted, 'deploy', 'paused', 'end']) {
    expect([stage, (visits.get(stage) ?? 0) >= 10]).toEqual([stage, true]);
  }
});
