/** The GitLab driver of the Forge interface. */
import { systemClock } from '../clock.ts';
import type { Clock } from '../clock.ts';
import type { Forge, Webhooks } from '../forge.ts';
import { createHostLimiter } from '../limiter.ts';
import type { HostLimiter } from '../limiter.ts';
import { createGitLabChecks } from './checks.ts';
import { createGitLabCi } from './ci.ts';
import { createGitLabDeploy } from './deploy.ts';
import { createGitLabGate } from './gate.ts';
import { createGitLabPoll } from './poll.ts';
import { createGitLabRead } from './read.ts';
import { createGitLabRequester } from './requester.ts';
import type { ForgeCall, ForgeLog } from './requester.ts';
import { createResources } from './resources.ts';
import { createGitLabReview } from './review.ts';
import { createGitLabSetup } from './setup.ts';
import { createGitLabTracker } from './tracker.ts';
import { createGitLabWrite } from './write.ts';

/** Longest single try of a request; a big commit or lint takes GitLab several seconds. */
const DEFAULT_TIMEOUT_MS = 20_000;

export interface GitLabForgeOptions {
  /** Base URL of the instance, a relative root included, e.g. `https://gitlab.example.com`. */
  url: string;
  /** Personal, project or group access token with scope `api`. */
  token: string;
  webhooks: Webhooks;
  fetch?: typeof fetch;
  userAgent?: string;
  /** Milliseconds of one try. */
  timeoutMs?: number;
  clock?: Clock;
  /** Numbers in [0, 1) for the jitter. */
  random?: () => number;
  /** Share it between drivers of one host; by default this forge has its own. */
  limiter?: HostLimiter;
  log?: ForgeLog;
  /** Called once per HTTP request sent, retries included. */
  onCall?: (call: ForgeCall) => void;
  /** Called right before a write is sent; what it throws is thrown in place of the write. */
  beforeWrite?: () => Promise<void>;
}

/**
 * A forge on GitLab 17.0 or later. Sends nothing until a method is called. Data is keyed by numeric
 * project id and iid; only `read.project` takes a path. Failures are `ForgeError`s (errors.ts).
 */
export function createGitLabForge(options: GitLabForgeOptions): Forge {
  const clock = options.clock ?? systemClock;
  const requesterFn = createGitLabRequester({
    token: options.token,
    userAgent: options.userAgent ?? 'autodev',
    fetch: options.fetch ?? fetch,
    timeoutMs: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    clock,
    random: options.random ?? Math.random,
    limiter: options.limiter ?? createHostLimiter(clock),
    log: options.log,
    onCall: options.onCall,
    beforeWrite: options.beforeWrite,
  });
  const api = createResources({ url: options.url, token: options.token, requesterFn });
  return {
    name: 'gitlab',
    webhooks: options.webhooks,
    read: createGitLabRead(api),
    poll: createGitLabPoll(api),
    write: createGitLabWrite(api),
    ci: createGitLabCi(api),
    checks: createGitLabChecks(api),
    gate: createGitLabGate(api),
    review: createGitLabReview(api),
    tracker: createGitLabTracker(api),
    deploy: createGitLabDeploy(api),
    setup: createGitLabSetup(api),
  };
}
