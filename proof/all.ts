/** Every proof there is, and the rows of the list of threats that have none, with the reason. */
import { ATTACK_ROWS } from './attack-rows.ts';
import { branchConfig } from './job/branch-config.ts';
import { BACKENDS, type Backend, type Proof } from './proof.ts';
import { clocks } from './faults/clocks.ts';
import { droppedReplies } from './faults/dropped-replies.ts';
import { expiredToken } from './faults/expired-token.ts';
import { fullDisk } from './faults/full-disk.ts';
import { gitlabWeather } from './faults/gitlab-weather.ts';
import { kills } from './faults/kills.ts';
import { lostGround } from './faults/lost-ground.ts';
import { lostHooks } from './faults/lost-hooks.ts';
import { modelFaults } from './faults/model-faults.ts';
import { postgresRestarts } from './faults/postgres-restarts.ts';
import { rateLimit } from './faults/rate-limit.ts';
import { redisGone } from './faults/redis-gone.ts';
import { rollingRestarts } from './faults/rolling-restarts.ts';
import { faultProof, type FaultRow } from './faults/row.ts';
import { runners } from './faults/runners.ts';
import { tenKills } from './faults/ten-kills.ts';
import { zombies } from './faults/zombies.ts';
import { inNamespaces, notPromised, withoutNamespaces } from './job/jobs.ts';
import { otherPrograms } from './job/other-programs.ts';
import { bombs } from './pure/bombs.ts';
import { hidden } from './pure/hidden.ts';
import { names } from './pure/names.ts';
import { paths, protectedFiles } from './pure/paths.ts';
import { secrets } from './pure/secrets.ts';
import { sweeping } from './pure/sweeping.ts';
import { texts } from './pure/texts.ts';
import { conversations } from './whole/conversations.ts';

/** A proof, the module it lies in, and the name there by which it is loaded anew for its mutants. */
export interface Entry {
  module: string;
  /** Empty where mutants are processes. */
  name: string;
  proof: Proof;
  /** Entries of one lane are played one after the other, in one process; lanes are not in each other's way. */
  lane: string;
}

/** Faults around the whole bot by module, each on every backend unless it says otherwise. */
const FAULTS: Readonly<Record<string, FaultRow>> = {
  'faults/kills.ts': kills,
  'faults/ten-kills.ts': tenKills,
  'faults/dropped-replies.ts': droppedReplies,
  'faults/lost-hooks.ts': lostHooks,
};

/** What the bot stands on: its servers, its disk, its clocks, and whoever restarts it. */
const SERVERS: typeof FAULTS = {
  'faults/redis-gone.ts': redisGone,
  'faults/postgres-restarts.ts': postgresRestarts,
  'faults/zombies.ts': zombies,
  'faults/rolling-restarts.ts': rollingRestarts,
  'faults/clocks.ts': clocks,
  'faults/full-disk.ts': fullDisk,
};

/** What the bot talks to: the forge, models and runners. */
const OTHERS: typeof FAULTS = {
  'faults/rate-limit.ts': rateLimit,
  'faults/gitlab-weather.ts': gitlabWeather,
  'faults/model-faults.ts': modelFaults,
  'faults/expired-token.ts': expiredToken,
  'faults/lost-ground.ts': lostGround,
  'faults/runners.ts': runners,
};

/** On PostgreSQL, which most rows are played on, three lanes share them. */
function laneOf(module: string, backend: Backend): string {
  if (backend !== 'postgres') return backend;
  if (module in SERVERS) return 'servers';
  return module in OTHERS ? 'others' : backend;
}

const faults = BACKENDS.flatMap((backend) =>
  Object.entries({ ...FAULTS, ...SERVERS, ...OTHERS })
    .filter(([, { on }]) => on?.includes(backend) ?? true)
    .map(([module, row]): Entry => {
      const proof = faultProof(row, backend);
      return { module, name: '', proof, lane: laneOf(module, backend) };
    }),
);

const ATTACKS: readonly Omit<Entry, 'lane'>[] = [
  { module: 'pure/sweeping.ts', name: 'sweeping', proof: sweeping },
  { module: 'pure/texts.ts', name: 'texts', proof: texts },
  { module: 'pure/secrets.ts', name: 'secrets', proof: secrets },
  { module: 'pure/paths.ts', name: 'protectedFiles', proof: protectedFiles },
  { module: 'pure/paths.ts', name: 'paths', proof: paths },
  { module: 'pure/names.ts', name: 'names', proof: names },
  { module: 'pure/hidden.ts', name: 'hidden', proof: hidden },
  { module: 'pure/bombs.ts', name: 'bombs', proof: bombs },
  ...ATTACK_ROWS,
  { module: 'job/jobs.ts', name: 'withoutNamespaces', proof: withoutNamespaces },
  { module: 'job/jobs.ts', name: 'inNamespaces', proof: inNamespaces },
  { module: 'job/jobs.ts', name: 'notPromised', proof: notPromised },
  { module: 'job/branch-config.ts', name: 'branchConfig', proof: branchConfig },
  { module: 'job/other-programs.ts', name: 'otherPrograms', proof: otherPrograms },
  { module: 'whole/conversations.ts', name: 'conversations', proof: conversations },
];

/** The longest lanes of the short form come first. */
export const PROOFS: readonly Entry[] = [
  ...faults,
  ...ATTACKS.map((entry) => ({ ...entry, lane: 'attacks' })),
];

/** Rows about parts that do not exist yet. */
export const NOT_APPLICABLE: Readonly<Record<string, string>> = {
  B14: 'there is no dashboard',
  B15: 'there is no administration page',
  C7: 'there is no detector: every proof is played without one',
  C8: 'agents remember nothing from task to task',
};

/** Rows that must hold before anybody installs it and that no proof plays yet: where they are held instead. */
export const HELD_BY_TESTS: Readonly<Record<string, readonly string[]>> = {
  A4: ['test/unit/decide/limits.test.ts', 'test/unit/decide/rounds.test.ts'],
  B8: ['test/unit/forge/gitlab-requester.test.ts', 'test/contract/intake.test.ts'],
  D11: ['test/repo/packages.test.ts', 'test/repo/docker.test.ts'],
  E4: [
    'test/contract/intake.test.ts',
    'test/contract/intake-bodies.test.ts',
    'test/unit/payload.test.ts',
    'test/unit/json-scan.test.ts',
  ],
  G2: ['test/unit/decide/limits.test.ts'],
};

/** Rows that must hold and do not yet, with what is missing. */
export const OPEN: Readonly<Record<string, string>> = {};
