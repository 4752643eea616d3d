/** Purpose: decide whether a delivery is GitHub's, and name it so that a resent one is recognised. */
import { isUtf8 } from 'node:buffer';
import { createHmac, createSecretKey, timingSafeEqual } from 'node:crypto';
import { Webhooks as OctokitWebhooks } from '@octokit/webhooks';
import type { Headers, Webhooks } from '../forge.ts';
import { digestOf, PIECE_BYTES } from '../in-pieces.ts';
import { contentKey, shortName, singleHeader } from '../payload.ts';
import { normaliseGitHub } from './events/normalise.ts';

const MAX_HEADER_LENGTH = 256;

export interface GitHubWebhookOptions {
  /** The secret of the webhook or app, shared with GitHub. */
  secret: string;
}

/**
 * Webhooks of GitHub.com or one Enterprise server. `verify` checks `X-Hub-Signature-256`: `sha256=` and the hex of
 * HMAC-SHA256 over the raw bytes (GitHub, "Validating webhook deliveries"). @octokit/webhooks does it, but for bodies so
 * large that its one step over the whole of them would hold up everybody.
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
  const key = createSecretKey(options.secret, 'utf8');
  const authentic = async (raw: Buffer, signature: string): Promise<boolean> => {
    if (raw.length <= PIECE_BYTES) return octokit.verify(raw.toString('utf8'), signature);
    const digest = await digestOf(createHmac('sha256', key), raw);
    return timingSafeEqual(digest, Buffer.from(signature.slice(PREFIX.length), 'hex'));
  };
  return {
    refusedByHeaders: (headers) => claimOf(headers).reason,
    verify: async (headers, raw) => {
      const claim = claimOf(headers);
      if (claim.reason !== null) return { ok: false, reason: claim.reason };
      // GitHub signs JSON: what is no text was never signed by it.
      if (raw.length === 0 || !isUtf8(raw)) return { ok: false, reason: 'the body is not text' };
      if (!(await authentic(raw, claim.signature))) {
        return { ok: false, reason: 'X-Hub-Signature-256 is wrong' };
      }
      return {
        ok: true,
        dedupeKey: `signed:${await contentKey(Buffer.from(claim.signature))}`,
        eventName: shortName(headers['x-github-event']) || 'unnamed',
      };
    },
    normalise: normaliseGitHub,
  };
}

const PREFIX = 'sha256=';
const SIGNATURE = /^sha256=[0-9a-f]{64}$/;

/** The signature that the headers claim, or why they claim none. */
function claimOf(headers: Headers): { reason: string } | { reason: null; signature: string } {
  const signature = singleHeader(headers['x-hub-signature-256'], MAX_HEADER_LENGTH);
  if (signature === null) return { reason: 'X-Hub-Signature-256 is missing' };
  if (singleHeader(headers['x-github-delivery'], MAX_HEADER_LENGTH) === null) {
    return { reason: 'X-GitHub-Delivery is missing' };
  }
  if (!SIGNATURE.test(signature)) return { reason: 'X-Hub-Signature-256 is malformed' };
  return { reason: null, signature };
}
