/** Which deployment a rollback puts back, and whole deployments in the simulation. */
import { describe, expect, test } from '@jest/globals';
import {
  byTemplate,
  environmentNamed,
  environmentOfJob,
  rollbackTarget,
} from '../../../bot/domain/deploys.ts';
import { statusComment } from '../../../bot/decide/status-comment.ts';
import { atMergeGate, DANA, MAX, SAM } from '../../support/actors.ts';
import type { Simulation } from '../../support/simulation.ts';
import type { Script } from '../../support/simulated-look.ts';
import { past } from './cases-deploy.ts';

describe('what a rollback puts back', () => {
  /** Newest first, e.g. `C! B A`: C failed; `A~` runs, `A-` was cancelled. */
  const history = (text: string): ReturnType<typeof past>[] =>
    text
      .split(' ')
      .filter((word) => word !== '')
      .map((word, index, all) => {
        const status = { '!': 'failed', '~': 'running', '-': 'canceled' }[word[1] ?? ''];
        return past(all.length - index, status ?? 'success', word[0] ?? '');
      });

  test.each([
    ['', null],
    ['A', null],
    ['B A', 'A'],
    ['C B A', 'B'],
    ['A A', null],
    ['B! A', 'A'],
    ['B- A', 'A'],
    ['A!', null],
    ['A! A', 'A'],
    ['C! B A', 'B'],
    // A deployment under way says nothing yet.
    ['C~ B A', 'A'],
    // Back once more goes further back, not forward again.
    ['A B A', null],
    ['B C B A', 'A'],
    ['B C B! A', 'C'],
    // Forward again, and back from there.
    ['C B C B A', 'B'],
  ])('%s: %s', (text, sha) => {
    expect(rollbackTarget(history(text))?.sha ?? null).toBe(sha);
  });

  test('the newest deployment of that commit is the one whose job can be run again', () => {
    expect(rollbackTarget(history('C B A B A'))?.id).toBe(4);
  });
});

test('only jobs of the template count, each in its own environment', () => {
  const own = past(1, 'success', 'A');
  const job = { id: 1, name: 'autodev-deploy-production', pipelineId: 1 };
  expect(byTemplate([own, { ...own, job }, { ...own, job: null }])).toEqual([own]);
  expect(environmentOfJob('deploy-staging')).toBeNull();
  expect(environmentOfJob('autodev-deploy-eu/prod')).toBe('eu/prod');
});

test.each([
  ['staging', 'staging'],
  [' eu/production-1.b_2 ', 'eu/production-1.b_2'],
  ['a', 'a'],
  ['two words', null],
  ['-a', null],
  ['a/', null],
  ['a`b', null],
  ['a:b', null],
  ['ä', null],
  ['', null],
  ['a'.repeat(63), 'a'.repeat(63)],
  ['a'.repeat(64), null],
])('%s as the name of an environment: %s', (text, name) => {
  expect(environmentNamed(text)).toBe(name);
});

describe('from the merge to the deployment', () => {
  function merged(script: Partial<Script>): Simulation {
    const sim = atMergeGate(script);
    sim.deliver(sim.approve(sim.run.changes.code?.iid ?? 0, DANA));
    sim.settle({ wakes: 3 });
    return sim;
  }
  const plays = (sim: Simulation): number =>
    sim.world.landed.filter(({ kind }) => kind === 'play_job').length;
  const comment = (sim: Simulation): string =>
    statusComment({ run: sim.run, usage: [], summary: null, tally: null, proposed: null });

  test('played once, followed to its end, told', () => {
    const sim = merged({ deploys: () => 'success' });
    expect(sim.run.verdict?.kind).toBe('done');
    expect(sim.run.verdict?.cause).toMatch(/was merged as `\w+` and deployed to staging\./);
    expect(sim.run.deployment).toMatchObject({ state: 'success', sha: sim.run.mergedSha });
    expect(comment(sim)).toMatch(/^\| deploy \| done \| CI \| \[staging\]/m);
    expect(plays(sim)).toBe(1);
    expect(sim.faults).toEqual([]);
  });

  test('no deploy job: merged and done', () => {
    const sim = merged({});
    expect(sim.run.verdict?.cause).toMatch(/was merged as `\w+`\. /);
    expect(comment(sim)).toMatch(/^\| deploy \| – \| CI \| no deploy job found \|$/m);
    expect(plays(sim)).toBe(0);
  });

  test('a failure, and the way back by a maintainer’s command on the closed issue', () => {
    let broken = '';
    const sim = merged({ deploys: (sha) => (sha === broken ? 'failed' : 'success') });
    const good = sim.run.mergedSha ?? '';
    sim.world.issueClosed = true;
    broken = 'b'.repeat(40);
    sim.world.branches.set('main', { sha: broken, at: sim.world.now });
    sim.deliver(sim.command('/autodev deploy', MAX));
    sim.settle({ wakes: 3 });
    expect(sim.run.verdict?.kind).toBe('needs-human');
    expect(sim.run.verdict?.cause).toContain(`of \`${broken.slice(0, 8)}\` to \`staging\` failed`);
    expect(sim.run.verdict?.next).toContain(
      `\`/autodev rollback staging\` puts \`${good.slice(0, 8)}\` back`,
    );
    sim.deliver(sim.command('/autodev rollback staging', SAM));
    sim.settle({ wakes: 3 });
    expect(sim.run.verdict).toMatchObject({ kind: 'done' });
    expect(sim.run.verdict?.cause).toContain(`\`${good.slice(0, 8)}\` was put back on staging.`);
    expect(plays(sim)).toBe(3);
    expect(sim.faults).toEqual([]);
  });

  test('whoever closes the issue or cancels does not stop it half-way', () => {
    const sim = atMergeGate({ deploys: () => 'success' });
    sim.deliver(sim.approve(sim.run.changes.code?.iid ?? 0, DANA));
    while (sim.run.deployment?.state !== 'running') {
      const event = sim.world.inbox.shift();
      if (event) sim.deliver(event);
      else if (!sim.pending().some(({ id }) => sim.perform(id))) break;
    }
    sim.deliver(sim.closeIssue(SAM));
    expect(sim.run.state).toBe('running');
    sim.deliver(sim.command('/autodev cancel', SAM));
    expect(sim.run.verdict?.kind).toBe('cancelled');
    expect(sim.run.verdict?.cause).toContain('The deployment to `staging` is not stopped half-way');
    expect(sim.world.effects.map(({ effect }) => effect.kind)).not.toContain('cancel_job');
  });
});
