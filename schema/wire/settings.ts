/** config/settings.yaml: the installation's settings, read once at start. */
import * as z from 'zod';
import { AgentOverride } from './agent.ts';
import { EngineName, IsolationWish, WhenMissing } from './job-api.ts';
import { PriceTable } from './prices.ts';
import { AccessLevelName } from './repo-config.ts';
import { ScannerName } from './scan.ts';

export const Settings = z.strictObject({
  /** Least access level per command; `default` covers the rest. */
  permissions: z.object({ default: AccessLevelName }).catchall(AccessLevelName),
  ci: z.strictObject({
    /** Image of the agent job on docker runners; it brings `autodev-job`, git and bash. */
    image: z.string().min(1),
    /** Runner tags of plan and agent jobs. */
    tags: z.array(z.string().min(1)),
    /** How the parent waits for the child: `mirror` needs GitLab 18.2. */
    strategy: z.enum(['depend', 'mirror']),
    /** How far agents are kept away from the rest of the runner; repositories can only ask for more. */
    isolation: IsolationWish,
  }),
  /** The engines that are programs of other makers, installed in the job image by whoever wants them. */
  engines: z.strictObject({
    codex: z.strictObject({ whenMissing: WhenMissing }),
    claude: z.strictObject({ whenMissing: WhenMissing }),
  }),
  limits: z.strictObject({
    /** Dollars one task may spend on models; repositories and agents can only go lower. */
    taskUsd: z.number().positive(),
    /** Dollars one run may spend in all before a maintainer is asked. */
    runUsd: z.number().positive(),
    /** Dollars one repository may spend in a day (UTC). */
    repoDayUsd: z.number().positive(),
    /** Dollars all repositories together may spend in a day (UTC). */
    installationDayUsd: z.number().positive(),
    /** Most dollars that one `/autodev budget` may add. */
    budgetStepUsd: z.number().positive(),
    /** Tries at a task before a person is asked, counting lost and crashed attempts. */
    attemptsPerTask: z.int().min(1).max(10),
    /** Minutes a started pipeline may wait for a runner. */
    runnerWaitMinutes: z.number().positive(),
    /** Seconds between heartbeats of an agent job. */
    heartbeatSeconds: z.number().positive(),
    /** Seconds without a heartbeat after which an attempt counts as lost. */
    heartbeatLostSeconds: z.number().positive(),
    /** Minutes the change's own pipeline may take before the run ends without its verdict. */
    verifyMinutes: z.number().positive(),
    /** Minutes a red pipeline of a change is given to be retried before it counts. */
    settleMinutes: z.number().nonnegative(),
    /** Hours a run's claim on files lasts after it was last renewed. */
    lockHours: z.number().positive(),
    /** Seconds for which edits of the status comment that nobody waits for are gathered. */
    statusSeconds: z.number().nonnegative(),
    /** Seconds between looks at a repository for what its webhooks missed; 0: never. */
    reconcileSeconds: z.number().nonnegative(),
    /** Runs one person may start per hour in one repository. */
    runsPerUserHour: z.int().positive(),
    /** Children of one epic that are worked on at once. */
    epicParallel: z.int().min(1).max(12),
  }),
  security: z
    .strictObject({
      /** What repositories may ask for in `.autodev.yml`; npm-audit and trivy need the network. */
      scanners: z.array(ScannerName).default([...ScannerName.options]),
    })
    .prefault({}),
  review: z.strictObject({
    /** Least confidence of a finding that is raised, from 0 to 1; repositories can only ask for more. */
    minConfidence: z.number().min(0).max(1),
    /** Most findings that are open on one change; repositories can only ask for fewer. */
    maxFindings: z.int().min(1).max(100),
  }),
  /** `full` lets repositories choose that gates open by themselves under strict conditions. */
  autonomy: z.enum(['guided', 'full']),
  /** Files no agent may create, change, rename or delete; glob patterns, case-insensitive. */
  protectedPaths: z.array(z.string().min(1)),
  /** Changes to config/agents/*.md, by role or alias. */
  agents: z.record(z.string().max(40), AgentOverride).default({}),
  /** What a repository may change of agents in its `.autodev.yml`; limits it may lower for every role. */
  overrides: z
    .strictObject({
      /** Roles or aliases whose engine, models and instructions a repository may change. */
      roles: z.array(z.string().max(40)).max(20).default(['pm', 'architect', 'builder', 'docs']),
      engines: z.array(EngineName).default(['builtin']),
      /** `provider/model` that may be named besides those that the agent has already. */
      models: z.array(z.string().max(240)).max(100).default([]),
      /** Whether it may add instructions of its own. */
      instructions: z.boolean().default(true),
    })
    .prefault({}),
  prices: PriceTable,
});
export type Settings = z.infer<typeof Settings>;
