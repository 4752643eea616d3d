/** The configuration of one pipeline after every include, default, extends and rule was applied. */
import { z } from 'zod';

const Strings = z
  .union([z.string(), z.array(z.string())])
  .transform((value) => (typeof value === 'string' ? [value] : value));
const Variables = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]));

const Trigger = z.looseObject({
  include: z.array(z.record(z.string(), z.unknown())).optional(),
  project: z.string().optional(),
  strategy: z.enum(['depend', 'mirror']).optional(),
  forward: z
    .looseObject({
      yaml_variables: z.boolean().default(true),
      pipeline_variables: z.boolean().default(false),
    })
    .optional(),
});
export type Trigger = z.infer<typeof Trigger>;

const Artifacts = z.looseObject({
  paths: Strings.default([]),
  exclude: Strings.default([]),
  when: z.enum(['on_success', 'on_failure', 'always']).default('on_success'),
  reports: z.record(z.string(), z.unknown()).default({}),
});
export type Artifacts = z.infer<typeof Artifacts>;

const Need = z.looseObject({
  job: z.string().optional(),
  artifacts: z.boolean().default(true),
  optional: z.boolean().default(false),
  pipeline: z.string().optional(),
});

const Retry = z.union([
  z.number().transform((max) => ({ max, when: ['always'], exit_codes: [] as number[] })),
  z.looseObject({
    max: z.number().default(0),
    when: Strings.default(['always']),
    exit_codes: z.union([z.number().transform((code) => [code]), z.array(z.number())]).default([]),
  }),
]);

/** The keywords of a job that the engine understands, as gitlab-ci-local writes them out. */
export const ExpandedJob = z.looseObject({
  stage: z.string().default('test'),
  before_script: Strings.default([]),
  script: Strings.default([]),
  after_script: Strings.default([]),
  variables: Variables.default({}),
  inherit: z
    .looseObject({
      default: z.union([z.boolean(), z.array(z.string())]).default(true),
      variables: z.union([z.boolean(), z.array(z.string())]).default(true),
    })
    .default({ default: true, variables: true }),
  id_tokens: z.record(z.string(), z.looseObject({ aud: Strings })).default({}),
  tags: Strings.default([]),
  timeout: z.string().optional(),
  retry: Retry.default({ max: 0, when: ['always'], exit_codes: [] }),
  artifacts: Artifacts.nullish(),
  dependencies: z.array(z.string()).optional(),
  coverage: z.string().optional(),
  trigger: z
    .union([z.string().transform((project) => ({ project }) as Trigger), Trigger])
    .optional(),
  resource_group: z.string().optional(),
  environment: z
    .union([
      z.string().transform((name) => ({ name, url: undefined, action: 'start' })),
      z.looseObject({
        name: z.string(),
        url: z.string().optional(),
        action: z.string().default('start'),
      }),
    ])
    .optional(),
  interruptible: z.boolean().default(false),
  rules: z.array(z.looseObject({})).optional(),
  parallel: z.unknown().optional(),
});
export type ExpandedJob = z.infer<typeof ExpandedJob>;

/** One job as `gitlab-ci-local --list-json` prints it: what its rules came to. */
export const ListedJob = z.looseObject({
  name: z.string(),
  stage: z.string(),
  when: z.enum(['on_success', 'on_failure', 'always', 'manual', 'delayed', 'never']),
  allow_failure: z.union([
    z.boolean(),
    z.looseObject({ exit_codes: z.union([z.number(), z.array(z.number())]) }),
  ]),
  needs: z.array(Need).nullish(),
});
export type ListedJob = z.infer<typeof ListedJob>;

export interface JobConfig extends ExpandedJob {
  name: string;
  when: Exclude<ListedJob['when'], 'never'>;
  /** True, false, or the exit codes that are forgiven. */
  allowFailure: boolean | number[];
  /** Jobs it waits for instead of the stages before it; null: stage order. */
  needs: z.infer<typeof Need>[] | null;
}

export interface PipelineConfig {
  stages: string[];
  /** Top-level YAML variables with those of the matching workflow rule. */
  variables: Record<string, string>;
  jobs: JobConfig[];
  mergedYaml: string;
}

/** YAML scalars as the strings a shell sees. */
export function strings(values: Record<string, string | number | boolean>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, String(value)]));
}

const UNITS: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

/**
 * Seconds of a GitLab duration such as `90 seconds`, `1h 30m` or `3600`
 * (doc/ci/yaml `timeout`). Null when it is not one.
 */
export function durationSeconds(text: string): number | null {
  if (/^\s*\d+\s*$/.test(text)) return Number(text);
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)\s*(mo|[smhdwy])[a-z]*/gi)];
  if (parts.length === 0) return null;
  return parts.reduce(
    (sum, [, amount, unit]) => sum + Number(amount) * (UNITS[(unit ?? '').toLowerCase()] ?? 0),
    0,
  );
}
