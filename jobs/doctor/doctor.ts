/** `autodev-job doctor`: says what this job image and this runner give to agents, and how to mend what they lack. */
import { type Check, examine, type Surroundings } from './checks.ts';

const MARKS: Readonly<Record<Check['status'], string>> = { ok: '✓', warning: '!', error: '✗' };
/** Wide enough for every check's name. */
const NAME_WIDTH = 12;

/**
 * Looks and prints, a line per check with the remedy below it, or one JSON document. Returns the exit code:
 * 1 when an agent cannot work here, else 0.
 */
export async function doctor(
  surroundings: Surroundings,
  json: boolean,
  print: (line: string) => void,
): Promise<number> {
  const checks = await examine(surroundings);
  const wrong = checks.some(({ status }) => status === 'error');
  if (json) print(JSON.stringify({ ok: !wrong, checks }, null, 2));
  else for (const line of checks.flatMap(linesOf)) print(line);
  return wrong ? 1 : 0;
}

function linesOf({ name, status, detail, fix }: Check): string[] {
  const line = `${MARKS[status]} ${name.padEnd(NAME_WIDTH)} ${detail}`;
  return fix === null ? [line] : [line, `    fix: ${fix}`];
}
