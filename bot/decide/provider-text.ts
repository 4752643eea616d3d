/** Purpose: what is said about providers that are limited or down, and who did the work instead. */
import type { ModelRoute } from '../../schema/wire/job-api.ts';
import { coolingNow, saidOf, type CoolDown, type ProviderName } from '../domain/cool-downs.ts';
import type { Run, Task } from '../domain/runs.ts';
import { utc, utcTime } from './format.ts';
import { roleName } from './status-rows.ts';
import { code } from './text.ts';

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

/** A model that answered a task, in the order in which they came to it. */
export interface Worker {
  taskId: number;
  provider: string;
  model: string;
}

/**
 * For the details of the status comment: the models of each stage as the gateway saw them, not as an agent
 * tells, and why one stepped in for another.
 */
export function workerLines(run: Run, workers: readonly Worker[], now: Date): string[] {
  const lines = run.tasks.flatMap((task) => {
    const did = workers.filter(({ taskId }) => taskId === task.id);
    const names = [...new Set(did.map(({ provider, model }) => `${provider}/${model}`))];
    const stage = `- ${task.stage}, ${roleName(task.agent)}`;
    const by =
      names.length === 0 ? [] : [`${stage}: ${names.map((one) => code(one)).join(', then ')}`];
    return [...by, ...fallbacks(task, did, now).map((line) => `${stage}: ${line}`)];
  });
  return [...new Set(lines)];
}

/** `OpenAI answered 429 until 14:20 UTC; Anthropic went on.`, once per provider and attempt. */
function fallbacks(task: Task, did: readonly Worker[], now: Date): string[] {
  return task.attempts.flatMap(({ cooled }) => {
    const lines = Object.entries(cooled).flatMap(([route, { reason, status, until }]) => {
      const provider = providerOf(route);
      if (provider === null) return [];
      const what = coolText(provider, { reason, status, until: new Date(until) }, now);
      const others = did.filter((one) => `${one.provider}/${one.model}` !== route);
      const other = others.at(-1);
      if (other === undefined) return [`${what}.`];
      const next = providerOf(other.provider);
      const name = next === null || next === provider ? code(other.model) : PROVIDER_NAMES[next];
      return [`${what}; ${name} went on.`];
    });
    return [...new Set(lines)];
  });
}

function providerOf(route: string): ProviderName | null {
  const name = route.split('/', 1)[0];
  return name === 'openai' || name === 'anthropic' ? name : null;
}
