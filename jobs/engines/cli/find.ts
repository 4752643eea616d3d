/** Where the command line tools are (on PATH, or installed by npm beside the job program), and which version. */
import { dirname, join } from 'node:path';
import type { EngineName } from '../../../schema/wire/job-api.ts';
import { findProgram } from '../../find-program.ts';
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
  /** `why` names the program and what is wrong with it, `install` is the command that mends it. */
  | { kind: 'unusable'; why: string; install: string };

/**
 * The engine of that name as this machine has it. `self` is the command line of this program; `wrap` stands
 * before the program's own when it is asked for its version.
 */
export async function findEngine(
  name: EngineName,
  path: string,
  self: readonly string[],
  wrap: readonly string[] = [],
): Promise<FoundEngine> {
  const engine = ENGINES[name];
  if (engine === null) return { kind: 'builtin' };
  const install = `npm install -g ${engine.package}@${engine.known.pinned}`;
  const beside = self[1] === undefined ? [] : [join(dirname(self[1]), 'node_modules/.bin')];
  const program = await findProgram(engine.program, path, beside);
  if (program === null) {
    return {
      kind: 'unusable',
      why: `${engine.program} is not installed in the job image`,
      install,
    };
  }
  const probed = await probeVersion([...wrap, program], path, engine.known);
  if (!probed.ok) return { kind: 'unusable', why: `${engine.program} ${probed.why}`, install };
  return { kind: 'tool', tool: { engine, program, version: probed.version } };
}
