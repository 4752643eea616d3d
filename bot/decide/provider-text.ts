/** Purpose: what is said about providers that are limited or down, and who did the work instead. */
import type { ModelRoute } from '../../schema/wire/job-api.ts';
import { coolingNow, saidOf, type CoolDown, type ProviderName } from '../domain/cool-downs.ts';
import { utc, utcTime } from './format.ts';

export const PROVIDER_NAMES: Readonly<Record<ProviderName, string>> = {
  openai: 'OpenAI',
  anthropic: 'Anthropic',
};

/** `OpenAI answered 429 until 14:20 UTC`. */
export function coolText(
  provider: ProviderName,
  cooled: Pick<CoolDown, 'reason' | 'status' | 'until'>,
  now: Date,
): string {
  const sameDay = cooled.until.toISOString().slice(0, 10) === now.toISOString().slice(0, 10);
  const until = sameDay ? utcTime(cooled.until) : utc(cooled.until);
  return `${PROVIDER_NAMES[provider]} ${saidOf(cooled)} until ${until}`;
}

/** Why none of these models can be asked, one part per provider; null when one can be. */
export function outageText(
  routes: readonly ModelRoute[],
  coolDowns: readonly CoolDown[],
  now: Date,
): string | null {
  const met = routes.map((route) => coolingNow(route, coolDowns, now));
  if (met.includes(null)) return null;
  const parts = new Map<ProviderName, string>();
  for (const cool of met) {
    if (cool !== null && !parts.has(cool.provider)) {
      parts.set(cool.provider, coolText(cool.provider, cool, now));
    }
  }
  return `${[...parts.values()].join('; ')}.`;
}
