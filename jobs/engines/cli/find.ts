/** Where the command line tools are: on PATH, or installed by npm beside the job program. */
import { access, constants } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import type { EngineName } from '../../../schema/wire/job-api.ts';
import { claude } from './claude.ts';
import { codex } from './codex.ts';
import type { CliEngine } from './contract.ts';

const ENGINES: Readonly<Record<EngineName, CliEngine | null>> = { builtin: null, codex, claude };

/**
 * The tool of an engine with its program, or null for our own loop. A tool that is not installed is said
 * once, and our own loop does the work with the same models.
 */
export async function commandLineTool(
  name: EngineName,
  path: string,
  self: readonly string[],
  note: (text: string) => void,
): Promise<{ engine: CliEngine; program: string } | null> {
  const engine = ENGINES[name];
  if (engine === null) return null;
  const beside = self[1] === undefined ? [] : [join(dirname(self[1]), 'node_modules/.bin')];
  const program = await findProgram(engine.program, path, beside);
  if (program !== null) return { engine, program };
  note(
    `${engine.program} is not installed in the job image; the builtin engine does the work. ` +
      `Install it there with npm, or set \`engine: builtin\` for this agent.`,
  );
  return null;
}

/** Full path of `program`, or null. `extra` are folders that are looked at after PATH. */
async function findProgram(
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
