/** `.autodev.yml` of a repository, read from its default branch only. Every key is optional. */
import * as z from 'zod';
import { ScannerName } from './scan.ts';

export const AccessLevelName = z.enum(['guest', 'reporter', 'developer', 'maintainer', 'owner']);
export type AccessLevelName = z.infer<typeof AccessLevelName>;

export const RepoConfig = z.strictObject({
  /** `false` turns the bot off in this repository. */
  enabled: z.boolean().default(true),
  /** Least access level per command; cannot go below what the installation's settings ask. */
  permissions: z.record(z.string(), AccessLevelName).default({}),
  runner: z
    .strictObject({
      /** Tags an agent job asks for; the runner must have all of them. */
      tags: z.array(z.string().min(1).max(255)).max(20).optional(),
      /** Image of the agent job; default: the installation's. */
      image: z
        .string()
        .max(500)
        .regex(/^[\w][\w./:@-]*$/, 'must be an image reference')
        .optional(),
      /** `required` refuses to work where the runner gives no isolation. */
      sandbox: z.enum(['required', 'auto']).optional(),
      /** `gateway` closes the network to agents where the installation leaves it open. */
      network: z.enum(['gateway']).optional(),
      /** `stop` has a person told what to install, where the installation lets another engine step in. */
      engine_missing: z.enum(['stop']).optional(),
    })
    .prefault({}),
  /** Files the agent must not touch, besides the built-in list; glob patterns. */
  protected_paths: z.array(z.string().min(1).max(400)).max(100).default([]),
  budget: z
    .strictObject({
      /** Dollars per task; cannot exceed the installation's cap. */
      task_usd: z.number().positive().optional(),
      /** Dollars per run; cannot exceed the installation's cap. */
      run_usd: z.number().positive().optional(),
      /** Dollars per day in this repository; cannot exceed the installation's cap. */
      day_usd: z.number().positive().optional(),
    })
    .prefault({}),
  /** `full` needs the installation's leave (`autonomy: full` in its settings). */
  autonomy: z.enum(['guided', 'full']).default('guided'),
  /** Changes to agents, by role or alias, within what the installation's `overrides` allow. */
  agents: z
    .record(
      z.string().min(1).max(40),
      z.strictObject({
        engine: z.enum(['builtin', 'codex', 'claude']).optional(),
        /** `provider/model`, the first one first. */
        models: z
          .array(z.string().regex(/^(openai|anthropic)\/\S{1,200}$/, 'must be provider/model'))
          .min(1)
          .max(10)
          .optional(),
        /** Only lower than the installation's. */
        limits: z
          .strictObject({
            turns: z.int().positive().optional(),
            minutes: z.number().positive().optional(),
            cost_usd: z.number().positive().optional(),
          })
          .prefault({}),
        /** Said to the agent after its own prompt. */
        instructions: z.string().min(1).max(4_000).optional(),
      }),
    )
    .default({}),
  verify: z
    .strictObject({
      /**
       * Shows the agents' findings in the merge request's own widgets. Needs the template's input
       * `merge_requests: true`, and costs one more merge request pipeline per look.
       */
      reports: z.boolean().default(false),
    })
    .prefault({}),
  security: z
    .strictObject({
      /** Scanners that run before the security engineer; those the installation does not allow are left out. */
      scanners: z.array(ScannerName).max(8).default([]),
    })
    .prefault({}),
  review: z
    .strictObject({
      /** Least confidence of a finding that is raised; cannot go below the installation's. */
      min_confidence: z.number().min(0).max(1).optional(),
      /** Most findings open on one merge request; cannot exceed the installation's. */
      max_findings: z.int().min(1).max(100).optional(),
    })
    .prefault({}),
  deploy: z
    .strictObject({
      /** The environment that a run deploys to after its merge; absent: the only deploy job there is. */
      environment: z
        .string()
        .max(255)
        .regex(/^[\w][\w./ -]*$/, 'must be the name of an environment')
        .optional(),
    })
    .prefault({}),
});
export type RepoConfig = z.infer<typeof RepoConfig>;
