/**
 * A row of faults as a proof: cycles on a place that rows of one backend share, and the checker after each
 * batch of them. `kills.ts` is an example.
 */
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describeError } from '../../jobs/errors.ts';
import type { Settings } from '../../schema/wire/settings.ts';
import type { Project } from '../../sandbox/gitlab/state/types.ts';
import {
  broken,
  held,
  type Backend,
  type Figure,
  type Mutant,
  type Plan,
  type Proof,
} from '../proof.ts';
import type { Random } from '../random.ts';
import { expectTakenByGitLab } from '../../test/support/taken-by-gitlab.ts';
import { TooLate } from '../../test/support/until.ts';
import { violationsIn } from './checker.ts';
import { readHistory, type History } from './history.ts';
import { missingBackend, openPlace, type Place, type PlaceOptions } from './place.ts';
import { settle } from './settle.ts';

/** A batch of a row's cycles. */
export interface Cycles {
  /** Plays one fault; what went wrong, or null. */
  cycle(index: number, random: Random): Promise<string | null>;
  /** Ends what the row has under way before everything has to settle. */
  rest?(): Promise<void>;
  /** Looks at a batch that has settled, besides the checker. */
  look?(history: History): string | null;
}

/** What a row remembers over all its batches. */
export interface Memory {
  /** Times in milliseconds, or whatever its figure is made of. */
  measured: number[];
  /** How often something happened, by its name. */
  counted: Map<string, number>;
}

export interface FaultRow {
  /** Rows of the list of threats, and in `name` the promise. */
  id: string;
  name: string;
  /** Cycles on each backend. */
  runs: { ci: number; full: number };
  /** Backends it is played on, with the reason beside it; absent: all. */
  on?: readonly Backend[];
  /** Those of the short form, where they are fewer. */
  ciOn?: readonly Backend[];
  /** Cycles of the short form where a backend has its own number of them. */
  ciRuns?: Readonly<Partial<Record<Backend, number>>>;
  /** Cycles between two looks of the checker; each batch has a project of its own. */
  batch: number;
  /** Settings that are not those of all rows, or null; rows with the same name for them share a place. */
  settings?: (full: boolean) => { name: string; change: (settings: Settings) => void } | null;
  /** Whether two processes, one that listens and one that works, are enough for the short form; default: no. */
  twoProcesses?: true;
  /** What else a place of this row is like; rows with the same name for it share one. */
  place?: { name: string } & Pick<PlaceOptions, 'flagsOf' | 'diskMb' | 'env'>;
  /** Why it cannot be played on this machine; null: it can. */
  missing?: () => string | null;
  /** Begins a batch on a place whose processes run. */
  begin(stage: RowStage): Cycles | Promise<Cycles>;
  /** The row's figure over all cycles so far, in the full form or the short one. */
  figure?(memory: Memory, full: boolean): Figure | null;
  told?(memory: Memory): string;
  /** Rules of the checker that the row breaks on purpose, with the reason beside it. */
  but?: readonly string[];
  mutants: readonly Mutant[];
  /** Processes of a mutant's place; one of each role by default. */
  mutantPlace?: { webs: number; workers: number };
  /** Cycles after which a mutant counts as survived. */
  mutantRuns?: number;
}

export interface RowStage extends Memory {
  place: Place;
  /** The batch's own. */
  project: Project;
  full: boolean;
  say(line: string): void;
}

/** Violations that one failure names; the rest is counted. */
const NAMED = 3;
/** Mutants are played here, with one process of each role, unless the row is played elsewhere only. */
const MUTANTS_ON: Backend = 'postgres';

function playsMutants(row: FaultRow, backend: Backend): boolean {
  const on = row.on ?? [MUTANTS_ON];
  return backend === (on.includes(MUTANTS_ON) ? MUTANTS_ON : on[0]);
}

/** One that listens and one that works. */
const TWO_PROCESSES = { webs: 1, workers: 1 };

/** One place is open at a time: rows that need another one close it. */
let shared: { key: string; place: Place } | null = null;

async function sharedPlace(row: FaultRow, backend: Backend, full: boolean): Promise<Place> {
  const few = !full && row.twoProcesses === true;
  const key = `${backend} ${row.settings?.(full)?.name ?? ''} ${row.place?.name ?? ''} ${few}`;
  if (shared?.key === key) return shared.place;
  await closeSharedPlace();
  const place = await openPlace({
    backend,
    ...(few ? TWO_PROCESSES : {}),
    ...row.place,
    settings: (settings) => settingsOf(row, settings, full),
  });
  shared = { key, place };
  return place;
}

/** Closes what rows left open; call it at the end. */
export async function closeSharedPlace(): Promise<void> {
  const { place } = shared ?? {};
  shared = null;
  await place?.close();
}

/** Missed hooks are healed by a poll: every two seconds here, not every thirty. */
const POLL_SECONDS = 2;

function settingsOf(row: FaultRow, settings: Settings, full: boolean): void {
  settings.limits.reconcileSeconds = POLL_SECONDS;
  row.settings?.(full)?.change(settings);
}

/** The row on one backend. */
export function faultProof(row: FaultRow, backend: Backend): Proof {
  let plan: Plan = { seed: 0, full: false, share: 1, takes: () => true, say: () => undefined };
  const open = (): Promise<Place> => sharedPlace(row, backend, plan.full);
  const player = newPlayer(row, { open, drop: closeSharedPlace, plan: () => plan });
  const { id, name } = row;
  const runs = { ...row.runs, ci: row.ciRuns?.[backend] ?? row.runs.ci };
  return {
    ...{ id, name, layer: 'faults', backend, runs },
    optional: row.missing !== undefined,
    fullOnly: row.ciOn?.includes(backend) === false,
    missing: () => missingBackend(backend) ?? row.missing?.() ?? null,
    begin: (given) => {
      plan = given;
    },
    play: player.play,
    finish: player.finish,
    figure: player.figure,
    told: player.told,
    mutants: playsMutants(row, backend) ? row.mutants : [],
    ...(row.mutantRuns === undefined ? {} : { mutantRuns: row.mutantRuns }),
    playMutant: (_mutant, flag) => {
      let place: Place | null = null;
      const own = async (): Promise<Place> =>
        (place ??= await openPlace({
          ...{ backend, ...TWO_PROCESSES, flags: [flag], ...row.place, ...row.mutantPlace },
          settings: (settings) => settingsOf(row, settings, false),
        }));
      const drop = async (): Promise<void> => {
        const old = place;
        place = null;
        await old?.close();
      };
      const short = (): Plan => ({ ...plan, full: false, say: () => undefined });
      const { play, finish } = newPlayer(row, { open: own, drop, plan: short });
      return { play, finish, close: drop };
    },
  };
}

/** What went wrong, and whether that is the time alone. */
interface Wrong {
  failure: string;
  late: boolean;
}

type Player = Required<Pick<Proof, 'play' | 'finish' | 'figure' | 'told'>>;

/** Where a row is played: `drop` throws the place away, or what went wrong there would be found again. */
interface Ground {
  open: () => Promise<Place>;
  drop: () => Promise<void>;
  plan: () => Plan;
}

/** A batch under way on a place. */
interface Batch {
  place: Place;
  cycles: Cycles;
  played: number;
  /** When it began, and how many calls of the forge's API there had been. */
  since: number;
  calls: number;
}

function newPlayer(row: FaultRow, ground: Ground): Player {
  const memory: Memory = { measured: [], counted: new Map() };
  let current: Batch | null = null;
  let batches = 0;

  const begin = async (): Promise<Batch> => {
    const place = await ground.open();
    await place.startAll();
    batches += 1;
    const project = await place.project(
      `faults/${slug(row.id)}-${place.projects.length}-${batches}`,
    );
    const { full, say } = ground.plan();
    const calls = place.world.gitlab.calls.all.length;
    const cycles = await row.begin({ place, project, full, say, ...memory });
    return { place, cycles, played: 0, since: performance.now(), calls };
  };
  /** Does a part of a batch; after anything wrong the next batch begins on another place. */
  const part = async (work: () => Promise<string | null>): Promise<Wrong | null> => {
    let failure: string | null;
    let late = false;
    try {
      failure = await work();
    } catch (error) {
      late = error instanceof TooLate;
      failure = `it threw ${error instanceof Error ? error.message : String(error)}`;
    }
    if (failure === null) return null;
    failure = failure.slice(0, SAID) + keepLog(current?.place ?? null);
    current = null;
    await ground.drop();
    return { failure, late };
  };
  const end = (batch: Batch) => async (): Promise<string | null> => {
    const settling = performance.now();
    const wrong = await check(row, batch);
    const times = `played in ${seconds(settling - batch.since)}, settled in ${seconds(performance.now() - settling)}`;
    ground.plan().say(`  ${row.id} on ${batch.place.backend}: ${batch.played} cycles, ${times}`);
    // After anything wrong its log is still asked for.
    if (wrong === null) current = null;
    return wrong;
  };
  return {
    play: async (index, random) => {
      let about = `cycle ${index}`;
      const failed = await part(async () => {
        current ??= await begin();
        current.played += 1;
        return current.cycles.cycle(index, random);
      });
      if (failed !== null) return broken(about, failed.failure, failed.late);
      if (current === null || current.played < row.batch) return held(about);
      about = `the ${current.played} cycles up to ${index}`;
      const wrong = await part(end(current));
      return wrong === null ? held(about) : broken(about, wrong.failure, wrong.late);
    },
    finish: async () => (current === null ? null : part(end(current))),
    figure: () => row.figure?.(memory, ground.plan().full) ?? null,
    told: () => row.told?.(memory) ?? '',
  };
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

/** Characters of a failure that are told. */
const SAID = 2_000;

/** Keeps the log of a place where something went wrong; says where. */
function keepLog(place: Place | null): string {
  if (place === null) return '';
  const file = path.join(tmpdir(), `autodev-proof-${place.backend}-${Date.now()}.log`);
  writeFileSync(file, place.log(LOG_LINES));
  return `; the bot’s log is in ${file}`;
}

const LOG_LINES = 20_000;

/** Lets everything settle and has it judged; what is wrong, or null. */
async function check(row: FaultRow, { place, cycles, calls }: Batch): Promise<string | null> {
  await cycles.rest?.();
  place.world.gitlab.weather.clear();
  await place.startAll();
  await settle(place);
  // Hostile jobs of the lane beside this one try every port of the machine, without a token.
  expectTakenByGitLab(place.world, { from: calls, nobody: false });
  const history = await readHistory(place);
  const own = cycles.look?.(history) ?? null;
  const troubles = [...place.ci.problems, ...place.world.gitlab.problems].map(textOf);
  const lines = [
    ...(own === null ? [] : [own]),
    ...violationsIn(history, row.but).map(({ rule, what }) => `${rule}: ${what}`),
    ...troubles.map((trouble) => `the harness had a problem: ${trouble}`),
  ];
  const more = lines.length > NAMED ? ` (and ${lines.length - NAMED} more)` : '';
  return lines.length === 0 ? null : lines.slice(0, NAMED).join('; ') + more;
}

const textOf = (problem: unknown): string =>
  problem instanceof Error ? describeError(problem) : JSON.stringify(problem);

const slug = (text: string): string => text.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');

/** The value that `share` (0 to 1) of all are not above; NaN without any. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}
