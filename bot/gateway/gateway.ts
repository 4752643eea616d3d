/**
 * The proxy through which every model call goes: it knows the attempt by its token, keeps the
 * provider keys, the model list and the budget, and passes streams through untouched (DESIGN §4.9).
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createAuthorizer, presentedToken } from './authorize.ts';
import { CoolDowns } from './cool-downs.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import { meteredCall } from './metered-call.ts';
import type { CallDeps } from './paid-call.ts';
import { prepareRequest } from './prepare-request.ts';
import type { PreparedRequest } from './prepare-request.ts';
import { KEY_VARIABLES, priceOf } from './pricing.ts';
import type { Provider } from './pricing.ts';
import { readBody, type BodyFault } from './read-body.ts';
import { ATTEMPT_OVER, sendRefusal } from './refuse.ts';
import { Settlements, within } from './settlements.ts';
import type { Api, GatewayDeps, Grant, ProviderAccess, Refusal } from './types.ts';
import type { ModelPrice } from '../../schema/wire/prices.ts';

/** Works under node:http and, mounted below a path, under express. */
export type GatewayHandler = (req: IncomingMessage, res: ServerResponse) => void;

export interface Gateway {
  handle: GatewayHandler;
  /**
   * Waits for calls under way, whose connections should be closed by now, and settles what is left; at most
   * twice `closeMs`. The ledger must stay open until then.
   */
  close(): Promise<void>;
}

type Route = { provider: Provider; api: Api } | { provider: Provider; api: 'models' };

const ROUTES: Record<string, Route> = {
  'POST /openai/v1/responses': { provider: 'openai', api: 'responses' },
  'POST /openai/v1/chat/completions': { provider: 'openai', api: 'chat' },
  'GET /openai/v1/models': { provider: 'openai', api: 'models' },
  'POST /anthropic/v1/messages': { provider: 'anthropic', api: 'messages' },
};

const NO_ROUTE: Refusal = {
  status: 404,
  code: 'no_such_route',
  message: 'The gateway has no such route.',
  fix: `Use one of: ${Object.keys(ROUTES).join(', ')}, below the gateway's address.`,
};
const UNAVAILABLE: Refusal = {
  status: 503,
  code: 'gateway_unavailable',
  message: 'The gateway cannot check this call at the moment.',
  fix: 'Try again in a moment.',
};
const TOO_MANY: Refusal = {
  status: 429,
  code: 'too_many_calls',
  message: 'This attempt has as many model calls under way as it may have.',
  fix: 'Wait until one of them has ended.',
};

/** What a call needs beyond its request, or why it is not made. */
function admit(
  deps: CallDeps,
  provider: Provider,
  grant: Grant,
  model: string,
): { ok: true; access: ProviderAccess; price: ModelPrice } | { ok: false; refusal: Refusal } {
  const refuse = (code: string, message: string, fix: string) => {
    return { ok: false as const, refusal: { status: 403, code, message, fix } };
  };
  const name = model.slice(0, 200);
  const allowed = grant.models.filter((route) => route.provider === provider);
  if (!allowed.some((route) => route.model === model)) {
    const list = allowed.map((route) => route.model).join(', ') || `none of ${provider}`;
    const fix = `Use a model of this task (${list}), or add it to the agent's models.`;
    return refuse('model_not_allowed', `The model ${name} is not one of this task's.`, fix);
  }
  const price = priceOf(deps.prices, provider, model);
  if (price === null) {
    const message = `The model ${name} has no price, so the budget could not be kept.`;
    const fix = `Add it to prices.${provider} in config/settings.yaml and restart the bot.`;
    return refuse('model_not_priced', message, fix);
  }
  const access = deps.providers[provider];
  if (access === null) {
    const message = `No key for the provider ${provider} is configured.`;
    const fix = `Set ${KEY_VARIABLES[provider]} where the bot runs and restart it.`;
    return refuse('provider_not_configured', message, fix);
  }
  return { ok: true, access, price };
}

/** The models this attempt may use, in the form of OpenAI's list; no provider is asked. */
function sendModels(res: ServerResponse, provider: Provider, grant: Grant): void {
  const data = grant.models
    .filter((route) => route.provider === provider)
    .map(({ model }) => ({ id: model, object: 'model', created: 0, owned_by: provider }));
  res.writeHead(200, { 'content-type': 'application/json' });
  res.end(JSON.stringify({ object: 'list', data }));
}

async function readRequest(
  deps: CallDeps,
  api: Api,
  req: IncomingMessage,
): Promise<{ ok: true; request: PreparedRequest } | { ok: false; refusal: Refusal | null }> {
  const body = await readBody(req, deps.limits);
  if (body.ok) return prepareRequest(api, body.bytes, deps.limits);
  return { ok: false, refusal: refusalOf(body.fault, deps.limits.bodyBytes) };
}

/** Null: nobody waits for an answer any more. */
function refusalOf(fault: BodyFault, limit: number): Refusal | null {
  switch (fault) {
    case 'too_large':
      return {
        status: 413,
        code: 'request_too_large',
        message: `The request is larger than ${Math.floor(limit / 1024 / 1024)} MB.`,
        fix: 'Send less: shorten tool results, or start the conversation anew.',
      };
    case 'too_slow':
      return {
        status: 408,
        code: 'request_too_slow',
        message: 'The request body did not arrive in time.',
        fix: 'Send the request again.',
      };
    case 'encoded':
      return {
        status: 415,
        code: 'encoding_not_supported',
        message: 'The request body is compressed.',
        fix: 'Send it without a content-encoding.',
      };
    case 'gone':
      return null;
  }
}

/**
 * Makes the handler. Mount it where nothing has read the request body before it, e.g.
 * `app.use('/gateway', gateway.handle)` ahead of any body parser. Every error is answered in the shape of
 * the API that was called (`error.code`, `error.message`, `error.fix`).
 */
export function createGateway(options: GatewayDeps): Gateway {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const deps: CallDeps = {
    ...options,
    limits,
    coolDowns: new CoolDowns(options.coolDowns, options.now, limits),
    settlements: new Settlements(options.ledger, limits, options.log),
  };
  const authorize = createAuthorizer(deps.ledger, {
    now: deps.now,
    cacheMs: limits.grantCacheMs,
    cacheEntries: limits.grantCacheEntries,
  });
  const underWay = new Map<number, number>();

  async function call(
    route: { provider: Provider; api: Api },
    grant: Grant,
    beta: boolean,
    req: IncomingMessage,
    res: ServerResponse,
  ): Promise<void> {
    const { provider, api } = route;
    const read = await readRequest(deps, api, req);
    if (!read.ok) {
      if (read.refusal !== null) sendRefusal(res, provider, read.refusal);
      return;
    }
    const admitted = admit(deps, provider, grant, read.request.model);
    if (!admitted.ok) return sendRefusal(res, provider, admitted.refusal);
    const { access, price } = admitted;
    const { headers } = req;
    const { request } = read;
    await meteredCall({ api, provider, grant, request, access, price, headers, beta }, deps, res);
  }

  async function handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const url = new URL(req.url ?? '/', 'http://gateway.invalid');
    const key = `${req.method ?? ''} ${url.pathname}`;
    const route = Object.hasOwn(ROUTES, key) ? ROUTES[key] : undefined;
    const provider =
      route?.provider ?? (url.pathname.startsWith('/anthropic/') ? 'anthropic' : 'openai');
    const token = presentedToken(req.headers);
    deps.coolDowns.lookAhead();
    const grant = token === null ? null : await authorize(token);
    if (grant === null) return sendRefusal(res, provider, ATTEMPT_OVER);
    if (route === undefined) return sendRefusal(res, provider, NO_ROUTE);
    if (route.api === 'models') return sendModels(res, provider, grant);
    const { attemptId } = grant;
    const count = underWay.get(attemptId) ?? 0;
    if (count >= limits.callsPerAttempt) return sendRefusal(res, provider, TOO_MANY);
    if (deps.settlements.full) return sendRefusal(res, provider, UNAVAILABLE);
    underWay.set(attemptId, count + 1);
    try {
      const beta = url.searchParams.get('beta') === 'true';
      await call({ provider, api: route.api }, grant, beta, req, res);
    } finally {
      const left = (underWay.get(attemptId) ?? 1) - 1;
      if (left > 0) underWay.set(attemptId, left);
      else underWay.delete(attemptId);
    }
  }

  return keepingTrack(handle, deps);
}

/** Makes what is answered to the world out of `handle`, and knows what is under way until the end. */
function keepingTrack(
  handle: (req: IncomingMessage, res: ServerResponse) => Promise<void>,
  deps: CallDeps,
): Gateway {
  const calls = new Set<Promise<void>>();
  return {
    handle: (req, res) => {
      // A client that leaves makes writing fail; that is settled where the answer is relayed.
      res.on('error', () => undefined);
      const call = handle(req, res).catch((error: unknown) => {
        deps.log.error({ message: (error as Error).message }, 'the gateway failed');
        const provider = (req.url ?? '').startsWith('/anthropic/') ? 'anthropic' : 'openai';
        sendRefusal(res, provider, UNAVAILABLE);
      });
      calls.add(call);
      void call.finally(() => calls.delete(call));
    },
    close: async () => {
      await within(deps.limits.closeMs, Promise.all(calls));
      await deps.settlements.close();
    },
  };
}
