/** C6 with the real programs `codex` and `claude`: what the repository holds for them configures neither. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { claude } from '../../jobs/engines/cli/claude.ts';
import { codex } from '../../jobs/engines/cli/codex.ts';
import { runCli } from '../../jobs/engines/cli/run.ts';
import type { Answer, Script } from '../../sandbox/model/types.ts';
import { cliProgram, type CliKind } from '../../test/support/cli-programs.ts';
import { startGatewayWorld, TOKEN } from '../../test/support/gateway.ts';
import { repositoryTraps, SOWN } from '../../test/support/repository-traps.ts';
import { makeSpec } from '../../test/contract/jobs-standin.ts';
import { broken, held, type Mutant, type Played, type Proof } from '../proof.ts';
import type { Random } from '../random.ts';
import { temporary } from '../temporary.ts';

const PROGRAM_MS = 60_000;
const ENGINES = { codex, claude };
const NAMES = Object.keys(ENGINES) as CliKind[];
const here = NAMES.filter((name) => cliProgram(name) !== null);
const missing = NAMES.filter((name) => !here.includes(name));

const ANSWER = {
  ...{ outcome: 'done', summary: 'Done.', comment: null },
  report: { kind: 'build', selfScore: 80 },
};
/** How each program runs a command and ends. */
const SPEAKS: Readonly<Record<CliKind, { look: Answer; end: Answer }>> = {
  codex: {
    look: { toolCalls: [{ name: 'exec_command', arguments: { cmd: 'true' } }] },
    end: { text: JSON.stringify(ANSWER) },
  },
  claude: {
    look: { toolCalls: [{ name: 'Bash', arguments: { command: 'true', description: 'x' } }] },
    end: { toolCalls: [{ name: 'StructuredOutput', arguments: ANSWER }] },
  },
};

async function play(index: number, random: Random): Promise<Played> {
  const name = here[index % here.length];
  const program = name === undefined ? null : cliProgram(name);
  if (name === undefined || program === null) return held('no program');
  const [workspace, home] = [temporary(), temporary()];
  const marker = path.join(temporary(), 'marker');
  const traps = Object.entries(repositoryTraps(`touch ${marker}`));
  const chosen = traps.filter(
    ([file]) => /AGENTS|CLAUDE|settings/.test(file) || random.chance(0.7),
  );
  for (const [file, text] of chosen) {
    mkdirSync(path.dirname(path.join(workspace, file)), { recursive: true });
    writeFileSync(path.join(workspace, file), text, { mode: 0o755 });
  }
  let heard = '';
  const script: Script = {
    name: 'proof',
    matches: () => true,
    answer: (conversation, turn) => {
      heard += JSON.stringify(conversation);
      return turn === 1 ? SPEAKS[name].look : SPEAKS[name].end;
    },
  };
  const world = await startGatewayWorld({ scripts: [script] });
  const about = `${name}, ${chosen.length} files for agents`;
  try {
    const engine = ENGINES[name];
    const spec = makeSpec(engine.provider);
    const { outcome, cause } = await runCli(engine, {
      spec: {
        ...{ ...spec, models: [{ provider: engine.provider, model: 'scripted' }] },
        report: 'build',
      },
      ...{ opening: 'Look.', program, gateway: world.url, token: TOKEN, workspace },
      env: { PATH: process.env['PATH'] ?? '', HOME: home, LANG: 'C.UTF-8', TMPDIR: home },
      ...{ tmp: home, isolated: true, signal: AbortSignal.timeout(PROGRAM_MS) },
      takeMessages: () => [],
      events: { turn: () => undefined, tool: () => undefined, note: () => undefined },
      ...{ onRequest: () => undefined, onCommand: () => undefined, now: Date.now },
    });
    if (heard.includes(SOWN)) return broken(about, 'the repository spoke to its model');
    if (existsSync(marker)) return broken(about, 'something that the repository names was run');
    return outcome === 'finished'
      ? held(about)
      : broken(about, `it ended with ${outcome}: ${cause}`);
  } finally {
    await world.close();
  }
}

const MUTANTS: Readonly<Record<CliKind, Mutant>> = {
  codex: {
    name: 'codex reads no AGENTS.md',
    file: 'jobs/engines/cli/codex.ts',
    from: "        ...['-c', 'project_doc_max_bytes=0'],\n",
    to: '',
  },
  claude: {
    name: 'Claude Code reads nothing of the repository',
    file: 'jobs/engines/cli/claude.ts',
    from: "        '--safe-mode',\n        ...['--setting-sources', ''],\n",
    to: '',
  },
};

export const otherPrograms: Proof = {
  id: 'C6',
  name: 'The programs of other makers take neither rules nor settings from the repository',
  layer: 'job',
  fullOnly: true,
  runs: { ci: here.length, full: 10 * here.length },
  play,
  told: () => (missing.length === 0 ? '' : `left out, not on this machine: ${missing.join(', ')}`),
  mutants: here.map((name) => MUTANTS[name]),
};
