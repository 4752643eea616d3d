/**
 * The bot's token expires, and the operator puts a new one in its place a little later: meanwhile GitLab is asked
 * seldom, and then everything that was asked for is done (R30).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../../test/support/until.ts';
import { allBegun, endedAlone, oneRunEach } from './watch.ts';
import type { Cycles, FaultRow, RowStage } from './row.ts';
import { ask } from './work.ts';

const BEFORE_MS = 1_500;
const WRITE_MS = 30_000;
/** How long the token is not accepted. */
const EXPIRED_MS = { ci: 3_000, full: 20_000 };
/** Two workers that poll, and what is tried again ever more seldom: more in a second is a storm. */
const STORM = 20;

function begin({ place, project, measured, full }: RowStage): Cycles {
  const { weather, calls } = place.world.gitlab;
  const { token } = place.world.people.autodev;
  return {
    cycle: async (index, random) => {
      // It expires right before a write, or at any time.
      let expired = false;
      const atWrite = index % 2 === 0;
      const when = (method: string): boolean => (expired ||= atWrite && method !== 'GET');
      weather.calls({ token, when }, { kind: 'status', status: 401 }, { times: Infinity });
      await ask(place, project, `Cycle ${index}`, 'label');
      if (atWrite) await until(() => expired, WRITE_MS, 'the bot to write');
      else await sleep(random.int(BEFORE_MS));
      expired = true;
      const seen = calls.all.length;
      const began = performance.now();
      await ask(place, project, `Cycle ${index}, after it expired`, 'label');
      await sleep(full ? EXPIRED_MS.full : EXPIRED_MS.ci);
      weather.clear();
      const seconds = (performance.now() - began) / 1000;
      const refused = calls.all.slice(seen).filter(({ status }) => status === 401).length;
      measured.push(refused / seconds);
      return endedAlone(place);
    },
    rest: () => allBegun(project),
    look: (history) => oneRunEach(project, history),
  };
}

export const expiredToken: FaultRow = {
  id: 'R30',
  name: 'an expired token: no storm of calls, and when it is renewed everything is done',
  // What GitLab refuses is told apart above the database; the backend does not matter.
  on: ['postgres'],
  twoProcesses: true,
  runs: { ci: 2, full: 20 },
  // Waits between tries grow for as long as a batch does, and all has to be begun 90 seconds after it.
  batch: 4,
  begin,
  figure: ({ measured }) => {
    if (measured.length === 0) return null;
    const most = Math.max(...measured);
    return { value: most, unit: 'calls a second at most', holds: most <= STORM };
  },
  mutants: [
    {
      name: 'what a renewed token can do is not given up',
      file: 'bot/worker/apply-effects.ts',
      from: '    error.status !== 401 &&\n',
      to: '',
    },
  ],
  mutantRuns: 2,
};
