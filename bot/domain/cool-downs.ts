/**
 * Cool-downs: a provider, or one of its models, that is left alone until a time because it said so or
 * because it failed. Shared by all processes of the bot (store/providers.ts).
 */
import type { EngineName, ModelRoute } from '../../schema/wire/job-api.ts';

export type ProviderName = ModelRoute['provider'];

/**
 * `rate_limit`, `overload`, `error`: 429, 503/529, other 5xx; `quota`: nothing more until a time or until
 * somebody pays; `unreachable`, `timeout`: no answer; `key`: the key is refused, which a person has to mend.
 */
export type CoolReason =
  'rate_limit' | 'overload' | 'error' | 'quota' | 'unreachable' | 'timeout' | 'key';

/** Why and until when, as it is kept with an attempt that met it. */
export interface Cooled {
  reason: CoolReason;
  /** HTTP status; null when there was no answer. */
  status: number | null;
  /** As ISO text: it is kept as JSON. */
  until: string;
}

export interface CoolDown {
  provider: ProviderName;
  /** Null: all models of the provider. */
  model: string | null;
  reason: CoolReason;
  status: number | null;
  /** Failures since the last answer. */
  strikes: number;
  since: Date;
  until: Date;
}

/** The cool-down that keeps a model from being called now: of those that hold, the one that lasts longest. */
export function coolingNow<C extends CoolDown>(
  route: ModelRoute,
  coolDowns: readonly C[],
  now: Date,
): C | null {
  const holding = coolDowns.filter(
    ({ provider, model, until }) =>
      provider === route.provider && (model === null || model === route.model) && until > now,
  );
  return holding.toSorted((a, b) => b.until.getTime() - a.until.getTime())[0] ?? null;
}

/**
 * The order in which the models of a route are tried now: as they stand, without those that cool down;
 * these come last, the one whose time is over first before the others.
 */
export function routesNow(
  routes: readonly ModelRoute[],
  coolDowns: readonly CoolDown[],
  now: Date,
): ModelRoute[] {
  const until = (route: ModelRoute): number =>
    coolingNow(route, coolDowns, now)?.until.getTime() ?? 0;
  return routes.toSorted((a, b) => until(a) - until(b));
}

/** The provider whose models a command line tool uses; our own loop uses any. */
const PROVIDER_OF: Readonly<Record<EngineName, ProviderName | null>> = {
  builtin: null,
  codex: 'openai',
  claude: 'anthropic',
};

/** Models that the engine can use come before those that another one would have to step in for. */
export function routesFor(engine: EngineName, routes: readonly ModelRoute[]): ModelRoute[] {
  const own = PROVIDER_OF[engine];
  const foreign = (route: ModelRoute): number => Number(own !== null && route.provider !== own);
  return routes.toSorted((a, b) => foreign(a) - foreign(b));
}

/** When the first model of a route can be called again; null when one can be now. */
export function opensAt(
  routes: readonly ModelRoute[],
  coolDowns: readonly CoolDown[],
  now: Date,
): Date | null {
  const times = routes.map((route) => coolingNow(route, coolDowns, now)?.until ?? null);
  if (times.includes(null)) return null;
  return times.toSorted((a, b) => (a?.getTime() ?? 0) - (b?.getTime() ?? 0))[0] ?? null;
}

/** What the provider did, as the rest of a sentence that begins with its name. */
export function saidOf({ reason, status }: Pick<CoolDown, 'reason' | 'status'>): string {
  switch (reason) {
    case 'rate_limit':
    case 'overload':
    case 'error':
      return status === null ? 'failed' : `answered ${status}`;
    case 'quota':
      return 'has no quota left';
    case 'unreachable':
      return 'could not be reached';
    case 'timeout':
      return 'did not answer in time';
    case 'key':
      return `refused the key (${status ?? 401})`;
  }
}

/** Name of a route in texts, logs and keys. */
export function routeName({ provider, model }: ModelRoute): string {
  return `${provider}/${model}`;
}
