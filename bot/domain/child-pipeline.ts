/**
 * The child pipeline of an attempt: ids and constants only, never text from people (DESIGN §4.3).
 *
 * It inherits nothing, caches nothing, passes no dotenv and pins its image, so that a branch's own CI
 * configuration cannot change what the agent job is (threats F6, D8, D9).
 */
import { stringify } from 'yaml';

/** Kept in step with the template: job names without a colon, or the trigger breaks silently. */
const AGENT_JOB = 'autodev-agent';

export interface ChildPipelineFacts {
  attemptId: number;
  /** The bot's public URL: audience of the id token and address of the job API. */
  server: string;
  image: string;
  tags: readonly string[];
  /** Whole minutes the job may take. */
  timeoutMinutes: number;
}

/** The YAML of the child pipeline that runs one attempt. */
export function childPipeline(facts: ChildPipelineFacts): string {
  return stringify({
    workflow: { rules: [{ when: 'always' }] },
    [AGENT_JOB]: {
      image: facts.image,
      tags: [...facts.tags],
      inherit: { default: false, variables: false },
      interruptible: false,
      timeout: `${Math.max(1, Math.ceil(facts.timeoutMinutes))} minutes`,
      id_tokens: { AUTODEV_ID_TOKEN: { aud: facts.server } },
      variables: {
        AUTODEV_SERVER: facts.server,
        AUTODEV_ATTEMPT: String(facts.attemptId),
        GIT_STRATEGY: 'clone',
        GIT_DEPTH: '50',
        GIT_SUBMODULE_STRATEGY: 'none',
      },
      rules: [{ when: 'on_success' }],
      script: ['autodev-job run'],
      artifacts: { when: 'always', paths: ['autodev-result.json'], expire_in: '1 week' },
    },
  });
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
