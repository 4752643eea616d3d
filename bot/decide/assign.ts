/**
 * Purpose: `/autodev assign-agent <role> <provider>/<model>`: another model for one role of one run, from
 * its next task on. What is possible is what can be paid for: a model with a price, of a provider with
 * a key.
 */
import type { AgentRole } from '../../schema/wire/agent.ts';
import type { ModelRoute } from '../../schema/wire/job-api.ts';
import { routeName } from '../domain/cool-downs.ts';
import { isActive } from '../domain/outcomes.ts';
import { roleNamed } from '../domain/roles.ts';
import type { Run } from '../domain/runs.ts';
import type { Decision, Snapshot } from '../domain/snapshot.ts';
import { answer, refuse, type Ask } from './ask.ts';
import { statusOf } from './status-effects.ts';
import { code } from './text.ts';

const USAGE = '`/autodev assign-agent <role> <provider>/<model>`';

/** Names another model for a role of the run, or says what can be named. */
export function assignAgent(ask: Ask, snapshot: Snapshot): Decision {
  const { run } = snapshot;
  if (!run || !isActive(run.state)) {
    const body =
      'Nothing is running here, and a model is named for one run. Start it, then ask again.';
    return refuse(ask, body, 'no run to assign an agent in');
  }
  const words = ask.args.trim().split(/\s+/);
  const name = words.slice(0, -1).join(' ').toLowerCase();
  const role = rolesOf(run).find((one) => one === name || one === roleNamed(name, snapshot.agents));
  if (role === undefined) {
    const roles = rolesOf(run).map((one) => code(one));
    const body = `${name === '' ? 'No role is named.' : `${code(name)} has no part in this run.`} Write ${USAGE}, with one of ${roles.join(', ')}.`;
    return refuse(ask, body, 'no such role');
  }
  const wanted = words.at(-1) ?? '';
  const possible = routesFor(role, snapshot);
  const route = possible.find((one) => routeName(one) === wanted);
  if (!route) {
    const body =
      `${code(wanted)} cannot be used here: a model needs a price in config/settings.yaml and a key ` +
      `of its provider. Possible for ${code(role)}: ${possible.map((one) => code(routeName(one))).join(', ')}.`;
    return refuse(ask, body, `no route ${wanted.slice(0, 100)}`);
  }
  const by = ask.actor.username;
  const models = { ...run.overrides.models, [role]: { ...route, by } };
  const told = answer(
    ask,
    `From its next task on ${code(role)} works with ${code(routeName(route))} in this run. A task that ` +
      'is under way keeps its model.',
    `${role} works with ${routeName(route)}, said ${by} (id ${ask.actor.id})`,
  );
  return {
    ...told,
    writes: [
      {
        op: 'update_run',
        runId: run.id,
        version: run.version,
        patch: { overrides: { ...run.overrides, models } },
      },
    ],
    effects: [...told.effects, ...statusOf(run)],
  };
}

/** The routes of a task in the order in which they are tried: the one that people named comes first. */
export function routesWith(
  routes: readonly ModelRoute[],
  role: AgentRole,
  run: Pick<Run, 'overrides'>,
): ModelRoute[] {
  const named = run.overrides.models?.[role];
  if (!named) return [...routes];
  const { provider, model } = named;
  const first = { provider, model };
  return [first, ...routes.filter((route) => routeName(route) !== routeName(first))];
}

/** Lines for the details of the status comment. */
export function overrideLines(run: Run): string[] {
  return Object.entries(run.overrides.models ?? {}).map(
    ([role, route]) => `- ${role} works with ${code(routeName(route))}, as @${route.by} asked`,
  );
}

/** Every role that has work in some stage of the run. */
function rolesOf(run: Run): AgentRole[] {
  const roles = run.context.workflow.stages.flatMap((stage) => {
    if (stage.kind === 'task') return [stage.agent];
    return stage.kind === 'verify' ? stage.tasks.map(({ agent }) => agent) : [];
  });
  return [...new Set(roles)];
}

/** What the agent lists, then what else has a price. */
function routesFor(role: AgentRole, snapshot: Snapshot): ModelRoute[] {
  const { prices } = snapshot.settings;
  const listed = snapshot.agents[role]?.settings.models ?? [];
  const priced = snapshot.providers.flatMap((provider) =>
    Object.keys(prices[provider]).map((model) => ({ provider, model })),
  );
  const usable = [...listed, ...priced].filter(({ provider }) =>
    snapshot.providers.includes(provider),
  );
  return [...new Map(usable.map((route) => [routeName(route), route])).values()];
}
