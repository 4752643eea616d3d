/** Standard-Webhooks signature of GitLab 19's signing token (gitlab-facts §1.2). */
import { createHmac } from 'node:crypto';

const SIGNING_TOKEN = /^whsec_([A-Za-z0-9+/]{43}=)$/;

/** Whether a text is `whsec_` and the base64 of exactly 32 bytes. */
export function validSigningToken(token: string): boolean {
  return SIGNING_TOKEN.test(token);
}

/** The three headers for one delivery; `webhook-id` equals `Idempotency-Key`. */
export function signature(
  token: string,
  id: string,
  now: Date,
  body: string,
): Record<'webhook-id' | 'webhook-timestamp' | 'webhook-signature', string> {
  const key = Buffer.from(SIGNING_TOKEN.exec(token)?.[1] ?? '', 'base64');
  const seconds = String(Math.floor(now.getTime() / 1000));
  const digest = createHmac('sha256', key).update(`${id}.${seconds}.${body}`).digest('base64');
  return {
    'webhook-id': id,
    'webhook-timestamp': seconds,
    'webhook-signature': `v1,${digest}`,
  };
}
