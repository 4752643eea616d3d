/**
 * One delivery from claim to settled: normalise, snapshot, decide, commit. Whatever goes wrong, the
 * delivery ends done, ignored, waiting for its next try, or parked with the reason: never lost.
 */
import type { JobResult } from '../../schema/wire/result.ts';
import { decide } from '../decide/decide.ts';
import { interestOf } from '../decide/interest.ts';
import type { Event } from '../domain/events.ts';
import { ForgeError } from '../forge/errors.ts';
import { parseJsonBody } from '../forge/payload.ts';
import { attemptById } from '../store/attempts.ts';
import {
  claimDelivery,
  renewDelivery,
  retryDelivery,
  settleDelivery,
} from '../store/deliveries.ts';
import { newLeaseOwner } from '../store/leases.ts';
import type { OwnEvent } from '../store/own-events.ts';
import { commitDecision } from './commit-decision.ts';
import { commitHold } from './commit-kept.ts';
import { DecisionConflict, type ClaimedDelivery } from './decision-context.ts';
import type { WorkerDeps } from './deps.ts';
import { LEASE_SECONDS, whileLeased } from './lease.ts';
import { mayPass, takeOrEnd } from './unreachable.ts';

/** Decisions that lost a race are taken again on a fresh snapshot, this often at once. */
const CONFLICT_TRIES = 5;
/** Tries of one delivery over time; with the longest wait below that is about half an hour. */
const MAX_TRIES = 20;
const MAX_DELAY_SECONDS = 120;

/** Handles one delivery if it is due and free; safe to call twice and from many processes. */
export async function handleDelivery(id: string, deps: WorkerDeps): Promise<void> {
  const owner = newLeaseOwner();
  const since = performance.now();
  const delivery = await claimDelivery(deps.db, id, owner, LEASE_SECONDS);
  if (!delivery) return;
  await whileLeased(
    since,
    () => renewDelivery(deps.db, id, owner, LEASE_SECONDS),
    () => handleClaimed({ ...delivery, owner }, deps),
  );
}

async function handleClaimed(delivery: ClaimedDelivery, deps: WorkerDeps): Promise<void> {
  const { id } = delivery;
  await deps.failpoint('delivery.claimed');
  const log = deps.log.child({ delivery: id, event: delivery.eventName });
  try {
    const outcome = await process(delivery, deps);
    if (outcome !== null) log.info({ outcome }, 'delivery handled');
  } catch (error) {
    await postpone(delivery, error, deps);
    log.warn({ error: String(error), tries: delivery.attempts }, 'delivery not handled yet');
  }
}

/** What became of it in one line; null when another process had settled it. */
async function process(delivery: ClaimedDelivery, deps: WorkerDeps): Promise<string | null> {
  const event = await readEvent(delivery, deps);
  if ('unreadable' in event) {
    await settle(delivery, 'ignored', event.unreadable, deps);
    return `ignored: ${event.unreadable}`;
  }
  const interest = interestOf(event);
  for (let attempt = 1; ; attempt += 1) {
    const taken = await takeOrEnd(interest, delivery.attempts, deps);
    if ('ignore' in taken) {
      await settle(delivery, 'ignored', taken.ignore, deps);
      return `ignored: ${taken.ignore}`;
    }
    const decision = decide(event, taken.snapshot);
    if (decision.ignored !== null && decision.held === undefined) {
      await settle(delivery, 'ignored', decision.ignored, deps);
      return `ignored: ${decision.ignored}`;
    }
    await deps.failpoint('decision.made');
    try {
      const context = { delivery, event, ...taken };
      if (decision.held === undefined) await commitDecision(decision, context, deps);
      else await commitHold(decision.held, decision, context, deps);
      return decision.reasons.join('; ');
    } catch (error) {
      if (!(error instanceof DecisionConflict) || attempt >= CONFLICT_TRIES) throw error;
    }
  }
}

/** The event of a delivery: a forge's payload normalised, or one of the bot's own with its result. */
async function readEvent(
  delivery: ClaimedDelivery,
  deps: WorkerDeps,
): Promise<Event | { unreadable: string }> {
  switch (delivery.source) {
    case 'gitlab': {
      const body = parseJsonBody(Buffer.from(delivery.body));
      return deps.forge.webhooks.normalise(delivery.headers, body.ok ? body.value : undefined);
    }
    case 'github':
      return { unreadable: 'events of GitHub are stored, but not acted on yet' };
    case 'autodev':
      return ownEvent(JSON.parse(delivery.body) as OwnEvent, deps);
  }
}

async function ownEvent(
  event: OwnEvent,
  deps: WorkerDeps,
): Promise<Event | { unreadable: string }> {
  if (event.kind === 'polled') return event.event;
  if (event.kind !== 'job_result') return event;
  const attempt = await attemptById(deps.db, event.attemptId);
  if (!attempt?.result) return { unreadable: 'the attempt has no result' };
  return { ...event, result: attempt.result as JobResult };
}

async function settle(
  delivery: ClaimedDelivery,
  state: 'ignored' | 'parked',
  reason: string,
  deps: WorkerDeps,
): Promise<void> {
  await settleDelivery(deps.db, delivery.id, delivery.owner, {
    state,
    reason: reason.slice(0, 1000),
  });
}

/** Waits longer each time, or as long as the forge asks; gives up visibly, never silently. */
async function postpone(
  delivery: ClaimedDelivery,
  error: unknown,
  deps: WorkerDeps,
): Promise<void> {
  const reason = error instanceof Error ? error.message : String(error);
  if (!mayPass(error, delivery.attempts) || delivery.attempts >= MAX_TRIES) {
    await settle(delivery, 'parked', reason, deps);
    return;
  }
  const asked = error instanceof ForgeError ? (error.retryAfterMs ?? 0) / 1000 : 0;
  const delaySeconds = Math.min(
    Math.max(2 ** Math.min(delivery.attempts, 7), asked),
    Math.max(MAX_DELAY_SECONDS, asked),
  );
  await retryDelivery(deps.db, delivery.id, delivery.owner, {
    delaySeconds,
    reason: reason.slice(0, 1000),
  });
}
