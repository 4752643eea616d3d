/** Bad weather on demand: what a network and a busy GitLab do to calls and to hooks. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

export interface CallMatch {
  /** Upper case, e.g. `POST`; absent: every method. */
  method?: string;
  /** Tested against the path and query after `/api/v4`, percent-encoding kept. */
  path?: RegExp;
  /** Only calls with this access token. */
  token?: string;
  /** Asked last, about calls that match otherwise; e.g. by chance. */
  when?: (method: string, path: string) => boolean;
}

export type CallTrouble =
  | { kind: 'latency'; ms: number }
  /** The call is not carried out; 429 sends `Retry-After` in seconds. */
  | { kind: 'status'; status: number; retryAfter?: number; body?: unknown }
  /** The call is carried out, then the connection breaks before the answer. */
  | { kind: 'drop_reply' }
  /** The connection breaks before the call is carried out. */
  | { kind: 'drop_before' };

export type HookTrouble =
  /** Each copy comes `laterMs` (0) after the one before. */
  | { kind: 'duplicate'; copies: number; laterMs?: number }
  /** Later hooks overtake a delayed one. */
  | { kind: 'delay'; ms: number }
  /** Kept back until `release()`. */
  | { kind: 'hold' }
  | { kind: 'drop' };

interface Rule<Match, Trouble> {
  match: Match;
  trouble: Trouble;
  /** How many matching ones it hits. */
  left: number;
  /** How many matching ones it lets pass first. */
  skip: number;
}

export interface HookMatch {
  hookId?: number;
  /** Tested against `X-Gitlab-Event`. */
  event?: RegExp;
}

export interface HookPlan {
  copies: number;
  /** One key for all copies: a duplicate is the same delivery. */
  key: string;
  /** Calls `go` now, or when held hooks are released. */
  start(go: () => void): void;
  /** Resolves when the copy of this number, from 0 on, is to be sent. */
  wait(copy: number): Promise<void>;
}

export interface HookWeather {
  forHook(hookId: number, event: string): HookPlan;
}

export interface Weather extends HookWeather {
  /** Troubles the next `times` (1) matching calls after `skip` (0) others; Infinity: until `clear`. */
  calls(match: CallMatch, trouble: CallTrouble, options?: { times?: number; skip?: number }): void;
  hooks(match: HookMatch, trouble: HookTrouble, options?: { times?: number; skip?: number }): void;
  /** Lets held hooks go, the oldest first unless told otherwise. */
  release(order?: 'newest first'): void;
  /** Good weather again; held hooks go. */
  clear(): void;
  forCall(method: string, path: string, token?: string): CallTrouble[];
  /** Rules that have not hit as often as they should; a proof checks that none are left. */
  pending(): number;
}

/** Troubles of the rules that match now; counts them as used. */
function hit<M, T>(rules: readonly Rule<M, T>[], matches: (match: M) => boolean): T[] {
  const due = rules.filter((rule) => rule.left > 0 && matches(rule.match));
  return due
    .filter((rule) => {
      const wait = rule.skip > 0;
      if (wait) rule.skip -= 1;
      else rule.left -= 1;
      return !wait;
    })
    .map((rule) => rule.trouble);
}

export function createWeather(): Weather {
  let callRules: Rule<CallMatch, CallTrouble>[] = [];
  let hookRules: Rule<HookMatch, HookTrouble>[] = [];
  let held: (() => void)[] = [];

  const release = (order?: 'newest first'): void => {
    const going = order === 'newest first' ? held.toReversed() : held;
    held = [];
    for (const go of going) go();
  };

  return {
    calls(match, trouble, { times = 1, skip = 0 } = {}) {
      callRules.push({ match, trouble, left: times, skip });
    },
    hooks(match, trouble, { times = 1, skip = 0 } = {}) {
      hookRules.push({ match, trouble, left: times, skip });
    },
    release,
    clear() {
      callRules = [];
      hookRules = [];
      release();
    },
    pending: () => [...callRules, ...hookRules].filter((rule) => rule.left > 0).length,
    forCall: (method, path, token) =>
      hit(
        callRules,
        (match) =>
          (match.method ?? method) === method &&
          (match.path?.test(path) ?? true) &&
          (match.token ?? token) === token &&
          (match.when?.(method, path) ?? true),
      ),
    forHook(hookId, event) {
      const troubles = hit(
        hookRules,
        (match) => (match.hookId ?? hookId) === hookId && (match.event?.test(event) ?? true),
      );
      let copies = 1;
      let hold = false;
      let laterMs = 0;
      const waits: (() => Promise<unknown>)[] = [];
      for (const trouble of troubles) {
        if (trouble.kind === 'duplicate') ({ copies, laterMs = 0 } = trouble);
        if (trouble.kind === 'drop') copies = 0;
        if (trouble.kind === 'delay') waits.push(() => sleep(trouble.ms));
        if (trouble.kind === 'hold') hold = true;
      }
      return {
        copies,
        key: randomUUID(),
        start: (go) => {
          if (hold) held.push(go);
          else go();
        },
        wait: async (copy) => {
          for (const one of waits) await one();
          if (copy * laterMs > 0) await sleep(copy * laterMs);
        },
      };
    },
  };
}
