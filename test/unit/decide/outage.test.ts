/** A run whose models are all limited or down sleeps until the first reset, and goes on by itself. */
import { describe, expect, test } from '@jest/globals';
import { decide } from '../../../bot/decide/decide.ts';
import { MOST_OUTAGES } from '../../../bot/decide/outage.ts';
import { statusComment } from '../../../bot/decide/status-comment.ts';
import type { CoolDown } from '../../../bot/domain/cool-downs.ts';
import type { Event } from '../../../bot/domain/events.ts';
import type { Attempt, AttemptSpec, Run } from '../../../bot/domain/runs.ts';
import type { Snapshot } from '../../../bot/domain/snapshot.ts';
import { attempt, NOW, note, result, run, snapshot, spec, task } from './builders.ts';

const MODELS: AttemptSpec['models'] = [
  { provider: 'openai', model: 'gpt-6.1-sol' },
  { provider: 'anthropic', model: 'claude-sonnet-5-5' },
];

const cool = (provider: CoolDown['provider'], minutes: number, status: number): CoolDown => ({
  provider,
  model: null,
  reason: status === 429 ? 'rate_limit' : 'overload',
  status,
  strikes: 1,
  since: NOW,
  until: new Date(NOW.getTime() + minutes * 60_000),
});
const BOTH = [cool('openai', 140, 429), cool('anthropic', 150, 529)];
const RESET = new Date('2026-11-21T14:20:00Z');

function stopped(fence: number): Attempt {
  return attempt({
    id: 30 + fence,
    fence,
    state: 'finished',
    spec: { ...spec, models: MODELS },
    result: result({ attempt: 30 + fence, outcome: 'outage', changes: [] }),
  });
}

const event = (fence: number): Event => {
  const { result: brought } = stopped(fence);
  if (brought === null) throw new Error('no result');
  return { kind: 'job_result', runId: 11, attemptId: 30 + fence, result: brought };
};

function at(times: number, patch: Partial<Snapshot> = {}): Snapshot {
  const attempts = Array.from({ length: times }, (_, index) => stopped(index + 1));
  return snapshot({ run: run({ tasks: [task({ attempts })] }), coolDowns: BOTH, ...patch });
}

describe('every model cools down', () => {
  test('the run sleeps until the first reset, and says so', () => {
    const decision = decide(event(1), at(1));
    expect(decision.writes).toEqual([
      {
        op: 'update_run',
        runId: 11,
        version: expect.any(Number),
        patch: {
          state: 'paused',
          pausedUntil: RESET,
          pausedBy: null,
          gateNote: 'OpenAI answered 429 until 14:20 UTC; Anthropic answered 529 until 14:30 UTC.',
        },
      },
    ]);
    expect(decision.effects).toEqual([{ kind: 'status_comment', run: 11, urgent: true }]);
  });

  test('it goes on by itself: one more attempt, which counts as no further try', () => {
    const asleep = { state: 'paused', pausedUntil: RESET, pausedBy: null, gateNote: 'x' } as const;
    const sleeping = { ...(at(2).run as Run), ...asleep };
    const until = RESET.toISOString();
    const due: Event = { kind: 'resume_due', runId: 11, until };
    const woken = decide(due, at(2, { run: sleeping, coolDowns: [] }));
    expect(woken.writes.map(({ op }) => op)).toEqual([
      'update_run',
      'new_attempt',
      'release_held',
      'wake',
    ]);
    expect(woken.writes[0]).toMatchObject({
      patch: { state: 'running', pausedUntil: null, gateNote: null },
    });
    expect(woken.effects.map(({ kind }) => kind)).toEqual(['create_pipeline', 'status_comment']);
    // A crash after two outages is the first try: another one follows.
    const crashed = attempt({
      id: 33,
      fence: 3,
      state: 'finished',
      result: result({ attempt: 33 }),
    });
    const tasks = [task({ attempts: [stopped(1), stopped(2), crashed] })];
    const failed = result({ attempt: 33, outcome: 'crashed', changes: [] });
    const next = decide(
      { kind: 'job_result', runId: 11, attemptId: 33, result: failed },
      snapshot({ run: run({ tasks }) }),
    );
    expect(next.writes.map(({ op }) => op)).toEqual(['new_attempt']);
  });

  test('`/autodev resume` wakes it before its time, `/autodev cancel` ends it', () => {
    const asleep = { state: 'paused', pausedUntil: RESET, pausedBy: null, gateNote: 'x' } as const;
    const sleeping = { ...(at(1).run as Run), ...asleep };
    const resumed = decide(note('/autodev resume'), at(1, { run: sleeping }));
    expect(resumed.writes.map(({ op }) => op)).toContain('new_attempt');
    const ended = decide(note('/autodev cancel'), at(1, { run: sleeping }));
    expect(ended.writes.find((write) => write.op === 'update_run')).toMatchObject({
      patch: { verdict: { kind: 'cancelled' }, pausedUntil: null },
    });
    expect(ended.writes.map(({ op }) => op)).not.toContain('new_attempt');
  });

  test('the status comment says what happened and what comes', () => {
    const gateNote = 'OpenAI answered 429 until 14:20 UTC; Anthropic answered 529 until 14:30 UTC.';
    const asleep = { state: 'paused', pausedUntil: RESET, pausedBy: null, gateNote } as const;
    const facts = { usage: [], tally: null, summary: null, proposed: null };
    const text = statusComment({ ...facts, run: { ...(at(1).run as Run), ...asleep } });
    expect(text).toMatch(/^### AutoDev · .* · outage · implement$/m);
    expect(text).toContain(`**outage**: ${gateNote}`);
    expect(text).toContain('**Next** It continues by itself then; `/autodev cancel` stops it.');
    expect(text).toContain('`/autodev resume` · `/autodev cancel`');
  });

  test('after many times a person is asked', () => {
    const decision = decide(event(MOST_OUTAGES), at(MOST_OUTAGES));
    expect(decision.writes.find((write) => write.op === 'update_run')).toMatchObject({
      patch: {
        verdict: {
          kind: 'outage',
          cause: expect.stringMatching(/^OpenAI answered 429 until 14:20 UTC; .* 8th time/),
        },
      },
    });
  });
});

test('an agent is not believed: with a model that can be asked it starts again, a few times', () => {
  const decision = decide(event(1), at(1, { coolDowns: [cool('openai', 20, 429)] }));
  expect(decision.writes.map(({ op }) => op)).toEqual(['new_attempt']);
  const last = decide(event(MOST_OUTAGES), at(MOST_OUTAGES, { coolDowns: [] }));
  expect(last.writes.find((write) => write.op === 'update_run')).toMatchObject({
    patch: { verdict: { kind: 'outage' } },
  });
});
