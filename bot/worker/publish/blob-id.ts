/** Git's own name of a file's content: whoever has the file can compute it with `git hash-object`. */
import { createHash } from 'node:crypto';
import type { FileChange } from '../../../schema/wire/result.ts';

/** The id of no content at all: the file is deleted. */
const NO_BLOB = '0'.repeat(40);

/** The blob id (SHA-1) of the content that a change proposes. */
export function blobId(change: FileChange): string {
  if (change.content === undefined) return NO_BLOB;
  const content = Buffer.from(change.content, 'base64');
  return createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex');
}
