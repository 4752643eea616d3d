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
import { Buffer } from 'node:buffer';
import {
  createHash,
  createHmac,
  createSecretKey,
  timingSafeEqual,
  type KeyObject,
} from 'node:crypto';
import type { Headers, Verified, Webhooks } from '../forge.ts';
import { at, contentKey, id, parseJsonBody, shortName, singleHeader } from '../payload.ts';
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
 * another project, or two, finds no matching derived secret. The body is parsed once, here, and only
 * when a secret depends on it; nothing else in this module needs it parsed.
 *
 * A body that is no JSON names no project, so only the root secret can prove it. It is accepted then
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
    // oxlint-disable-next-line require-await -- the contract is asynchronous, this check is not
    verify: async (headers, raw, now) => {
      const projects = lazily(() => claimedProjects(raw));
      const proved =
        headers['webhook-signature'] === undefined
          ? checkToken(options, headers, projects)
          : checkSignature(options, keys, headers, raw, now, projects);
      if (proved.reason !== null) return { ok: false, reason: proved.reason };
      return {
        ok: true,
        dedupeKey: proved.webhookId === null ? `body:${contentKey(raw)}` : `id:${proved.webhookId}`,
        eventName: shortName(headers['x-gitlab-event']) || 'unnamed',
      } satisfies Verified;
    },
    normalise: normaliseGitLab,
  };
}

type Proof = { reason: string; webhookId?: null } | { reason: null; webhookId: string | null };

function checkToken(
  options: GitLabWebhookOptions,
  headers: Headers,
  projects: () => readonly number[],
): Proof {
  const token = singleHeader(headers['x-gitlab-token'], MAX_HEADER_LENGTH);
  if (token === null) return { reason: 'X-Gitlab-Token and webhook-signature are missing' };
  if (options.requireSigning) return { reason: 'this bot accepts signed deliveries only' };
  const isRoot = equalSecrets(token, options.secret);
  const claimed = projects();
  const own = claimed.length === 1 ? claimed[0] : undefined;
  if (!isRoot) {
    if (own === undefined || !equalSecrets(token, projectHookToken(options.secret, own))) {
      return { reason: 'X-Gitlab-Token is wrong for this project' };
    }
  }
  if (claimed.some((project) => options.signingProjects(project))) {
    return { reason: 'the hook of this project signs, but the signature is missing' };
  }
  return { reason: null, webhookId: null };
}

function checkSignature(
  options: GitLabWebhookOptions,
  signing: SigningKeys,
  headers: Headers,
  raw: Buffer,
  now: Date,
  projects: () => readonly number[],
): Proof {
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

  const matches = (key: KeyObject): boolean => {
    const content = createHmac('sha256', key).update(`${webhookId}.${timestamp}.`);
    const expected = content.update(raw).digest();
    return signatures.some((given) => timingSafeEqual(given, expected));
  };
  const [first, ...others] = projects();
  const project = others.length === 0 ? first : undefined;
  const own = project === undefined ? null : signing.of(project);
  if (own !== null && matches(own)) signing.proved(project as number, own);
  else if (signing.root === null || !matches(signing.root)) {
    return { reason: 'webhook-signature is wrong for this project' };
  }
  if (project !== undefined) options.sawSigned?.(project);
  return { reason: null, webhookId };
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

/** Different project ids that the body claims, in the places where GitLab puts one. */
function claimedProjects(raw: Buffer): number[] {
  const body = parseJsonBody(raw);
  if (!body.ok) return [];
  const claims = [
    id(at(body.value, 'project', 'id')),
    id(at(body.value, 'project_id')),
    id(at(body.value, 'object_attributes', 'project_id')),
  ];
  return [...new Set(claims.filter((claim) => claim !== null))];
}

/** Constant time whatever the lengths: both sides are hashed first. */
function equalSecrets(given: string, expected: string): boolean {
  const digest = (value: string): Buffer => createHash('sha256').update(value).digest();
  return timingSafeEqual(digest(given), digest(expected));
}

function lazily<T>(make: () => T): () => T {
  let made: { value: T } | null = null;
  return () => (made ??= { value: make() }).value;
}
