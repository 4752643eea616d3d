/** Agents for the simulation: what each brings when all goes well, and the people around them. */
import { TASKS } from '../../bot/domain/task-types.ts';
import { SAMPLE_REPORTS } from './sample-reports.ts';
import type { Finding } from '../../schema/wire/finding.ts';
import type { Report } from '../../schema/wire/report.ts';
import type { JobResult } from '../../schema/wire/result.ts';
import type { Actor } from '../../bot/domain/events.ts';
import type { Task } from '../../bot/domain/runs.ts';
import type { Script } from './simulated-look.ts';
import { Simulation } from './simulation.ts';

/** Whoever asked for the work. */
export const SAM: Actor = { id: 3, username: 'sam' };
/** A developer who may approve. */
export const DANA: Actor = { id: 5, username: 'dana' };
/** A maintainer who may approve. */
export const MAX: Actor = { id: 6, username: 'max' };
/** A reporter: an approval of hers does not count. */
export const RITA: Actor = { id: 7, username: 'rita' };

const LEVELS: Readonly<Record<number, number>> = { 3: 40, 5: 30, 6: 40, 7: 20 };
export const levelOf = (userId: number): number => LEVELS[userId] ?? 0;

const SPEC: Report = {
  kind: 'spec',
  feasible: true,
  confidence: 9,
  decisions: [],
  files: [],
  acceptance: [],
  text: '# Specification',
};

const RUBRIC = {
  privilegeEscalation: false,
  destructiveWithoutSafeguard: false,
  unvalidatedExternalApi: false,
  missingAuditLog: false,
  encryption: false,
  advancedAudit: true,
};

/** What an agent brings for a task; `found` are the reviewer's findings. */
export function goodWork(task: Task, found: Finding[] = []): Partial<JobResult> {
  switch (task.type) {
    case 'triage_issue':
      return {
        changes: [],
        report: {
          kind: 'triage',
          type: 'feature',
          size: 'small',
          priority: 5,
          missing: [],
          duplicates: [],
        },
      };
    case 'write_docs':
      return { changes: [] };
    case 'write_spec':
      return { changes: [], report: SPEC };
    case 'review_mr':
      return { changes: [], report: { kind: 'review', score: 90, findings: found } };
    case 'run_tests':
      return { changes: [], report: { kind: 'test', score: 95, findings: [] } };
    case 'security_scan':
      return { changes: [], report: { kind: 'security', rubric: RUBRIC, findings: [] } };
    default: {
      const { delivers, report } = TASKS[task.type];
      if (delivers === 'code' || report === 'none')
        return { report: { kind: 'build', selfScore: 80 } };
      return { changes: [], report: SAMPLE_REPORTS[report] };
    }
  }
}

/** A run of the feature workflow whose specification is approved and merged; its code is written. */
export function atVerify(script: Partial<Script> = {}): Simulation {
  const sim = atSpecGate(script);
  sim.deliver(sim.approve(sim.run.changes.spec?.iid ?? 0, DANA));
  while (
    sim.run.stage !== 'verify' ||
    sim.attempts().some((at) => at.attempt.state !== 'waiting')
  ) {
    const event = sim.world.inbox.shift();
    if (event) sim.deliver(event);
    else if (sim.pending().some(({ id }) => sim.perform(id))) continue;
    else if (!sim.attempts().some(({ attempt }) => sim.finish(attempt.id) !== null)) break;
  }
  return sim;
}

/** A run of the feature workflow that waits for its specification to be approved. */
export function atSpecGate(script: Partial<Script> = {}): Simulation {
  const sim = new Simulation({ agent: (task) => goodWork(task), level: levelOf, ...script });
  sim.deliver(sim.command('/autodev plan', SAM));
  sim.settle();
  return sim;
}

/** A run that waits for its code to be approved. */
export function atMergeGate(script: Partial<Script> = {}): Simulation {
  const sim = atVerify(script);
  sim.settle();
  return sim;
}
