/**
 * Purpose: decide whether a delivery is GitLab's, and name it so that a resent one is recognised.
 *
 * One operator secret (the root) yields every hook's own secrets, so that nothing has to be stored
 * and the secret of one project is worthless for another (threats E1–E3):
 *   token   = base64url(HMAC-SHA256(root, "gitlab-hook-token:<projectId>"))
 *   signing = "whsec_" + base64(HMAC-SHA256(root, "gitlab-hook-signing:<projectId>"))
 * A hook made by hand may carry the root itself as its token, or, when the root is a `whsec_…` value
 * of 32 bytes, as its signing token.
 */
import { Buffer, isUtf8 } from 'node:buffer';
import {
  createHash,
  createHmac,
  createSecretKey,
  timingSafeEqual,
  type KeyObject,
} from 'node:crypto';
import type { Headers, Verified, Webhooks } from '../forge.ts';
import { digestOf, inPieces } from '../in-pieces.ts';
import { JsonScan, type NumberPlaces } from '../json-scan.ts';
import { BODY_BOUNDS, contentKey, id, shortName, singleHeader } from '../payload.ts';
import { normaliseGitLab } from './events/normalise.ts';

/** Longest header value that is looked at; secrets and signatures are far shorter. */
const MAX_HEADER_LENGTH = 1024;
/** How far the signed time may be off, either way (Standard Webhooks libraries, threats E2). */
const TOLERANCE_SECONDS = 300;
const MAX_SIGNATURES = 16;
const SIGNING_KEY_BYTES = 32;
/** Projects whose signing key is remembered; the one that was learned first is forgotten first. */
const KEYS_KEPT = 1_000;

export interface GitLabWebhookOptions {
  /** The root secret, AUTODEV_WEBHOOK_SECRET. */
  secret: string;
  /** Refuse every delivery that is not signed. */
  requireSigning: boolean;
  /** Whether the project's hook is known to sign, so that a stripped signature is a forgery. */
  signingProjects: (projectId: number) => boolean;
  /** Hears of the project of every delivery whose signature was right; must be cheap. */
  sawSigned?: (projectId: number) => void;
}

/** The X-Gitlab-Token of a project's hook, derived from the operator's root secret. */
export function projectHookToken(root: string, projectId: number): string {
  return createHmac('sha256', root).update(`gitlab-hook-token:${projectId}`).digest('base64url');
}

/**
 * The signing token of a project's hook: `whsec_` and the base64 of 32 bytes, the only form that
 * GitLab 19 takes (gitlab-facts §1.2).
 */
export function projectSigningToken(root: string, projectId: number): string {
  const key = createHmac('sha256', root).update(`gitlab-hook-signing:${projectId}`);
  return `whsec_${key.digest('base64')}`;
}

/**
 * Webhooks of one GitLab instance.
 *
 * `verify` accepts a delivery that
 * (a) carries `webhook-signature` and passes the Standard Webhooks check over its raw bytes; such a
 *     request is never judged by its token, valid or not; or
 * (b) has no signature and the right `X-Gitlab-Token`, unless its hook is known to sign.
 * The project id is taken from the unproved body, but only to choose the secret: a body that names
 * another project, or two, finds no matching derived secret. It is looked for without parsing the body
 * (JsonScan), and only when a secret depends on it.
 *
 * A body that is no text, or out of bounds, names no project, so only the root secret can prove it. What is
 * proved is accepted although it is no JSON
 * (GitLab disables hooks that answer errors, §1.4); the caller passes `undefined` to `normalise`,
 * which makes it an ignored event.
 *
 * Dedupe key: the signed `webhook-id` (equal to Idempotency-Key, stable over resends, §1.1) of a
 * signed request. A token proves nothing about the other headers, so an Idempotency-Key could be
 * changed at will in a replay (threats E2): the key of a token-only request is the SHA-256 of its
 * body. Bodies hold object ids and times, and a resend repeats them byte for byte, so equal bodies
 * are one event; two identical pushes back and forth are the known exception, and the merge request
 * and pipeline events that go with a push do differ.
 */
export function createGitLabWebhooks(options: GitLabWebhookOptions): Webhooks {
  if (options.secret === '') throw new Error('The webhook secret must not be empty.');
  const keys = new SigningKeys(options.secret);
  return {
    refusedByHeaders: (headers, now) => claimOf(options, headers, now).reason,
    verify: async (headers, raw, now) => {
      const claim = claimOf(options, headers, now);
      if (claim.reason !== null) return { ok: false, reason: claim.reason };
      const refusal =
        claim.by === 'token'
          ? await wrongToken(options, claim.token, raw)
          : await wrongSignature(options, keys, claim, raw);
      if (refusal !== null) return { ok: false, reason: refusal };
      return {
        ok: true,
        dedupeKey: claim.by === 'token' ? `body:${await contentKey(raw)}` : `id:${claim.webhookId}`,
        eventName: shortName(headers['x-gitlab-event']) || 'unnamed',
      } satisfies Verified;
    },
    normalise: normaliseGitLab,
  };
}

/** What a request says proves it, as far as its headers alone do not refute it. */
type Claim =
  | { reason: string }
  | { reason: null; by: 'token'; token: string }
  | { reason: null; by: 'signature'; webhookId: string; timestamp: string; signatures: Buffer[] };

function claimOf(options: GitLabWebhookOptions, headers: Headers, now: Date): Claim {
  if (headers['webhook-signature'] !== undefined) return signatureOf(headers, now);
  const token = singleHeader(headers['x-gitlab-token'], MAX_HEADER_LENGTH);
  if (token === null) return { reason: 'X-Gitlab-Token and webhook-signature are missing' };
  if (options.requireSigning) return { reason: 'this bot accepts signed deliveries only' };
  return { reason: null, by: 'token', token };
}

function signatureOf(headers: Headers, now: Date): Claim {
  const webhookId = singleHeader(headers['webhook-id'], MAX_HEADER_LENGTH);
  const timestamp = singleHeader(headers['webhook-timestamp'], MAX_HEADER_LENGTH);
  const signatures = parseSignatures(headers['webhook-signature']);
  // The id takes no dot: it would blur where the id ends and the time begins in what is signed.
  if (webhookId === null || !/^[\w-]{1,128}$/.test(webhookId)) {
    return { reason: 'webhook-id is missing or malformed' };
  }
  if (timestamp === null || !/^\d{1,12}$/.test(timestamp)) {
    return { reason: 'webhook-timestamp is missing or malformed' };
  }
  if (Math.abs(Math.floor(now.getTime() / 1000) - Number(timestamp)) > TOLERANCE_SECONDS) {
    return { reason: `webhook-timestamp is more than ${TOLERANCE_SECONDS} s off` };
  }
  if (signatures.length === 0) return { reason: 'webhook-signature is malformed' };
  return { reason: null, by: 'signature', webhookId, timestamp, signatures };
}

/** Why a token does not prove a body; null when it does. */
async function wrongToken(
  options: GitLabWebhookOptions,
  token: string,
  raw: Buffer,
): Promise<string | null> {
  const isRoot = equalSecrets(token, options.secret);
  const claimed = await claimedProjects(raw);
  const own = claimed.length === 1 ? claimed[0] : undefined;
  if (!isRoot) {
    if (own === undefined || !equalSecrets(token, projectHookToken(options.secret, own))) {
      return 'X-Gitlab-Token is wrong for this project';
    }
  }
  if (claimed.some((project) => project === UNNAMEABLE || options.signingProjects(project))) {
    return 'the hook of this project signs, but the signature is missing';
  }
  return null;
}

/** Why no signature of a request is right for its body; null when one is. */
async function wrongSignature(
  options: GitLabWebhookOptions,
  signing: SigningKeys,
  claim: { webhookId: string; timestamp: string; signatures: Buffer[] },
  raw: Buffer,
): Promise<string | null> {
  const matches = async (key: KeyObject): Promise<boolean> => {
    const hmac = createHmac('sha256', key).update(`${claim.webhookId}.${claim.timestamp}.`);
    const expected = await digestOf(hmac, raw);
    return claim.signatures.some((given) => timingSafeEqual(given, expected));
  };
  const [first, ...others] = await claimedProjects(raw);
  const project = others.length === 0 ? first : undefined;
  const own = project === undefined ? null : signing.of(project);
  if (own !== null && (await matches(own))) signing.proved(project as number, own);
  else if (signing.root === null || !(await matches(signing.root))) {
    return 'webhook-signature is wrong for this project';
  }
  if (project !== undefined) options.sawSigned?.(project);
  return null;
}

/**
 * The `v1` digests of a signature header; other versions are skipped, and one malformed entry (a
 * header sent twice arrives joined by a comma) spoils them all.
 */
function parseSignatures(header: string | undefined): Buffer[] {
  const value = singleHeader(header, MAX_HEADER_LENGTH * 2);
  if (value === null) return [];
  const entries = value.split(' ');
  if (entries.length > MAX_SIGNATURES) return [];
  const digests: Buffer[] = [];
  for (const entry of entries) {
    const parts = /^(v\d+[a-z]?),([A-Za-z0-9+/]+={0,2})$/.exec(entry);
    if (parts === null) return [];
    const digest = Buffer.from(parts[2] ?? '', 'base64');
    if (parts[1] === 'v1' && digest.length === 32) digests.push(digest);
  }
  return digests;
}

/** The keys deliveries may be signed with. Deriving one takes a third of the time of checking a small body. */
class SigningKeys {
  /** The root secret's own key, where it is a `whsec_…` value. */
  readonly root: KeyObject | null;
  private readonly secret: string;
  private readonly kept = new Map<number, KeyObject>();

  constructor(secret: string) {
    this.secret = secret;
    this.root = signingKey(secret);
  }

  of(projectId: number): KeyObject | null {
    return this.kept.get(projectId) ?? signingKey(projectSigningToken(this.secret, projectId));
  }

  /** Remembers a key that a delivery was proved with: forgeries cannot crowd the others out. */
  proved(projectId: number, key: KeyObject): void {
    if (this.kept.has(projectId)) return;
    const [oldest] = this.kept.keys();
    if (oldest !== undefined && this.kept.size >= KEYS_KEPT) this.kept.delete(oldest);
    this.kept.set(projectId, key);
  }
}

/** The key of a `whsec_…` token, or null when the secret is none. */
function signingKey(secret: string): KeyObject | null {
  if (!secret.startsWith('whsec_')) return null;
  const encoded = secret.slice('whsec_'.length);
  const key = Buffer.from(encoded, 'base64');
  const valid = key.length === SIGNING_KEY_BYTES && key.toString('base64') === encoded;
  return valid ? createSecretKey(key) : null;
}

/** Where GitLab puts the id of a project. */
const PROJECT_IDS: NumberPlaces = new Map([
  ['project', 'id'],
  ['project_id', null],
  ['object_attributes', 'project_id'],
]);
/** Stands for an id that no forge would write so: no project has it, and none of its secrets was ever given to a hook. */
const UNNAMEABLE = 0;

/** Different project ids that the body claims; of a key that is there twice both. */
async function claimedProjects(raw: Buffer): Promise<number[]> {
  const scan = new JsonScan(raw, BODY_BOUNDS, PROJECT_IDS);
  await inPieces(raw.length, (_, to) => {
    scan.run(to);
    return scan.broken === null;
  });
  // Nothing that the worker would parse.
  if (scan.broken !== null || !isUtf8(raw) || raw.includes(0)) return [];
  const claims = [...scan.numbers].map((number) =>
    Number.isNaN(number) ? UNNAMEABLE : id(number),
  );
  return [...new Set(claims.filter((claim) => claim !== null))];
}

/** Constant time whatever the lengths: both sides are hashed first. */
function equalSecrets(given: string, expected: string): boolean {
  const digest = (value: string): Buffer => createHash('sha256').update(value).digest();
  return timingSafeEqual(digest(given), digest(expected));
}
