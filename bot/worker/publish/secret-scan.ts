/**
 * Refuses results that carry secrets: known kinds by a maintained rule set, and the bot's own secrets
 * by value. Blocks, never "redacts and continues" (threat B6).
 */
import { lintSource } from '@secretlint/core';
import { creator as recommended } from '@secretlint/secretlint-rule-preset-recommend';
import type { FileChange, JobResult } from '../../../schema/wire/result.ts';
import { ownSecrets, type OwnSecrets } from './own-secrets.ts';

export interface SecretFinding {
  /** Null when the path is what holds it, so that no message repeats it. */
  path: string | null;
  /** The kind of secret, never the secret. */
  what: string;
}

const CONFIG = {
  rules: [{ id: '@secretlint/secretlint-rule-preset-recommend', rule: recommended }],
};

/** Prepared once per list: the list of a process never changes. */
const prepared = new WeakMap<readonly string[], OwnSecrets>();

/**
 * The first secret in names or contents of the changes, or null.
 * @param own values that must never leave: the bot's token and keys.
 */
export async function findSecret(
  changes: readonly FileChange[],
  own: readonly string[],
): Promise<SecretFinding | null> {
  for (const change of changes) {
    const named = await secretInText(change.path, own);
    if (named !== null) return { path: null, what: named };
    const content = Buffer.from(change.content ?? '', 'base64');
    const what = await secretIn(change.path, content, own);
    if (what !== null) return { path: change.path, what };
  }
  return null;
}

/**
 * The result, or what is left of it when an agent's words hold a secret: they stand in comments, threads
 * and reports, so nothing of them is kept. Files are looked through where they are published.
 */
export async function withholdSecrets(
  result: JobResult,
  own: readonly string[],
): Promise<JobResult> {
  const what = await secretInText(wordsOf(result).join('\n'), own);
  if (what === null) return result;
  const { version, attempt, baseSha, stats } = result;
  return {
    ...{ version, attempt, baseSha, stats, outcome: 'needs_human', summary: '' },
    cause: `What the agent says seems to hold a secret (${what}), so nothing of it was kept`,
    changes: [],
    checks: [],
  };
}

/** Every text of the result but the contents of files. */
function wordsOf({ changes, ...rest }: JobResult): string[] {
  const words: string[] = changes.map(({ path }) => path);
  JSON.stringify(rest, (_, value: unknown) => {
    if (typeof value === 'string') words.push(value);
    return value;
  });
  return words;
}

/** The kind of secret in a text, also in bytes that were written as characters; null: none. */
export async function secretInText(text: string, own: readonly string[]): Promise<string | null> {
  return (
    (await secretIn('text.md', Buffer.from(text), own)) ??
    (/[\u0080-\u00ff]/.test(text) ? secretIn('text.md', Buffer.from(text, 'latin1'), own) : null)
  );
}

/** The kind of the first secret in the content, or null. */
async function secretIn(
  path: string,
  content: Buffer,
  own: readonly string[],
): Promise<string | null> {
  const known = prepared.get(own) ?? ownSecrets(own);
  prepared.set(own, known);
  if (known.in(content)) return 'a secret of the bot itself';
  const text = content.toString('utf8');
  const { messages } = await lintSource({
    source: { filePath: path, content: text, ext: '', contentType: 'text' },
    options: { config: CONFIG, maskSecrets: true },
  });
  const [first] = messages;
  return first ? (first.ruleId.split('/').at(-1) ?? 'a secret') : null;
}
