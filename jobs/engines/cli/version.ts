/** Which version of a command line tool is installed, and whether it is one that is known to work. */
import { runInGroup } from '../../process-group.ts';
import type { KnownVersions } from './contract.ts';

/** Longest wait for `--version`; the tools answer within half a second. */
const VERSION_MS = 15_000;

type Range = Pick<KnownVersions, 'from' | 'below'>;

export type Probed =
  | { ok: true; version: string }
  /** `why` reads on after the program's name. */
  | { ok: false; why: string };

/**
 * Asks the program for its version once. It is started with nothing but PATH and a home that does not
 * exist, so that neither a person's configuration nor the repository has a say.
 */
export async function probeVersion(
  program: readonly string[],
  path: string,
  known: Range,
  limitMs = VERSION_MS,
): Promise<Probed> {
  const [file = '', ...args] = program;
  const result = await runInGroup({
    file,
    args: [...args, '--version'],
    cwd: '/',
    env: { PATH: path, HOME: '/nonexistent', DISABLE_AUTOUPDATER: '1' },
    timeoutMs: limitMs,
    capBytes: 2_000,
  });
  if (result.startError !== null) return { ok: false, why: `cannot start: ${result.startError}` };
  if (result.timedOut) return { ok: false, why: 'did not tell its version in time' };
  const said = result.output.trim().split('\n').at(-1)?.slice(0, 200) ?? '';
  if (result.exitCode !== 0)
    return { ok: false, why: `cannot start: ${said || 'it says nothing'}` };
  const version = /\b\d{1,5}\.\d{1,5}\.\d{1,5}(?:-[\w.]{1,40})?/.exec(result.output)?.[0];
  if (version === undefined) return { ok: false, why: `did not tell its version: ${said}` };
  if (isKnown(version, known)) return { ok: true, version };
  return { ok: false, why: `is version ${version}; known to work is ${rangeText(known)}` };
}

/** Is it from `from` on and below `below`? A pre-release is no version that anybody tried. */
export function isKnown(version: string, { from, below }: Range): boolean {
  return !version.includes('-') && compare(version, from) >= 0 && compare(version, below) < 0;
}

export function rangeText({ from, below }: Range): string {
  return `${from} up to, not including, ${below}`;
}

function compare(a: string, b: string): number {
  const [left, right] = [a.split('.').map(Number), b.split('.').map(Number)];
  for (const [at, number] of left.entries()) {
    const other = right[at] ?? 0;
    if (number !== other) return number - other;
  }
  return 0;
}
