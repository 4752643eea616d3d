/**
 * A1, A13 and promise 18, the look-ups: from the payload over the real look-ups and driver to the decision,
 * before a GitLab in memory. Whoever asks is entitled or nearly so; one look-up fails.
 */
import { decide } from '../../bot/decide/decide.ts';
import { interestOf } from '../../bot/decide/interest.ts';
import { normaliseGitLab } from '../../bot/forge/gitlab/events/normalise.ts';
import { takeSnapshot } from '../../bot/worker/take-snapshot.ts';
import { sharedStore } from '../database.ts';
import { broken, held, type Played, type Proof } from '../proof.ts';
import { WAYS } from './hooks.ts';
import { LOOKUPS, stubForge, type Fault, type StubForge } from './stub-forge.ts';

const LEVELS = [0, 20, 30, 40];
const FAULTS: readonly Fault[] = [403, 404, 429, 500, 'timeout', 'garbage'];
/** Without harm: no configuration, and whatever is said of changes, which no issue needs. */
const harmless = (of: string, is: Fault): boolean =>
  of === 'change' || (of === 'file' && is === 404);
const STARTING = WAYS.filter(({ starts }) => starts);
const CONFIGS = [null, 'permissions:\n  default: maintainer\n'];
const COMMANDS = ['fix', 'plan', 'implement'];

const PROJECT = 7;
/** A project where whoever asks is owner. */
const ELSEWHERE = 8;
const COMBINATIONS =
  LEVELS.length * STARTING.length * LOOKUPS.length * FAULTS.length * CONFIGS.length;
/** Coprime to the number of combinations, so that neighbours have nothing in common. */
const STRIDE = 1_009;

let stub: Promise<StubForge> | null = null;
const open = (): Promise<StubForge> => (stub ??= sharedStore().then(stubForge));

/** Numbers that nobody had before, in all mutants of this process. */
const counter = globalThis as { proofActors?: number };
const fresh = (): number => (counter.proofActors = (counter.proofActors ?? 10_000) + 1);

async function play(index: number): Promise<Played> {
  const at = await open();
  let rest = (index * STRIDE) % COMBINATIONS;
  const take = <T>(from: readonly T[]): T => {
    const chosen = from[rest % from.length] as T;
    rest = Math.floor(rest / from.length);
    return chosen;
  };
  const [level, way, lookup] = [take(LEVELS), take(STARTING), take(LOOKUPS)];
  const [fault, file] = [take(FAULTS), take(CONFIGS)];
  const n = fresh();
  at.levels.clear();
  at.levels.set(`${PROJECT}/${n}`, level).set(`${ELSEWHERE}/${n}`, 50);
  // Every third attack meets a forge that answers.
  at.fault = index % 3 === 0 ? null : { of: lookup, is: fault };
  at.file = file;
  at.calls.length = 0;
  // What an earlier answer asked to wait for is over.
  at.ahead += 3_600_000;
  const command = COMMANDS[index % COMMANDS.length] ?? 'fix';
  const who = { actor: n, name: `user${n}`, other: n + 1_000_000 };
  const asked = { project: PROJECT, iid: n, n, command, ...who };
  const about = `level ${level}, ${way.name}, ${at.fault === null ? 'no fault' : `${fault} of the ${lookup}`}`;
  const event = normaliseGitLab({ 'x-gitlab-event': way.event }, way.payload(asked));
  // Whatever is thrown here makes the worker try the delivery again later: nothing is started.
  const taken = await takeSnapshot(interestOf(event), at.deps).catch((error: unknown) => ({
    ignore: String(error),
  }));
  const decision = 'ignore' in taken ? null : decide(event, taken.snapshot);
  const started = decision?.writes.some(({ op }) => op === 'create_run') ?? false;
  const stray = at.calls.find((call) => !call.includes(`/projects/${PROJECT}`));
  if (stray !== undefined) return broken(about, `it asked for ${stray}`);
  // Where GitLab says that there is no file, nobody can know that it asks for more.
  const unseen = at.fault?.of === 'file' && at.fault.is === 404;
  const entitled = level >= (file === null || unseen ? 30 : 40);
  const doubt = at.fault !== null && !harmless(lookup, fault);
  if (started && !entitled) return broken(about, 'work was started');
  if (started && doubt) return broken(about, 'work was started in doubt');
  if (started || !entitled || doubt) return held(about);
  const why = 'ignore' in taken ? taken.ignore : decision?.reasons.join();
  return broken(about, `nothing was started: ${why}`);
}

const SNAPSHOT = 'bot/worker/take-snapshot.ts';

export const lookups: Proof = {
  id: 'A1 A13 P18',
  name: 'A look-up that fails starts nothing, and rights elsewhere count for nothing',
  layer: 'bot',
  runs: { ci: 24, full: COMBINATIONS },
  mutantRuns: 300,
  play,
  mutants: [
    {
      name: 'a failed look-up of rights refuses',
      file: SNAPSHOT,
      from: 'read.accessLevel(project.id, interest.actorId),',
      to: 'read.accessLevel(project.id, interest.actorId).catch(() => 40),',
    },
    {
      name: 'a configuration that cannot be read refuses',
      file: SNAPSHOT,
      from: 'orNull(read.file(project.id, deps.repoConfigPath, branch)),',
      to: 'read.file(project.id, deps.repoConfigPath, branch).catch(() => null),',
    },
    {
      name: 'rights in the project at hand',
      file: SNAPSHOT,
      from: 'read.accessLevel(project.id, interest.actorId),',
      to: `read.accessLevel(${ELSEWHERE}, interest.actorId),`,
    },
  ],
};
