/** Trigger jobs: from `trigger:` and the artifacts of earlier jobs to the child pipeline's spec. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { stringify } from 'yaml';
import { z } from 'zod';
import type { CreateResult, JobRecord, PipelineSpec } from './contract.ts';
import { configOf } from './live.ts';
import type { Live } from './live.ts';
import type { Variables } from './variables.ts';
import { expand, yamlVariables } from './variables.ts';

/** doc/ci/pipelines/downstream_pipelines: two levels of child pipelines. */
const MAX_DEPTH = 2;
/** max_artifacts_content_include_size: a child's configuration from an artifact (5 MB). */
const MAX_CONFIG_BYTES = 5 * 1024 * 1024;

const Dynamic = z.looseObject({
  artifact: z.string(),
  job: z.string(),
  inputs: z.record(z.string(), z.unknown()).default({}),
});

type ChildPlan = { ok: true; spec: PipelineSpec } | { ok: false; reason: string; message: string };

function refuse(reason: string, message: string): ChildPlan {
  return { ok: false, reason, message };
}

type ChildResult =
  Extract<CreateResult, { ok: true }> | { ok: false; reason: string; errors: string[] };

/** Starts the child pipeline of a trigger job with `create`; `reason` is GitLab's failure reason. */
export async function startChild(
  live: Live,
  job: JobRecord,
  variables: Variables,
  create: (spec: PipelineSpec) => Promise<CreateResult>,
): Promise<ChildResult> {
  const plan = await planChild(live, job, variables);
  if (!plan.ok) return { ok: false, reason: plan.reason, errors: [plan.message] };
  const reason = 'downstream_pipeline_creation_failed';
  try {
    const child = await create(plan.spec);
    return child.ok ? child : { ...child, reason };
  } catch (error) {
    return { ok: false, reason, errors: [String(error)] };
  }
}

/** The child pipeline a trigger job asks for, or GitLab's failure reason with an explanation. */
async function planChild(live: Live, job: JobRecord, variables: Variables): Promise<ChildPlan> {
  const { trigger } = configOf(live, job);
  if (trigger?.include === undefined) {
    return refuse('downstream_bridge_project_not_found', 'Only child pipelines run here.');
  }
  if (live.depth >= MAX_DEPTH) {
    return refuse('reached_max_descendant_pipelines_depth', 'Child pipelines nest too deep.');
  }
  const [first] = trigger.include;
  const dynamic = Dynamic.safeParse(first);
  let yaml: string;
  let inputs: Record<string, string> = {};
  if (dynamic.success) {
    const text = await artifactText(live, dynamic.data.artifact, dynamic.data.job, variables);
    if (!text.ok) return refuse('downstream_pipeline_creation_failed', text.message);
    ({ yaml } = text);
    inputs = Object.fromEntries(
      Object.entries(dynamic.data.inputs).map(([key, value]) => [key, String(value)]),
    );
  } else {
    yaml = stringify({ include: trigger.include });
  }
  const { spec, id } = live.record;
  return {
    ok: true,
    spec: {
      ...spec,
      source: 'parent_pipeline',
      yaml,
      inputs,
      variables: forwarded(live, job, variables),
      parent: { pipelineId: id, jobId: job.id },
    },
  };
}

/** Variables handed down: YAML ones unless `forward` says no, pipeline ones only if it says yes. */
function forwarded(live: Live, job: JobRecord, variables: Variables): Variables {
  const config = configOf(live, job);
  const forward = config.trigger?.forward ?? { yaml_variables: true, pipeline_variables: false };
  const yaml = Object.entries(yamlVariables(live.config, config)).map(([key, value]) => [
    key,
    expand(value, {}, variables),
  ]);
  return {
    ...(forward.yaml_variables ? Object.fromEntries(yaml) : {}),
    ...(forward.pipeline_variables ? live.record.spec.variables : {}),
  };
}

async function artifactText(
  live: Live,
  artifact: string,
  jobName: string,
  variables: Variables,
): Promise<{ ok: true; yaml: string } | { ok: false; message: string }> {
  const name = expand(artifact, {}, variables);
  const producer = live.record.jobs.find((other) => other.name === jobName);
  if (producer?.artifactsDir === null || producer?.artifactsDir === undefined) {
    return { ok: false, message: `Job ${jobName} not found or has no artifacts` };
  }
  const file = path.join(producer.artifactsDir, path.posix.normalize(`/${name}`));
  const yaml = await readFile(file, 'utf8').catch(() => null);
  if (yaml === null) return { ok: false, message: `Config file ${name} is not in the artifacts` };
  if (yaml.trim() === '') return { ok: false, message: `Config file ${name} is empty` };
  if (yaml.length > MAX_CONFIG_BYTES) return { ok: false, message: `${name} is larger than 5 MB` };
  return { ok: true, yaml };
}
