/** Turns a commit's CI configuration into the jobs of one pipeline. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { stringify } from 'yaml';
import { z } from 'zod';
import { systemEnvironment } from '../env.ts';
import type { PipelineSpec } from './contract.ts';
import { ExpandedJob, strings } from './config.ts';
import type { JobConfig, ListedJob, PipelineConfig } from './config.ts';
import { git } from './exec.ts';
import { askGitlabCiLocal } from './gitlab-ci-local.ts';
import type { Answer, Question } from './gitlab-ci-local.ts';
import type { Commit, Variables } from './variables.ts';
import { pipelineVariables, repositoryUrl } from './variables.ts';

export type Resolved =
  /** `fetched`: parts came from elsewhere and may change while the commit stays the same. */
  { ok: true; config: PipelineConfig; fetched: boolean } | { ok: false; errors: string[] };

export const CONFIG_FILE = '.gitlab-ci.yml';
const CHILD_FILE = '.sandbox-child-pipeline.yml';
const PROBE_FILE = '.sandbox-rules-probe.yml';
const PROBE = { file: PROBE_FILE, inputs: {}, validate: false };
const ZERO = '0'.repeat(40);
/** Default keywords that gitlab-ci-local does not copy into jobs itself. */
const DEFAULT_KEYWORDS = ['tags', 'timeout', 'retry', 'interruptible', 'id_tokens'];
/** Keywords that would change the pipeline silently if the sandbox left them out. */
const UNSUPPORTED = ['parallel', 'only', 'except'];

/** What git knows about the commit of a pipeline; null when there is no such commit. */
export async function readCommit(spec: PipelineSpec): Promise<Commit | null> {
  const { gitDir } = spec.project;
  const env = systemEnvironment();
  const args = ['log', '-1', '--format=%cI%n%an <%ae>%n%B', spec.sha, '--'];
  const text = await git(gitDir, args, env).catch(() => null);
  if (text === null) return null;
  const [timestamp = '', author = '', ...message] = text.split('\n');
  const target = spec.mergeRequest?.targetBranch;
  const base =
    target === undefined ? ZERO : await git(gitDir, ['merge-base', target, spec.sha], env);
  return { timestamp, author, message: message.join('\n'), base };
}

/**
 * Resolves includes, inputs, extends, references and rules for one pipeline.
 * Errors are the sentences GitLab answers with when it refuses to create the pipeline.
 */
export async function resolveConfig(
  spec: PipelineSpec,
  commit: Commit,
  at: { workDir: string; serverUrl: string; projectVariables: Variables },
): Promise<Resolved> {
  const checkout = await mkdtemp(path.join(at.workDir, 'config-'));
  try {
    const question = await prepare(checkout, spec, commit, at);
    if (question === null) return { ok: false, errors: ['Missing CI config file'] };
    const answer = await askGitlabCiLocal(question);
    return answer.ok ? await pipelineConfig(question, answer, spec) : answer;
  } finally {
    await rm(checkout, { recursive: true, force: true });
  }
}

/** Checks the commit out and sets the clone up so that gitlab-ci-local sees what GitLab would. */
async function prepare(
  checkout: string,
  spec: PipelineSpec,
  commit: Commit,
  at: { serverUrl: string; projectVariables: Variables },
): Promise<Question | null> {
  const env = systemEnvironment();
  const { gitDir, defaultBranch, path: projectPath } = spec.project;
  await git(checkout, ['clone', '-q', '--shared', '--no-checkout', gitDir, '.'], env);
  await git(checkout, ['checkout', '-q', '--detach', spec.sha], env);
  const tracked = await git(checkout, ['ls-files'], env);
  if (spec.yaml === undefined && !tracked.split('\n').includes(CONFIG_FILE)) return null;
  // The tool's own files in a repository mean nothing to GitLab.
  for (const name of tracked.split('\n').filter((file) => file.startsWith('.gitlab-ci-local'))) {
    await rm(path.join(checkout, name), { force: true });
  }
  await git(checkout, ['config', 'user.name', 'sandbox'], env);
  await git(checkout, ['config', 'user.email', 'sandbox@localhost'], env);
  const origin = repositoryUrl(at.serverUrl, projectPath, 'none');
  await git(checkout, ['remote', 'set-url', 'origin', origin], env);
  const evaluateChanges = await pointChangesBase(checkout, spec, commit);
  if (spec.yaml !== undefined) await writeFile(path.join(checkout, CHILD_FILE), spec.yaml);
  // gitlab-ci-local compares `rules: changes` with origin/<default branch>.
  await git(
    checkout,
    ['symbolic-ref', 'refs/remotes/origin/HEAD', `refs/remotes/origin/${defaultBranch}`],
    env,
  );
  return {
    checkout,
    file: spec.yaml === undefined ? CONFIG_FILE : CHILD_FILE,
    variables: {
      ...pipelineVariables(spec, at.serverUrl, commit),
      ...at.projectVariables,
      ...spec.variables,
    },
    unset: spec.mergeRequest === undefined ? [] : ['CI_COMMIT_BRANCH'],
    inputs: spec.inputs,
    validate: true,
    evaluateChanges,
  };
}

/** Moves origin/<default branch> to the commit that the pipeline's changes start from. */
async function pointChangesBase(
  checkout: string,
  spec: PipelineSpec,
  commit: Commit,
): Promise<boolean> {
  const env = systemEnvironment();
  const ref = `refs/remotes/origin/${spec.project.defaultBranch}`;
  if (spec.mergeRequest !== undefined) {
    await git(checkout, ['update-ref', ref, commit.base], env);
    return true;
  }
  if (spec.source !== 'push') return false;
  const parents = await git(checkout, ['log', '-1', '--format=%P', spec.sha], env);
  const first = parents.split(' ')[0] ?? '';
  if (first === '') return false;
  await git(checkout, ['update-ref', ref, first], env);
  return true;
}

async function pipelineConfig(
  question: Question,
  answer: Extract<Answer, { ok: true }>,
  spec: PipelineSpec,
): Promise<Resolved> {
  const { expanded, listed } = answer;
  const raw = expandedJobs(expanded);
  const unsupported = [...raw].flatMap(([name, job]) =>
    UNSUPPORTED.filter((keyword) => job[keyword] !== undefined).map(
      (keyword) => `jobs:${name} uses ${keyword}, which the sandbox does not run; use rules`,
    ),
  );
  if (unsupported.length > 0) return { ok: false, errors: unsupported };

  const workflow = z
    .looseObject({ rules: z.array(z.record(z.string(), z.unknown())).optional() })
    .parse(expanded['workflow'] ?? {});
  // Without any rules a job has the default `only: [branches, tags]`: no merge request pipelines.
  const needsRules = spec.mergeRequest !== undefined && workflow.rules === undefined;
  const wanted = listed.filter(
    (job) => job.when !== 'never' && !(needsRules && raw.get(job.name)?.rules === undefined),
  );
  const matched = await probeRules(question, expanded, workflow.rules, wanted, raw);
  if (!matched.workflow) return { ok: false, errors: ['Pipeline filtered out by workflow rules.'] };
  const jobs = wanted.flatMap((listedJob) => {
    const job = raw.get(listedJob.name);
    return job === undefined
      ? []
      : [jobConfig(listedJob, job, matched.rules.get(listedJob.name) ?? {})];
  });
  const errors = missingJobs(jobs);
  if (errors.length > 0) return { ok: false, errors };
  return {
    ok: true,
    fetched: answer.fetched,
    config: {
      stages: z.array(z.string()).parse(expanded['stages']),
      variables: topVariables(expanded),
      jobs,
      mergedYaml: answer.expandedText,
    },
  };
}

const GLOBAL_KEYS = new Set(['stages', 'include', 'workflow', 'default', 'variables', 'spec']);

function expandedJobs(expanded: Record<string, unknown>): Map<string, ExpandedJob> {
  const defaults = z.record(z.string(), z.unknown()).parse(expanded['default'] ?? {});
  const jobs = new Map<string, ExpandedJob>();
  for (const [name, value] of Object.entries(expanded)) {
    if (name.startsWith('.') || GLOBAL_KEYS.has(name)) continue;
    const own = z.record(z.string(), z.unknown()).parse(value);
    const { inherit } = ExpandedJob.parse({ inherit: own['inherit'] });
    const inherited = DEFAULT_KEYWORDS.filter((keyword) =>
      Array.isArray(inherit.default) ? inherit.default.includes(keyword) : inherit.default,
    ).flatMap((keyword) => (defaults[keyword] === undefined ? [] : [[keyword, defaults[keyword]]]));
    jobs.set(name, ExpandedJob.parse({ ...Object.fromEntries(inherited), ...own }));
  }
  return jobs;
}

function topVariables(expanded: Record<string, unknown>): Variables {
  const Values = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]));
  return strings(Values.parse(expanded['variables'] ?? {}));
}

function jobConfig(listed: ListedJob, job: ExpandedJob, rule: Variables): JobConfig {
  // A manual job is optional unless it says otherwise; one made manual by a rule is not.
  const optional =
    listed.when === 'manual' && job.rules === undefined && job['allow_failure'] === undefined;
  const codes = typeof listed.allow_failure === 'object' ? listed.allow_failure.exit_codes : null;
  return {
    ...job,
    name: listed.name,
    stage: listed.stage,
    when: listed.when === 'never' ? 'on_success' : listed.when,
    allowFailure:
      codes === null
        ? listed.allow_failure === true || optional
        : Array.isArray(codes)
          ? codes
          : [codes],
    needs: listed.needs ?? null,
    variables: { ...job.variables, ...rule },
  };
}

/** GitLab's reasons not to create a pipeline from valid YAML. */
function missingJobs(jobs: JobConfig[]): string[] {
  // doc/ci/yaml "stage: .pre": a pipeline of only .pre and .post jobs does not run.
  if (!jobs.some((job) => job.stage !== '.pre' && job.stage !== '.post')) {
    return [
      'Pipeline will not run for the selected trigger. The rules configuration prevented any jobs from being added to the pipeline.',
    ];
  }
  const names = new Set(jobs.map((job) => job.name));
  return jobs.flatMap((job) =>
    (job.needs ?? []).flatMap((need) => {
      const { job: needed, optional, pipeline } = need;
      if (needed === undefined || optional || pipeline !== undefined || names.has(needed))
        return [];
      return [
        `'${job.name}' job needs '${needed}' job, but '${needed}' does not exist in the pipeline. This might be because of the only, except, or rules keywords. To need a job that sometimes does not exist in the pipeline, use needs:optional.`,
      ];
    }),
  );
}

/**
 * Finds what the listing does not tell: whether `workflow: rules` admit the pipeline, and which
 * rule's variables a job got. Each rule becomes a job of its own in a second question.
 */
async function probeRules(
  question: Question,
  expanded: Record<string, unknown>,
  workflowRules: Record<string, unknown>[] | undefined,
  wanted: ListedJob[],
  raw: Map<string, ExpandedJob>,
): Promise<{ workflow: boolean; rules: Map<string, Variables> }> {
  const script = ['true'];
  const probes: Record<string, unknown> = {};
  const admitsAll = workflowRules === undefined || alwaysAdmits(workflowRules[0]);
  if (!admitsAll) {
    const rules = workflowRules.map(({ if: condition, exists, changes, when }) => ({
      if: condition,
      exists,
      changes,
      when,
    }));
    probes['workflow-probe'] = { script, rules };
  }
  const Rules = z.array(z.record(z.string(), z.unknown()));
  const withVariables = wanted.flatMap(({ name }) => {
    const rules = Rules.parse(raw.get(name)?.rules ?? []);
    return rules.some((rule) => rule['variables'] !== undefined) ? [{ name, rules }] : [];
  });
  for (const [index, { name, rules }] of withVariables.entries()) {
    for (const [position, rule] of rules.entries()) {
      const { if: condition, exists, changes } = rule;
      probes[`probe-${index}-${position}`] = {
        script,
        variables: raw.get(name)?.variables ?? {},
        rules: [{ if: condition, exists, changes, when: 'on_success' }],
      };
    }
  }
  if (Object.keys(probes).length === 0) return { workflow: true, rules: new Map() };

  const variables = expanded['variables'] ?? {};
  await writeFile(path.join(question.checkout, PROBE_FILE), stringify({ variables, ...probes }));
  const answer = await askGitlabCiLocal({ ...question, ...PROBE });
  if (!answer.ok) throw new Error(`The rules could not be evaluated: ${answer.errors.join('; ')}`);
  const admitted = new Set(
    answer.listed.filter((job) => job.when !== 'never').map((job) => job.name),
  );
  const rules = new Map<string, Variables>();
  for (const [index, job] of withVariables.entries()) {
    const hit = job.rules.findIndex((_, position) => admitted.has(`probe-${index}-${position}`));
    const Values = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]));
    rules.set(job.name, strings(Values.parse(job.rules[hit]?.['variables'] ?? {})));
  }
  return { workflow: admitsAll || admitted.has('workflow-probe'), rules };
}

/** A first rule without conditions settles the matter without a question. */
function alwaysAdmits(rule: Record<string, unknown> | undefined): boolean {
  if (rule === undefined || rule['when'] === 'never') return false;
  return ['if', 'exists', 'changes'].every((condition) => rule[condition] === undefined);
}
