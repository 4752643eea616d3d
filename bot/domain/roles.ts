/** Roles as people name them. */
import type { Agent, AgentRole } from '../../schema/wire/agent.ts';

/** The role of that name or alias (Engineer, QA), whatever its case; null when there is none. */
export function roleNamed(
  name: string,
  agents: Readonly<Record<AgentRole, Agent | undefined>>,
): AgentRole | null {
  const wanted = name.trim().toLowerCase();
  const found = Object.values(agents).find(
    (agent) =>
      agent !== undefined &&
      (agent.role === wanted ||
        agent.settings.aliases.some((alias) => alias.toLowerCase() === wanted)),
  );
  return found?.role ?? null;
}
