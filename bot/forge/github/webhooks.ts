/** Purpose: decide whether a delivery is GitHub's, and name it so that a resent one is recognised. */
import { Webhooks as OctokitWebhooks } from '@octokit/webhooks';
import type { Verified, Webhooks } from '../forge.ts';
import { contentKey, shortName, singleHeader } from '../payload.ts';
import { normaliseGitHub } from './events/normalise.ts';

const MAX_HEADER_LENGTH = 256;

export interface GitHubWebhookOptions {
  /** The secret of the webhook or app, shared with GitHub. */
  secret: string;
}

/**
 * Webhooks of GitHub.com or one Enterprise server. `verify` checks `X-Hub-Signature-256` over the raw
 * bytes with the function of @octokit/webhooks.
 *
 * Dedupe key: a digest of the signature, which is itself the keyed digest of the body. The signature
 * covers the body alone, so X-GitHub-Delivery, though it must be there, could be changed at will in a
 * replay (threats E2); a redelivery repeats the body byte for byte, and bodies hold ids and times, so
 * equal bodies are one event. Under a new secret a redelivery has another key: then `wishes` alone keeps
 * it from being acted on twice.
 */
export function createGitHubWebhooks(options: GitHubWebhookOptions): Webhooks {
  // Octokit refuses an empty secret by itself, with a clear message.
  const octokit = new OctokitWebhooks({ secret: options.secret });
  return {
    verify: async (headers, raw): Promise<Verified> => {
      const signature = singleHeader(headers['x-hub-signature-256'], MAX_HEADER_LENGTH);
      if (signature === null) return { ok: false, reason: 'X-Hub-Signature-256 is missing' };
      if (singleHeader(headers['x-github-delivery'], MAX_HEADER_LENGTH) === null) {
        return { ok: false, reason: 'X-GitHub-Delivery is missing' };
      }
      // Octokit throws on an empty body; bytes that are no UTF-8 come out changed and do not match.
      if (raw.length === 0 || !(await octokit.verify(raw.toString('utf8'), signature))) {
        return { ok: false, reason: 'X-Hub-Signature-256 is wrong' };
      }
      return {
        ok: true,
        dedupeKey: `signed:${contentKey(Buffer.from(signature))}`,
        eventName: shortName(headers['x-github-event']) || 'unnamed',
      };
    },
    normalise: normaliseGitHub,
  };
}
