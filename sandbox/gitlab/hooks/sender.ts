/**
 * Sends webhooks after the answer, like GitLab's Sidekiq: one try, 10 s, never a retry; four
 * failures in a row disable a hook for a while (gitlab-facts §1.1–1.5).
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import type { Background } from '../background.ts';
import type { IdKind } from '../state/state.ts';
import type { Hook, HookEventSwitch, HookLog } from '../state/hook-types.ts';
import type { Project } from '../state/types.ts';
import type { HookWeather } from '../rest/weather.ts';
import { signature } from './sign.ts';

/** A hook already in this many hooks' chain is blocked (`COUNT_LIMIT`). */
const CHAIN_LIMIT = 100;
/** Chains and log rows that are remembered; older ones are forgotten. */
const MAX_CHAINS = 10_000;
const MAX_LOGS = 1000;
/** Bytes of a receiver's answer that are kept. */
const KEPT_RESPONSE = 8 * 1024;
/** GitLab's `REQUEST_BODY_SIZE_LIMIT`. */
const MAX_PAYLOAD = 25 * 1024 * 1024;
const FAILURES_BEFORE_BACKOFF = 3;
const FAILURES_BEFORE_DISABLED = 39;
const MAX_BACKOFF_MINUTES = 24 * 60;

export interface HookMessage {
  /** Which switch of the hook lets it through. */
  event: HookEventSwitch;
  /** `X-Gitlab-Event`, e.g. `Issue Hook`. */
  header: string;
  body: unknown;
}

export interface HookSender {
  /** Sends to every hook of the project that listens. */
  fire(project: Project, message: HookMessage): void;
  /** Sends to one hook at once, whatever its switches (test and resend). */
  send(hook: Hook, message: HookMessage, idempotencyKey?: string): Promise<HookLog>;
  /** `executable`, `temporarily_disabled` or `disabled`. */
  alertStatus(hook: Hook): 'executable' | 'temporarily_disabled' | 'disabled';
  /** Runs `work` as caused by a request with this `X-Gitlab-Event-UUID` header. */
  caused<T>(eventUuid: string | undefined, work: () => T): T;
}

export interface HookSenderOptions {
  url: string;
  version: string;
  timeoutMs: number;
  autoDisable: boolean;
  clock: () => Date;
  background: Background;
  weather: HookWeather;
  nextId(kind: IdKind): number;
}

export function createHookSender(options: HookSenderOptions): HookSender {
  const { background, weather, clock } = options;
  const cause = new AsyncLocalStorage<string | undefined>();
  /** Event UUID → hooks it already reached. */
  const chains = new Map<string, Set<number>>();
  /** One delivery at a time per hook keeps the order, unless the weather changes it. */
  const queues = new Map<number, Promise<void>>();

  const deliver = async (
    hook: Hook,
    message: HookMessage,
    key: string,
    eventUuid: string,
  ): Promise<HookLog> => {
    const raw = JSON.stringify(message.body);
    const headers = headersOf(options, hook, message, { raw, key, eventUuid });
    const started = performance.now();
    const answer = await post(hook.url, headers, raw, options.timeoutMs);
    const log: HookLog = {
      ...{ id: options.nextId('hookLog'), trigger: message.event, url: hook.url },
      ...{ requestHeaders: headers, requestData: message.body, ...answer },
      executionDuration: (performance.now() - started) / 1000,
      createdAt: clock().toISOString(),
    };
    hook.logs.push(log);
    if (hook.logs.length > MAX_LOGS) hook.logs.shift();
    // Redirects count as success too (`response_category`).
    settle(options, hook, /^[23]\d\d$/.test(answer.responseStatus));
    return log;
  };

  /** The UUID of the delivery, or null when the hook is in the chain that caused this already. */
  const joinChain = (hook: Hook): string | null => {
    const uuid = cause.getStore() ?? randomUUID();
    const chain = chains.get(uuid) ?? new Set<number>();
    if (chain.has(hook.id) || chain.size >= CHAIN_LIMIT) return null;
    remember(chains, uuid, chain.add(hook.id));
    return uuid;
  };

  const enqueue = (hook: Hook, work: () => Promise<unknown>): Promise<void> => {
    const turn = (queues.get(hook.id) ?? Promise.resolve()).then(async () => {
      if (alertStatusOf(options, hook) === 'executable') await work();
    });
    queues.set(
      hook.id,
      turn.catch(() => undefined),
    );
    return turn;
  };

  return {
    alertStatus: (hook) => alertStatusOf(options, hook),
    send: (hook, message, key = randomUUID()) => deliver(hook, message, key, randomUUID()),
    caused: (eventUuid, work) => cause.run(eventUuid, work),
    fire(project, message) {
      for (const hook of project.hooks.filter((one) => one.events[message.event])) {
        const uuid = joinChain(hook);
        if (uuid === null) continue;
        const plan = weather.forHook(hook.id, message.header);
        const go = (copy: number): void =>
          background.run(`hook ${message.header}`, async () => {
            await plan.wait(copy);
            await enqueue(hook, () => deliver(hook, message, plan.key, uuid));
          });
        for (let copy = 0; copy < plan.copies; copy += 1) plan.start(() => go(copy));
      }
    },
  };
}

function remember(chains: Map<string, Set<number>>, uuid: string, chain: Set<number>): void {
  chains.set(uuid, chain);
  const [oldest] = chains.keys();
  if (chains.size > MAX_CHAINS && oldest !== undefined) chains.delete(oldest);
}

function alertStatusOf({ autoDisable, clock }: HookSenderOptions, hook: Hook) {
  if (!autoDisable) return 'executable';
  if (hook.recentFailures > FAILURES_BEFORE_DISABLED) return 'disabled';
  const until = hook.disabledUntil;
  return until && Date.parse(until) > clock().getTime() ? 'temporarily_disabled' : 'executable';
}

/** Any success forgives; the fourth failure in a row begins a doubling pause. */
function settle({ autoDisable, clock }: HookSenderOptions, hook: Hook, good: boolean): void {
  hook.recentFailures = good ? 0 : hook.recentFailures + 1;
  hook.disabledUntil = null;
  const over = hook.recentFailures - FAILURES_BEFORE_BACKOFF;
  if (!autoDisable || over <= 0) return;
  const minutes = Math.min(2 ** (over - 1), MAX_BACKOFF_MINUTES);
  hook.disabledUntil = new Date(clock().getTime() + minutes * 60_000).toISOString();
}

/** Headers of one delivery; custom ones cannot replace GitLab's own. */
function headersOf(
  { version, url, clock }: HookSenderOptions,
  hook: Hook,
  message: HookMessage,
  { raw, key, eventUuid }: { raw: string; key: string; eventUuid: string },
): Record<string, string> {
  return {
    ...Object.fromEntries(hook.customHeaders.map((custom) => [custom.key, custom.value])),
    'Content-Type': 'application/json',
    'User-Agent': `GitLab/${version}`,
    'X-Gitlab-Event': message.header,
    'X-Gitlab-Instance': url,
    'X-Gitlab-Webhook-UUID': randomUUID(),
    'X-Gitlab-Event-UUID': eventUuid,
    'Idempotency-Key': key,
    ...(hook.token ? { 'X-Gitlab-Token': hook.token.replace(/[\r\n]/g, '') } : {}),
    ...(hook.signingToken ? signature(hook.signingToken, key, clock(), raw) : {}),
  };
}

async function post(
  url: string,
  headers: Record<string, string>,
  body: string,
  timeoutMs: number,
): Promise<Pick<HookLog, 'responseStatus' | 'responseHeaders' | 'responseBody'>> {
  const failed = (why: string) => ({
    responseStatus: 'internal error',
    responseHeaders: {},
    responseBody: why,
  });
  if (Buffer.byteLength(body) > MAX_PAYLOAD) return failed('payload too large');
  try {
    const response = await fetch(url, {
      method: 'POST',
      // Each of GitLab's hooks has a connection of its own: Ruby's Net::HTTP, unless started before, asks for its end.
      headers: { ...headers, Connection: 'close' },
      body,
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    });
    return {
      responseStatus: String(response.status),
      responseHeaders: Object.fromEntries(response.headers),
      responseBody: (await response.text()).slice(0, KEPT_RESPONSE),
    };
  } catch (error) {
    const { cause } = error as Error;
    return failed(String(cause instanceof Error ? cause : error));
  }
}
