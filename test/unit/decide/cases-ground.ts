/** Recorded cases of runs whose ground is gone, and of what a maintainer lets through. */
import type { Event } from '../../../bot/domain/events.ts';
import type { Run } from '../../../bot/domain/runs.ts';
import type { Snapshot } from '../../../bot/domain/snapshot.ts';
import type { Case } from './case.ts';
import {
  changeFacts,
  codeChange,
  doneTask,
  note,
  project,
  run,
  snapshot,
  task,
  verifying,
} from './builders.ts';

const wake: Event = { kind: 'wake', runId: 11 };
const BLOB = '8b10d02'.padEnd(40, '7');

/** A run whose builder answers a finding. */
function addressing(): Run {
  const fix = task({ stage: 'address', type: 'address_review_feedback' });
  const changes = { spec: null, code: codeChange };
  const tasks = [doneTask({ id: 20 }), fix];
  return run({ command: 'plan', stage: 'address', changes, tasks }, 'bugfix');
}

const addressed = (patch: Partial<Snapshot>): Case => ({
  event: wake,
  snapshot: snapshot({ run: addressing(), ...patch }),
});

const refused: Run = run({
  state: 'stopped_policy',
  stage: 'end',
  stoppedAt: 'implement',
  tasks: [doneTask({})],
  verdict: {
    kind: 'refused',
    cause: 'c',
    next: 'n',
    blocked: {
      attempt: 31,
      change: 'code',
      files: [{ path: '.gitlab-ci.yml', blob: BLOB, mode: '100644', diff: '+x' }],
    },
  },
});

export const GROUND_CASES: Readonly<Record<string, Case>> = {
  'the project is archived under an agent': addressed({
    project: { ...project, repoId: 1, archived: true },
  }),
  'the project is gone': addressed({ reach: 'gone' }),
  'the bot has no rights any more': addressed({ reach: 'denied' }),
  'whoever asked has no rights any more': addressed({ requesterAccess: 20 }),
  'whoever asked may still do so': addressed({ requesterAccess: 30 }),
  'the change is closed under an agent': addressed({ change: changeFacts({ state: 'closed' }) }),
  'the change is merged under an agent': addressed({
    change: changeFacts({ state: 'merged', mergedSha: 'e'.repeat(40) }),
  }),
  'the branch is deleted under an agent': addressed({ change: changeFacts({ branchGone: true }) }),
  'the branch is deleted while it is checked': {
    event: wake,
    snapshot: snapshot({ run: verifying(), change: changeFacts({ branchGone: true }) }),
  },
  'a maintainer lets through what was refused': {
    event: note('/autodev allow .gitlab-ci.yml at 8b10d02'),
    snapshot: snapshot({ actorAccess: 40, lastRun: refused }),
  },
  'a developer may not let it through': {
    event: note('/autodev allow .gitlab-ci.yml at 8b10d02'),
    snapshot: snapshot({ actorAccess: 30, lastRun: refused }),
  },
  'another content is not let through': {
    event: note('/autodev allow .gitlab-ci.yml at 1234567'),
    snapshot: snapshot({ actorAccess: 40, lastRun: refused }),
  },
};
