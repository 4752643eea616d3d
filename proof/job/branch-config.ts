/** C6: a branch brings its own rules and settings for agents; none is obeyed, run or published. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { repositoryTraps, SOWN } from '../../test/support/repository-traps.ts';
import {
  headOf,
  idToken,
  makeRepository,
  makeSpec,
  startStandin,
  type ModelBody,
  type Reply,
} from '../../test/contract/jobs-standin.ts';
import { broken, held, type Mutant, type Played, type Proof } from '../proof.ts';
import { refusalOf } from '../pure/paths.ts';
import type { Random } from '../random.ts';
import { temporary } from '../temporary.ts';
import { runJob } from './play-job.ts';

/** What the default branch says to those who work on it, and what the change must not replace. */
const RULES = 'rules-of-the-default-branch';
const TRUSTED = ['AGENTS.md', 'CONTRIBUTING.md', 'README.md'];

interface Checkout {
  repo: string;
  main: string;
  marker: string;
  /** Traps of this branch. */
  traps: string[];
}

/** A runner’s checkout of the branch; its settings of git are those that an earlier job may have left. */
function checkout(random: Random): Checkout {
  const marker = path.join(temporary(), 'marker');
  const trusted = TRUSTED.filter(() => random.chance(0.8));
  const files = Object.fromEntries(trusted.map((name) => [name, `${RULES} ${name}\n`]));
  const repo = makeRepository({ ...files, 'greet.js': 'export {};\n' }, 'x');
  const main = headOf(repo);
  const git = (...args: string[]): string =>
    execFileSync('git', ['-C', repo, ...args], { encoding: 'utf8', stdio: 'pipe' });
  git('checkout', '-q', '-b', 'feature');
  for (const name of trusted) if (random.chance(0.3)) git('rm', '-q', name);
  const all = Object.entries(repositoryTraps(`touch ${marker}`));
  const chosen = all.filter(([name]) => name === 'AGENTS.md' || random.chance(0.8));
  for (const [name, text] of chosen) {
    mkdirSync(path.dirname(path.join(repo, name)), { recursive: true });
    writeFileSync(path.join(repo, name), text, { mode: 0o755 });
  }
  git('add', '-A', '-f');
  git('update-index', '--add', '--cacheinfo', `160000,${main},x`);
  git('commit', '-q', '-m', SOWN);
  git('config', 'core.hooksPath', '.husky');
  for (const kind of ['filter.trap.smudge', 'filter.trap.clean', 'diff.trap.textconv']) {
    git('config', kind, `touch ${marker}`);
  }
  rmSync(marker, { force: true });
  return { repo, main, marker, traps: chosen.map(([name]) => name) };
}

/** A model that does its task as anybody would, and looks at what there is. */
function honest(turn: number): Reply {
  const run = (command: string) => ({ name: 'run_command', args: { command } });
  switch (turn) {
    case 0:
      return { calls: [run('git status --short; git stash list; ls -a')] };
    case 1:
      return {
        calls: [
          { name: 'edit_file', args: { path: 'greet.js', new_text: 'export const x = 1;\n' } },
          run('git add greet.js && git -c user.name=x -c user.email=x@x commit -q -m x; cd src'),
        ],
      };
    default:
      return { calls: [{ name: 'finish', args: { outcome: 'done', summary: 'x', comment: '' } }] };
  }
}

async function play(_: number, random: Random, nodeArgs: readonly string[] = []): Promise<Played> {
  const at = checkout(random);
  const provider = random.pick(['openai', 'anthropic'] as const);
  const about = `${at.traps.length} files for agents, ${provider}`;
  const spec = { ...makeSpec(provider), baseSha: headOf(at.repo), defaultSha: at.main };
  spec.isolation = { sandbox: 'off', network: 'gateway' };
  const standin = await startStandin(spec, honest);
  try {
    const env = { AUTODEV_ID_TOKEN: idToken(standin.url), HOME: temporary() };
    const log = await runJob(nodeArgs, { repo: at.repo, env }, standin);
    const [result] = standin.results;
    const first = standin.requests[0]?.body;
    if (first === undefined || result === undefined) {
      return broken(about, `the job did not get far: ${log.slice(-600)}`);
    }
    const wrong =
      rulesIn(first, at) ??
      (existsSync(at.marker) ? 'something that the branch names was run' : null) ??
      published(result.changes.map((change) => change.path)) ??
      (await acceptedOf(at.traps));
    return wrong === null ? held(about) : broken(about, wrong);
  } finally {
    await standin.close();
    rmSync(at.repo, { recursive: true, force: true });
  }
}

/** The first request is all that the job itself tells the model; what it reads later are files. */
function rulesIn(body: ModelBody, at: Checkout): string | null {
  const text = JSON.stringify(body);
  if (text.includes(SOWN)) return 'the branch’s own rules were told to the model';
  const altered = ['AGENTS.md', '.claude', '.mcp.json', '.npmrc', '.husky', '.gitmodules'];
  const there = altered.filter((name) => at.traps.some((trap) => trap.startsWith(name)));
  const told = /The branch you work on alters ([^"]*?)\. What/.exec(text)?.[1] ?? '';
  const untold = there.find((name) => !told.includes(name));
  if (untold !== undefined) return `it is not told that the branch alters ${untold}`;
  const shown = execFileSync('git', ['-C', at.repo, 'ls-tree', '--name-only', at.main]);
  const missing = TRUSTED.filter((name) => shown.includes(name)).find(
    (name) => !text.includes(`${RULES} ${name}`),
  );
  return missing === undefined ? null : `${missing} of the default branch is not quoted`;
}

const published = (paths: readonly string[]): string | null =>
  paths.join() === 'greet.js' ? null : `the result changes ${paths.join() || 'nothing'}`;

/** None of the files is taken from an agent, should it write them itself (see D1). */
async function acceptedOf(traps: readonly string[]): Promise<string | null> {
  for (const name of traps.filter((trap) => !/README|CONTRIBUTING|package|src\//.test(trap))) {
    const change = { path: name, action: 'update', mode: '100644', content: 'eA==' };
    if ((await refusalOf([change])) === null) return `a change of ${name} is accepted`;
  }
  return null;
}

export const branchConfig: Proof = {
  id: 'C6',
  name: 'Rules and settings for agents on a change’s branch: not told, not run, not published',
  layer: 'job',
  runs: { ci: 1, full: 100 },
  play: (index, random) => play(index, random),
  playMutant: (_: Mutant, flag: string) => ({
    play: (index, random) => play(index, random, [flag]),
  }),
  mutantRuns: 1,
  mutants: [
    {
      name: 'rules come from the default branch',
      file: 'jobs/run/workspace.ts',
      from: 'readGuides(job.path, job.projectDir, defaultSha, baseSha)',
      to: 'readGuides(job.path, job.projectDir, baseSha, baseSha)',
    },
    {
      name: 'what the branch alters is told',
      file: 'jobs/workspace/guides.ts',
      from: 'names.filter((name) => there.get(name)?.id !== here.get(name)?.id)',
      to: '[] as string[]; void here',
    },
    {
      name: 'a git folder of its own',
      file: 'jobs/workspace/export.ts',
      from: '  await startRepository(run);\n  try {',
      to: "  await run('clone', '-q', '--no-checkout', '-c', 'protocol.file.allow=always', checkout, '.').catch(() => startRepository(run));\n  await run('config', 'core.hooksPath', '.husky');\n  try {",
    },
  ],
};
