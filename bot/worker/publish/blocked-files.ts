/** Protected files of a refused result, as a maintainer needs to see them before letting them through. */
import { unifiedDiff } from '../../domain/unified-diff.ts';
import type { BlockedFile } from '../../domain/outcomes.ts';
import type { FileChange } from '../../../schema/wire/result.ts';
import { blobId } from './blob-id.ts';

/** Of one file; what is cut stands in the change, once it is open, before anybody merges it. */
const DIFF_CHARS = 6_000;

/**
 * The files with the ids of their proposed contents and what would change.
 * @param read the file as it stands on the branch the result was made from, or null when it is new.
 */
export async function blockedFiles(
  files: readonly FileChange[],
  read: (path: string) => Promise<string | null>,
): Promise<BlockedFile[]> {
  const shown: BlockedFile[] = [];
  for (const change of files) {
    const { path, mode } = change;
    const before = await read(path);
    shown.push({ path, mode, blob: blobId(change), diff: diffOf(change, before) });
  }
  return shown;
}

function diffOf(change: FileChange, before: string | null): string {
  const after = change.content === undefined ? '' : textOf(change.content);
  if (after === null) return '(not text)';
  const executable = change.mode === '100755' ? 'executable\n' : '';
  const diff = visible(`${executable}${unifiedDiff(change.path, before, after)}`);
  if (diff.length <= DIFF_CHARS) return diff;
  return `${diff.slice(0, DIFF_CHARS)}\n(cut: ${diff.length - DIFF_CHARS} more characters)`;
}

function textOf(base64: string): string | null {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(base64, 'base64'));
    return text.includes('\0') ? null : text;
  } catch {
    return null;
  }
}

/** Characters that the eye misses are spelled out, so that nobody lets through what is not seen. */
function visible(text: string): string {
  return text.replaceAll(
    /[\p{Cf}\p{Co}\p{Cn}\p{Zl}\p{Zp}\u0000-\u0008\u000B-\u001F\u007F-\u009F\u034F\u115F\u1160\u17B4\u17B5\u2800\u3164\uFE00-\uFE0F\uFFA0]/gu,
    (char) => `‹U+${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}›`,
  );
}
