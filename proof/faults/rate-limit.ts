/** GitLab says 429 and when to come back: no request before that time, and everything is done after it (R11). */
import { setTimeout as sleep } from 'node:timers/promises';
import type { CallRecord } from '../../sandbox/gitlab/rest/call-log.ts';
import { until } from '../../test/support/until.ts';
import type { Cycles, FaultRow, RowStage } from './row.ts';
import { endedAlone, oneRunEach } from './watch.ts';
import { ask } from './work.ts';

/** What the answer says, in seconds. */
const RETRY_AFTER = 2;
const BEFORE_MS = 400;
/** Requests that were on their way when the answer came arrive within so long, also where others compute. */
const UNDER_WAY_MS = 500;
const WAIT_MS = 10_000;

function begin({ place, project, measured, counted }: RowStage): Cycles {
  const { weather, calls } = place.world.gitlab;
  const { token } = place.world.people.autodev;
  return {
    cycle: async (index, random) => {
      await ask(place, project, `Cycle ${index}`, 'label');
      await sleep(random.int(BEFORE_MS));
      const seen = calls.all.length;
      const limited = (): CallRecord[] =>
        calls.all.slice(seen).filter(({ status, to }) => status === 429 && to !== null);
      weather.calls(
        { token },
        { kind: 'status', status: 429, retryAfter: RETRY_AFTER },
        { times: Infinity },
      );
      await until(() => limited().length > 0, WAIT_MS, 'a call to be limited');
      const told = limited()[0]?.to ?? 0;
      // What comes now would ask GitLab at once.
      await sleep(Math.max(0, told + UNDER_WAY_MS - performance.now()));
      await ask(place, project, `Cycle ${index}, while it says 429`, 'label');
      const allowed = told + RETRY_AFTER * 1000;
      await sleep(Math.max(0, allowed - performance.now()));
      weather.clear();
      const early = calls.all
        .slice(seen)
        .filter(({ user, status }) => user === 'autodev' || status === 429)
        .filter(({ from }) => from > told + UNDER_WAY_MS && from < allowed);
      measured.push(early.length);
      counted.set('limited', (counted.get('limited') ?? 0) + limited().length);
      return early.length > 0
        ? `${early.length} requests came before the time that GitLab had named`
        : endedAlone(place);
    },
    look: (history) => oneRunEach(project, history),
  };
}

export const rateLimit: FaultRow = {
  id: 'R11',
  name: 'after a 429 no request comes before the time that GitLab named, and everything is done',
  // Each process honours what it was told itself: with one process every request can be judged.
  on: ['pglite'],
  runs: { ci: 2, full: 100 },
  batch: 10,
  begin,
  figure: ({ measured }) => ({
    value: measured.reduce((sum, one) => sum + one, 0),
    unit: 'requests too early',
    holds: measured.every((one) => one === 0),
  }),
  told: ({ counted }) => `${counted.get('limited') ?? 0} requests were answered with 429`,
  mutants: [
    {
      name: 'the time that GitLab names is kept',
      file: 'bot/forge/retry.ts',
      from: '      limiter.hold(request.host, asked ?? (decision.retry ? decision.waitMs : 0));',
      to: '',
    },
  ],
  mutantRuns: 2,
};
