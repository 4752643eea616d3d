/** What a maintainer is asked to let through, as it is shown in the status comment. */
import { code } from '../../decide/text.ts';
import type { BlockedFile } from '../../domain/outcomes.ts';
import { neutralise } from './neutralise.ts';

/** Of all files together; the ids bind the whole contents, also what is cut here. */
const SHOWN_CHARS = 20_000;

/** Each file with its id and diff, inert: links, mentions and quick actions in it do nothing. */
export function proposedText(files: readonly BlockedFile[], allowedHost: string): string {
  let left = SHOWN_CHARS;
  const parts = files.map(({ path, blob, diff }) => {
    const shown = diff.slice(0, left);
    left -= shown.length;
    const cut = shown.length < diff.length ? '\n(cut: the comment would be too long)' : '';
    const fence = '`'.repeat(Math.max(3, longestRun(shown) + 1));
    const head = `${code(path, 200)} at ${code(blob)}`;
    return `${head}\n\n${fence}diff\n${shown}${cut}\n${fence}`;
  });
  return neutralise(parts.join('\n\n'), { allowedHost });
}

/** The longest run of backticks: a fence has to be longer than any. */
function longestRun(text: string): number {
  return Math.max(0, ...[...text.matchAll(/`{1,1000}/g)].map(([run]) => run.length));
}
