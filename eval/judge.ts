/** Is a task solved? What the publisher would refuse is not, whatever the hidden checks would say. */
import { checkResult } from '../bot/worker/publish/check-result.ts';
import type { IsolationWish } from '../schema/wire/job-api.ts';
import type { JobResult } from '../schema/wire/result.ts';
import type { EvalEnv } from './env.ts';
import { runChecks } from './hidden.ts';
import type { EvalTask } from './task.ts';

/** Names of failed checks that are shown. */
const NAMED = 3;

export interface Judgement {
  solved: boolean;
  /** In one line why not; empty when it is solved. */
  why: string;
  checks: { passed: number; of: number; failed: string[] };
}

export interface Rules {
  env: EvalEnv;
  protectedPaths: readonly string[];
  isolation: IsolationWish;
}

/** Judges a result. Its checks run only when it ended as the task asks and could be published. */
export async function judge(task: EvalTask, result: JobResult, rules: Rules): Promise<Judgement> {
  const none = { passed: 0, of: task.checks, failed: [] };
  if (result.outcome !== task.expect) {
    const why = `ended as ${result.outcome} where ${task.expect} was right: ${result.cause}`;
    return { solved: false, why, checks: none };
  }
  const { protectedPaths } = rules;
  const published = await checkResult(result, { protectedPaths, ownSecrets: [], allowed: [] });
  if (!published.ok) {
    return { solved: false, why: `could not be published: ${published.cause}`, checks: none };
  }
  const { passed, failed, broken } = await runChecks(rules.env, task, result, rules.isolation);
  const checks = { passed, of: task.checks, failed };
  if (broken !== null) return { solved: false, why: `hidden checks: ${broken}`, checks };
  if (failed.length > 0) return { solved: false, why: failedText(failed), checks };
  if (passed === task.checks) return { solved: true, why: '', checks };
  return { solved: false, why: `only ${passed} of ${task.checks} hidden checks ran`, checks };
}

function failedText(failed: readonly string[]): string {
  const more = failed.length > NAMED ? ` and ${failed.length - NAMED} more` : '';
  return `failed: ${failed.slice(0, NAMED).join('; ')}${more}`;
}
