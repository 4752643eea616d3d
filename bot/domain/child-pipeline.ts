/**
 * The child pipeline of one or several attempts: ids and constants only, never text from people
 * (DESIGN §4.3).
 *
 * It inherits nothing, caches nothing, passes no dotenv and pins its image, so that a branch's own CI
 * configuration cannot change what the agent job is (threats F6, D8, D9).
 */
import { stringify } from 'yaml';
import type { AgentRole } from '../../schema/wire/agent.ts';

/** Start of every job name; no colon in any, or the trigger breaks silently (DESIGN §8). */
const AGENT_JOB = 'autodev-';

export interface ChildPipelineFacts {
  /** The attempts, one job each; `name` is the agent's role. */
  attempts: readonly { id: number; name: AgentRole }[];
  /** The bot's public URL: audience of the id token and address of the job API. */
  server: string;
  image: string;
  tags: readonly string[];
  /** Whole minutes each job may take. */
  timeoutMinutes: number;
}

/**
 * The YAML of the child pipeline that runs `attempts`. One job is called `autodev-agent`, several are
 * called after their roles and run at the same time; one that fails does not stop the others.
 */
export function childPipeline(facts: ChildPipelineFacts): string {
  const names = jobNames(facts.attempts.map(({ name }) => name));
  const jobs = facts.attempts.map(({ id }, index) => [names[index], agentJob(facts, id)]);
  return stringify({ workflow: { rules: [{ when: 'always' }] }, ...Object.fromEntries(jobs) });
}

/** Job names in the order of the roles, each once: a second job of a role gets a number. */
function jobNames(roles: readonly AgentRole[]): string[] {
  if (roles.length === 1) return [`${AGENT_JOB}agent`];
  return roles.map((role, index) => {
    const before = roles.slice(0, index).filter((other) => other === role).length;
    const name = `${AGENT_JOB}${role.replaceAll('_', '-')}`;
    return before === 0 ? name : `${name}-${before + 1}`;
  });
}

function agentJob(facts: ChildPipelineFacts, attemptId: number): Record<string, unknown> {
  return {
    image: facts.image,
    tags: [...facts.tags],
    inherit: { default: false, variables: false },
    interruptible: false,
    timeout: `${Math.max(1, Math.ceil(facts.timeoutMinutes))} minutes`,
    id_tokens: { AUTODEV_ID_TOKEN: { aud: facts.server } },
    variables: {
      AUTODEV_SERVER: facts.server,
      AUTODEV_ATTEMPT: String(attemptId),
      GIT_STRATEGY: 'clone',
      GIT_DEPTH: '50',
      GIT_SUBMODULE_STRATEGY: 'none',
    },
    rules: [{ when: 'on_success' }],
    script: ['autodev-job run'],
    artifacts: { when: 'always', paths: ['autodev-result.json'], expire_in: '1 week' },
  };
}

/** What a pipeline gets that nobody asked for: a job that says so and ends well. */
export function harmlessPipeline(facts: Pick<ChildPipelineFacts, 'image' | 'tags'>): string {
  return stringify({
    workflow: { rules: [{ when: 'always' }] },
    'autodev-nothing-to-do': {
      image: facts.image,
      tags: [...facts.tags],
      inherit: { default: false, variables: false },
      variables: { GIT_STRATEGY: 'none' },
      rules: [{ when: 'on_success' }],
      script: ['echo "AutoDev has no task for this pipeline."'],
    },
  });
}
