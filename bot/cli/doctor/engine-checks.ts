/** What settings and agents ask of the job image and the runners; only `autodev-job doctor` can look at those. */
import type { Agent } from '../../../schema/wire/agent.ts';
import type { Settings } from '../../../schema/wire/settings.ts';
import { ok, warning, type Check } from './check.ts';

const THERE = '`autodev-job doctor` in a job of the runner says whether they are there';

/** The engines of other makers that agents ask for, and how far agents are kept apart. */
export function checkJobs(
  settings: Pick<Settings, 'ci' | 'engines'>,
  agents: readonly Agent[],
): Check[] {
  return [engines(settings, agents), isolation(settings)];
}

function engines(
  { ci, engines }: Pick<Settings, 'ci' | 'engines'>,
  agents: readonly Agent[],
): Check {
  const wishes = (['codex', 'claude'] as const).flatMap((name) => {
    const roles = agents.filter(({ settings }) => settings.engine === name).map(({ role }) => role);
    const { whenMissing } = engines[name];
    const without = whenMissing === 'stop' ? 'else their tasks stop' : 'else builtin steps in';
    return roles.length === 0 ? [] : [`${name} for ${roles.join(', ')} (${without})`];
  });
  if (wishes.length === 0) return ok('engines', 'every agent works with builtin');
  return ok('engines', `${ci.image} has to bring ${wishes.join(' and ')}; ${THERE}`);
}

function isolation({ ci }: Pick<Settings, 'ci'>): Check {
  const { sandbox, network } = ci.isolation;
  const reach = network === 'open' ? 'the network is open' : 'no network but the gateway';
  switch (sandbox) {
    case 'required':
      return ok('isolation', `required, ${reach}; no agent starts on a runner without namespaces`);
    case 'auto':
      return ok('isolation', `auto, ${reach}, where the runner allows namespaces; ${THERE}`);
    case 'off':
      return warning(
        'isolation',
        'off: agents can read what their runner can, and reach the network',
        'set `ci.isolation.sandbox: auto` in the settings',
      );
  }
}
