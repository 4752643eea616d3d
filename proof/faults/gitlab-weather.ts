/**
 * GitLab is away, broken or slow while people go on asking: everything is done when it is back, without a storm
 * of calls (R12, promise 11).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { TooLate, until } from '../../test/support/until.ts';
import type { CallTrouble } from '../../sandbox/gitlab/rest/weather.ts';
import type { Random } from '../random.ts';
import type { Place } from './place.ts';
import type { Cycles, FaultRow, RowStage } from './row.ts';
import { settle } from './settle.ts';
import { endedAlone, oneRunEach, wrote } from './watch.ts';
import { ask } from './work.ts';

/** Half an hour in small: waits between tries are not compressed, and grow to a minute in the full form. */
const AWAY_MS = { ci: 4_000, full: 60_000 };
/** Issues that are asked for while it is away, and before, in good weather, to compare with. */
const ISSUES = { ci: 3, full: 6 };
/** All is done within so long after GitLab is back, and calls in any second are at most so many times as many. */
const DRAINED_MS = 300_000;
const PEAK = 2;
/** The short form shares its cores with other lanes, which makes one second unlike another. */
const SHORT_FORM_PEAK = 3;
const WRITE_MS = 30_000;
/** Five kinds of trouble, each with this chance: (1 - 0.3)^5 is about a sixth. */
const SHARE = 0.3;

/** Whatever the bot asks for fails; one in six calls is carried out all the same. */
function breakDown(place: Place, random: Random): void {
  const { weather } = place.world.gitlab;
  const { token } = place.world.people.autodev;
  const troubles: CallTrouble[] = [
    ...[500, 502, 503].map((status): CallTrouble => ({ kind: 'status', status })),
    { kind: 'status', status: 429, retryAfter: 1 },
    { kind: 'drop_before' },
  ];
  for (const one of troubles) {
    weather.calls({ token, when: () => random.chance(SHARE) }, one, { times: Infinity });
  }
  weather.calls({ token }, { kind: 'drop_reply' }, { times: Infinity });
}

/** Calls by the bot in the busiest second since then. */
function peakSince(place: Place, from: number): number {
  const own = place.world.gitlab.calls.all.filter(
    (call) => call.from >= from && call.user === 'autodev',
  );
  const seconds = Map.groupBy(own, (call) => Math.floor((call.from - from) / 1000));
  return Math.max(0, ...[...seconds.values()].map((calls) => calls.length));
}

function begin({ place, project, measured, counted, full }: RowStage): Cycles {
  const { weather } = place.world.gitlab;
  const issues = full ? ISSUES.full : ISSUES.ci;
  const wish = async (index: number, when: string, count = issues): Promise<void> => {
    for (let at = 0; at < count; at += 1) {
      await ask(place, project, `Cycle ${index}, ${when} ${at}`, 'label');
    }
  };
  return {
    cycle: async (index, random) => {
      const start = performance.now();
      // As much as will have gathered: it is the calls for the same work that are compared.
      await wish(index, 'before', 2 * issues);
      await settle(place);
      const normal = peakSince(place, start);
      // It goes away in the middle of work, not between two tasks.
      const seen = place.world.gitlab.calls.all.length;
      await wish(index, 'right before');
      await until(() => wrote(place, project, seen), WRITE_MS, 'the bot to write');
      breakDown(place, random);
      await wish(index, 'while it is away');
      await sleep(full ? AWAY_MS.full : AWAY_MS.ci);
      weather.clear();
      const back = performance.now();
      await settle(place);
      const drained = performance.now() - back;
      measured.push(drained);
      const after = peakSince(place, back);
      // Where others compute, too, not every second in good weather is as busy as it may be.
      const busiest = Math.max(counted.get('normal') ?? 0, normal);
      counted.set('normal', busiest);
      counted.set('after', Math.max(counted.get('after') ?? 0, after));
      const ended = endedAlone(place);
      if (ended !== null) return ended;
      if (drained > DRAINED_MS) throw new TooLate(`${Math.round(drained)} ms to drain`);
      if (after > (full ? PEAK : SHORT_FORM_PEAK) * busiest)
        throw new TooLate(`${after} calls in a second afterwards, ${busiest} before`);
      return null;
    },
    look: (history) => oneRunEach(project, history),
  };
}

export const gitlabWeather: FaultRow = {
  id: 'R12',
  name: 'an outage of GitLab: nothing lost or doubled, drained in 5 min, at most twice the calls per second',
  // The driver waits and limits, whatever is below the bot.
  on: ['postgres'],
  twoProcesses: true,
  runs: { ci: 1, full: 6 },
  // Of more of them the hook would forget its oldest calls, which the checker asks for.
  batch: 1,
  begin,
  figure: ({ measured }) => {
    if (measured.length === 0) return null;
    const longest = Math.max(...measured);
    return { value: longest, unit: 'ms at most to drain', holds: longest <= DRAINED_MS };
  },
  told: ({ counted }) =>
    `busiest second ${counted.get('after') ?? 0} calls afterwards, ${counted.get('normal') ?? 0} in good weather`,
  mutants: [
    {
      name: 'what fails is tried again for as long as an outage may last',
      file: 'bot/worker/apply-effects.ts',
      from: 'row.attempts >= MAX_TRIES',
      to: 'row.attempts >= 1',
    },
  ],
};
