/**
 * Three of ten model calls fail: limits, overload, broken servers, cut connections and streams. Jobs ask again as
 * agents do; nearly every run ends well, and every answer is paid for once (R15, R16, promise 12).
 */
import type { Fault } from '../../sandbox/model/types.ts';
import type { Random } from '../random.ts';
import type { Cycles, FaultRow, RowStage } from './row.ts';
import { settle } from './settle.ts';
import { oneRunEach, untold } from './watch.ts';
import { ask } from './work.ts';

/** Share of calls with a fault, and of runs that must end well. */
const FAULTY = 0.3;
const WELL = 0.99;
/** The short form lets no more calls fail one after the other: each doubles the cool-down that all wait for. */
const IN_A_ROW = { full: Infinity, ci: 2 };
/** Model calls of each job. */
const CALLS = 4;
/** Strikes make cool-downs of a provider longer, and runs wait for them. */
const OVER_MS = 600_000;
/** What begins the count of runs that ended for one cause. */
const BADLY = 'ended as ';
/** The longest answer of the script, as a stream, is shorter than this. */
const BYTES = 1_500;

/** One of the faults; times that a provider names are short. */
function faultOf(random: Random): Fault {
  const kinds: (() => Fault)[] = [
    () => ({ status: 429, headers: { 'retry-after': '1' } }),
    () => ({ status: 529 }),
    () => ({ status: random.pick([500, 502, 503]) }),
    () => ({ reset: true }),
    () => ({ cutAfterBytes: random.int(BYTES) }),
    () => ({ errorEventAt: random.int(4) }),
  ];
  return random.pick(kinds)();
}

function begin({ place, project, counted, full }: RowStage): Cycles {
  const { steer } = place.ci;
  const count = (what: string): void => void counted.set(what, (counted.get(what) ?? 0) + 1);
  const most = full ? IN_A_ROW.full : IN_A_ROW.ci;
  let chance: Random | null = null;
  let inARow = 0;
  steer.calls = CALLS;
  steer.stream = () => chance?.chance(0.5) ?? false;
  steer.modelFault = () => {
    count('calls');
    inARow = chance?.chance(FAULTY) === true && inARow < most ? inARow + 1 : 0;
    if (chance === null || inARow === 0) return null;
    count('faults');
    return faultOf(chance);
  };
  return {
    cycle: async (index, random) => {
      chance = random;
      await ask(place, project, `Cycle ${index}`, 'label');
      return null;
    },
    rest: () => settle(place, OVER_MS),
    look: (history) => {
      steer.calls = 1;
      steer.stream = () => false;
      steer.modelFault = () => null;
      const own = history.runs.filter((run) => run.project === project.id);
      for (const { state, cause } of own) {
        count(state === 'completed' ? 'well' : 'badly');
        if (state !== 'completed') count(`${BADLY}${state}, ${cause ?? 'without a cause'}`);
      }
      return oneRunEach(project, history) ?? untold(history);
    },
  };
}

export const modelFaults: FaultRow = {
  id: 'R15 R16',
  name: '30 % of model calls fail, streams are cut: 99 % of runs end well, every answer is paid for once',
  // What fails lies before the gateway; the backend does not matter.
  on: ['postgres'],
  twoProcesses: true,
  runs: { ci: 6, full: 200 },
  // Every cool-down of a provider holds up all of them.
  batch: 10,
  begin,
  figure: ({ counted }) => {
    const [well, badly] = [counted.get('well') ?? 0, counted.get('badly') ?? 0];
    if (well + badly === 0) return null;
    const share = well / (well + badly);
    return { value: share * 100, unit: '% of runs end well', holds: share >= WELL };
  },
  told: ({ counted }) =>
    [
      `${counted.get('faults') ?? 0} of ${counted.get('calls') ?? 0} calls failed`,
      ...[...counted]
        .filter(([what]) => what.startsWith(BADLY))
        .map(([what, times]) => `${times} ${what}`),
    ].join('; '),
  mutants: [
    {
      name: 'what a call used is written down',
      file: 'bot/gateway/metered-call.ts',
      from: '    await settleCall(call, deps, callId, end);\n',
      to: '    void settleCall;\n',
    },
    {
      name: 'a call is paid for once',
      file: 'bot/gateway/metered-call.ts',
      from: '    await settleCall(call, deps, callId, end);\n',
      to: `    await settleCall(call, deps, callId, end);
    await settleCall(call, deps, randomUUID(), end);\n`,
    },
  ],
  mutantRuns: 2,
};
