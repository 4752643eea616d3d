/**
 * Refuses results that carry secrets: known kinds by a maintained rule set, and the bot's own secrets
 * by value. Blocks, never "redacts and continues" (threat B6).
 */
import { lintSource } from '@secretlint/core';
import { creator as recommended } from '@secretlint/secretlint-rule-preset-recommend';
import type { FileChange } from '../../../schema/wire/result.ts';

export interface SecretFinding {
  path: string;
  /** The kind of secret, never the secret. */
  what: string;
}

const CONFIG = {
  rules: [{ id: '@secretlint/secretlint-rule-preset-recommend', rule: recommended }],
};

/** Secrets shorter than this would match by chance. */
const MIN_OWN_SECRET = 8;

/**
 * The first secret in names or contents of the changes, or null.
 * @param own values that must never leave: the bot's token and keys.
 */
export async function findSecret(
  changes: readonly FileChange[],
  own: readonly string[],
): Promise<SecretFinding | null> {
  const forbidden = own.filter((value) => value.length >= MIN_OWN_SECRET).flatMap(encodings);
  for (const change of changes) {
    const content = change.content === undefined ? '' : fromBase64(change.content);
    const text = `${change.path}\n${content}`;
    if (forbidden.some((value) => text.includes(value))) {
      return { path: change.path, what: 'a secret of the bot itself' };
    }
    const result = await lintSource({
      source: { filePath: change.path, content, ext: '', contentType: 'text' },
      options: { config: CONFIG, maskSecrets: true },
    });
    const first = result.messages[0];
    if (first) return { path: change.path, what: first.ruleId.split('/').at(-1) ?? 'a secret' };
  }
  return null;
}

/** The kind of secret in a text that is about to be posted, or null. */
export async function secretInText(text: string, own: readonly string[]): Promise<string | null> {
  const content = Buffer.from(text).toString('base64');
  const file: FileChange = { path: 'comment.md', action: 'create', mode: '100644', content };
  return (await findSecret([file], own))?.what ?? null;
}

/** A secret as it stands and in the encodings a model could be talked into. */
function encodings(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const base64 = [0, 1, 2].map((offset) => {
    const shifted = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64');
    // Characters that also depend on what stands before or after the secret are left out.
    return shifted.slice(
      Math.ceil((offset * 8) / 6),
      Math.floor(((bytes.length + offset) * 8) / 6),
    );
  });
  return [
    secret,
    ...base64,
    bytes.toString('hex'),
    encodeURIComponent(secret),
    [...secret].toReversed().join(''),
  ];
}

function fromBase64(content: string): string {
  return Buffer.from(content, 'base64').toString('utf8');
}
