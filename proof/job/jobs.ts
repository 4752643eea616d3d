/** B9, B10, B11, B12, D2, D4 and F7: a hostile job, in namespaces of its own and without. */
import { spawnSync } from 'node:child_process';
import { broken, held, type Mutant, type Played, type Proof } from '../proof.ts';
import { randomOf, type Random } from '../random.ts';
import { playJob } from './play-job.ts';
import { PROBES, type Probe } from './probes.ts';

const IDS = 'B9 B10 B11 B12 D2 D4 F7';

const namespaces = (): string | null =>
  spawnSync('bwrap', ['--unshare-all', '--ro-bind', '/', '/', 'true'], { stdio: 'ignore' })
    .status === 0
    ? null
    : 'this machine gives no user namespaces';

/** All probes that the mode promises to hold against, in an order of its own each time. */
function shuffled(probes: readonly Probe[], random: Random): Probe[] {
  return probes
    .map((probe) => ({ probe, at: random.int(1_000_000) }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ probe }) => probe);
}

async function play(
  sandbox: 'auto' | 'off',
  probes: readonly Probe[],
  random: Random,
  nodeArgs: readonly string[] = [],
): Promise<Played> {
  const chosen = shuffled(probes, random);
  const about = `${sandbox === 'auto' ? 'in namespaces' : 'without namespaces'}, ${chosen.length} probes`;
  const [first, ...more] = await playJob({ sandbox, probes: chosen, nodeArgs }, random);
  if (first === undefined) return held(about);
  return broken(about, [first, ...more].join('; '));
}

/** A mutant of the job: which probes find it, and in which mode. */
interface JobMutant extends Mutant {
  rows: string;
}

const mutantIn = (sandbox: 'auto' | 'off') => (mutant: Mutant, flag: string) => {
  const { rows } = mutant as JobMutant;
  const probes = PROBES.filter(
    (probe) => rows.split(' ').includes(probe.row) && (sandbox === 'auto' || !probe.isolated),
  );
  return { play: (_: number, random: Random) => play(sandbox, probes, random, [flag]) };
};

const off = PROBES.filter(({ isolated }) => !isolated);

export const withoutNamespaces: Proof = {
  id: IDS,
  name: 'A hostile job without namespaces: no token, no variable, nothing forged or run outside',
  layer: 'job',
  runs: { ci: 2, full: 60 },
  mutantRuns: 1,
  play: (_, random) => play('off', off, random),
  playMutant: mutantIn('off'),
  mutants: [
    {
      ...{ name: 'credentials taken out of the checkout', rows: 'B9' },
      file: 'jobs/run/workspace.ts',
      from: 'const stripped = await stripCredentials(job.path, job.projectDir, secrets);',
      to: 'const stripped: string[] = []; void secrets; void stripCredentials;',
    },
    {
      ...{ name: 'settings of git that hold credentials', rows: 'B9' },
      file: 'jobs/workspace/strip-credentials.ts',
      from: "new Set(['credential', 'include', 'includeif', 'url'])",
      to: 'new Set<string>()',
      also: [
        {
          file: 'jobs/workspace/strip-credentials.ts',
          from: '|helper|password)',
          to: ')',
        },
      ],
    },
    {
      ...{ name: 'allow-list of variables', rows: 'F7' },
      file: 'jobs/env.ts',
      from: 'return { PATH: job.path, HOME: home,',
      to: 'return { ...(process.env as Record<string, string>), PATH: job.path, HOME: home,',
    },
    {
      ...{ name: 'attempt’s token stays with the supervisor', rows: 'B11' },
      file: 'jobs/run/start-isolated.ts',
      from: '      token: proxy.key,',
      to: '      token: claim.token,',
      also: [
        {
          file: 'jobs/gateway-proxy.ts',
          from: "if (given !== key) return refuse(response, 401, 'unknown key');",
          to: 'void given; void key;',
        },
      ],
    },
    {
      ...{ name: 'gateway’s address leads to models alone', rows: 'B11' },
      file: 'jobs/gateway-proxy.ts',
      from: "request.method !== 'POST' || !PATHS.test(path)",
      to: "request.method !== 'POST'",
    },
    {
      ...{ name: 'links are not taken', rows: 'D4' },
      file: 'jobs/workspace/changes.ts',
      from: "import { lstat, open, readlink, realpath } from 'node:fs/promises';",
      to: "import { stat as lstat, open, readlink, realpath } from 'node:fs/promises';",
      also: [
        {
          file: 'jobs/workspace/changes.ts',
          from: 'constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK',
          to: 'constants.O_RDONLY | constants.O_NONBLOCK',
        },
      ],
    },
    {
      ...{ name: 'folders above are real ones', rows: 'D4' },
      file: 'jobs/workspace/changes.ts',
      from: "if (parent === 'link')",
      to: 'if (false)',
    },
    {
      ...{ name: 'result written as a new file', rows: 'D2' },
      file: 'jobs/write-fresh.ts',
      from: '  await rm(path, { recursive: true, force: true });\n',
      to: '  void rm;\n',
      also: [
        {
          file: 'jobs/write-fresh.ts',
          from: ' | constants.O_EXCL | constants.O_NOFOLLOW',
          to: ' | constants.O_TRUNC',
        },
      ],
    },
    {
      ...{ name: 'paths of tools stay inside', rows: 'D4' },
      file: 'jobs/tools/paths.ts',
      from: 'if (!inside) return refuse(',
      to: 'if (false) return refuse(',
    },
    {
      ...{ name: 'searches follow no link', rows: 'D4' },
      file: 'jobs/tools/search.ts',
      from: 'if (!inside.ok) return toolError(inside.why);',
      to: 'void inside;',
    },
  ] satisfies JobMutant[],
};

export const inNamespaces: Proof = {
  id: IDS,
  name: 'A hostile job in namespaces: not a byte, secret or process of the runner within reach',
  layer: 'job',
  runs: { ci: 2, full: 60 },
  mutantRuns: 1,
  missing: namespaces,
  play: (_, random) => play('auto', PROBES, random),
  playMutant: mutantIn('auto'),
  mutants: [
    {
      ...{ name: 'isolation', rows: 'B10 F7' },
      file: 'jobs/run/isolation.ts',
      from: "if (input.mode === 'off')",
      to: 'if (input.mode !== undefined)',
    },
    {
      ...{ name: 'network of its own', rows: 'B12' },
      file: 'jobs/run/isolated-view.ts',
      from: "...(input.network === 'open' ? ['--share-net'] : []),",
      to: "'--share-net',",
    },
    {
      ...{ name: 'processes of its own', rows: 'B10' },
      file: 'jobs/run/isolated-view.ts',
      from: "    '--unshare-all',\n",
      to: "    '--unshare-user', '--unshare-net',\n",
    },
    {
      ...{ name: 'view of the system alone', rows: 'B9 F7' },
      file: 'jobs/run/isolated-view.ts',
      from: '    ...seen.flatMap(show),',
      to: "    '--ro-bind', '/', '/',",
      also: [
        {
          file: 'jobs/run/isolated-view.ts',
          from: "    ...EMPTY.flatMap((folder) => ['--tmpfs', folder]),\n",
          to: '',
        },
      ],
    },
  ] satisfies JobMutant[],
};

/** Channels that were found open without namespaces; told, not promised. */
const found = new Map<string, string>();
const only = PROBES.filter(({ isolated }) => isolated);

export const notPromised: Proof = {
  id: 'B10 B12',
  name: 'Without namespaces the same user’s secrets and the network are within reach: not promised',
  layer: 'job',
  runs: { ci: 1, full: only.length },
  play: async (index, random) => {
    const probes = only.slice(index % only.length).slice(0, 1);
    const [probe] = probes;
    if (probe === undefined) return held('nothing');
    const got = await playJob({ sandbox: 'off', probes, nodeArgs: [] }, randomOf(random.token(8)));
    if (got[0] !== undefined) found.set(`${probe.row} ${probe.name}`, got[0]);
    return held(probe.name);
  },
  told: () => `open: ${[...found.keys()].join(', ') || 'none of those tried'}`,
  mutants: [],
};
