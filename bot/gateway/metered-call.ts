/** One paid call: hold the money, call the provider, pass the answer on, settle. */
import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { BudgetLevel } from '../domain/budgets.ts';
import type { Reservation } from '../store/budgets.ts';
import { exchange, noteCooled, NOTHING_CAME, routeOf, tellEnd, type CallEnd } from './exchange.ts';
import { BYTES_PER_TOKEN } from './limits.ts';
import type { CallDeps, PaidCall } from './paid-call.ts';
import { costAt, worstCaseMicrousd } from './pricing.ts';
import { ATTEMPT_OVER, coolingRefusal, sendRefusal } from './refuse.ts';
import type { Refusal } from './types.ts';

type Full = Extract<Reservation, { spentMicrousd: number }>;

const dollars = (microusd: number): string => `$${(microusd / 1e6).toFixed(2)}`;

const LEVELS: Readonly<Record<BudgetLevel, string>> = {
  task: 'this task',
  run: 'this run',
  repo_day: 'this repository for today',
  installation_day: 'this installation for today',
};

/** 403 also where another day helps: after a 429 the client would only ask again and again. */
function overBudget(held: Full, needMicrousd: number): Refusal {
  const { level, capMicrousd, spentMicrousd, opensAt } = held;
  return {
    status: 403,
    code: 'budget_exceeded',
    message:
      `The budget of ${LEVELS[level]} is ${dollars(capMicrousd)}; ${dollars(spentMicrousd)} are ` +
      `spent, and this call may cost up to ${dollars(needMicrousd)}.`,
    fix:
      opensAt === null
        ? 'End the task with what is done; a maintainer can raise the budget and continue it.'
        : `End the task with what is done; the budget opens again at ${opensAt}.`,
  };
}

/** Writes down what a call used and cost. */
async function settleCall(
  call: PaidCall,
  deps: CallDeps,
  callId: string,
  end: Pick<CallEnd, 'reading' | 'status'>,
): Promise<void> {
  const { grant, provider, request, price } = call;
  const { usage, outcome } = end.reading;
  const spent = costAt(price, usage);
  const { attemptId } = grant;
  const { model } = request;
  const fields = { attemptId, provider, model, status: end.status, outcome, ...usage };
  deps.log.info({ ...fields, costMicrousd: spent }, 'model call');
  await deps.settlements.settle({
    ...{ callId, attemptId, provider, model, outcome },
    inputTokens: usage.inputTokens,
    cachedInputTokens: usage.cachedInputTokens,
    outputTokens: usage.outputTokens,
    costMicrousd: spent,
  });
}

/** Whether the model may be called now; a call that may not is answered. */
async function admitted(
  call: PaidCall,
  deps: CallDeps,
  res: ServerResponse,
): Promise<{ probe: boolean } | null> {
  const left = new AbortController();
  const onClose = (): void => left.abort();
  res.once('close', onClose);
  const admission = await deps.coolDowns.admit(routeOf(call), left.signal);
  res.off('close', onClose);
  if (admission.ok) return admission;
  const { coolDown, until } = admission;
  await noteCooled(call, deps, { ...coolDown, until });
  sendRefusal(res, call.provider, coolingRefusal(coolDown, until));
  return null;
}

/** Runs one call to its end; the reservation is settled once, whatever happens. */
export async function meteredCall(
  call: PaidCall,
  deps: CallDeps,
  res: ServerResponse,
): Promise<void> {
  const { grant, provider, request, price } = call;
  const inputTokens = Math.ceil(Buffer.byteLength(request.body) / BYTES_PER_TOKEN);
  const reserved = worstCaseMicrousd(price, inputTokens, request.maxOutputTokens);
  const admission = await admitted(call, deps, res);
  if (admission === null) return;
  let end: CallEnd = { ...NOTHING_CAME, finish: () => void res.destroy() };
  const callId = randomUUID();
  const wanted = { callId, provider, model: request.model, microusd: reserved };
  const held = await deps.ledger.reserve(grant, wanted).catch(async (error: unknown) => {
    // Nobody knows whether it was held before the connection broke.
    void deps.settlements.giveBack({ callId, attemptId: grant.attemptId });
    await tellEnd(call, deps, admission.probe, 'nothing');
    throw error;
  });
  if (!held.ok) {
    await tellEnd(call, deps, admission.probe, 'nothing');
    const refusal = held.level === 'over' ? ATTEMPT_OVER : overBudget(held, reserved);
    sendRefusal(res, provider, refusal);
    return;
  }
  try {
    end = await exchange(call, deps, res, admission.probe);
  } catch (error) {
    const message = (error as Error).message;
    deps.log.error({ attemptId: grant.attemptId, provider, message }, 'a model call failed');
  } finally {
    await settleCall(call, deps, callId, end);
    end.finish();
  }
}
