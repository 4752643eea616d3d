/** Where the command line tools are (on PATH, or installed by npm beside the job program), and which version. */
import { access, constants } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import type { EngineName } from '../../../schema/wire/job-api.ts';
import { claude } from './claude.ts';
import { codex } from './codex.ts';
import type { CliEngine } from './contract.ts';
import { probeVersion } from './version.ts';

const ENGINES: Readonly<Record<EngineName, CliEngine | null>> = { builtin: null, codex, claude };

export interface CommandLineTool {
  engine: CliEngine;
  /** Full path of the program. */
  program: string;
  version: string;
}

export type FoundEngine =
  | { kind: 'builtin' }
  | { kind: 'tool'; tool: CommandLineTool }
  /** `why` names the program and what is wrong with it, `fix` what to do; each a sentence without its end. */
  | { kind: 'unusable'; why: string; fix: string };

/** The engine of that name as this machine has it. `self` is the command line of this program. */
export async function findEngine(
  name: EngineName,
  path: string,
  self: readonly string[],
): Promise<FoundEngine> {
  const engine = ENGINES[name];
  if (engine === null) return { kind: 'builtin' };
  const fix = `Install it there: npm install -g ${engine.package}@${engine.known.pinned}`;
  const beside = self[1] === undefined ? [] : [join(dirname(self[1]), 'node_modules/.bin')];
  const program = await findProgram(engine.program, path, beside);
  if (program === null) {
    return { kind: 'unusable', why: `${engine.program} is not installed in the job image`, fix };
  }
  const probed = await probeVersion(program, path, engine.known);
  if (!probed.ok) return { kind: 'unusable', why: `${engine.program} ${probed.why}`, fix };
  return { kind: 'tool', tool: { engine, program, version: probed.version } };
}

/** Full path of `program`, or null. `extra` are folders that are looked at after PATH. */
export async function findProgram(
  program: string,
  path: string,
  extra: readonly string[] = [],
): Promise<string | null> {
  for (const folder of [...path.split(delimiter), ...extra]) {
    if (folder === '') continue;
    const file = join(folder, program);
    const runs = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (runs) return file;
  }
  return null;
}
