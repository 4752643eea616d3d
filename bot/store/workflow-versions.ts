/** Versions of workflow templates as runs have used them: a version never changes its meaning. */
import { createHash } from 'node:crypto';
import { Workflow } from '../../schema/wire/workflow.ts';
import type { Db } from './db.ts';
import { jsonb } from './json.ts';

/** Notes that a run uses this version of a template. */
export async function useWorkflow(db: Db, workflow: Workflow): Promise<void> {
  await db.query(
    `insert into workflow_versions (name, version, digest, body) values ($1, $2, $3, $4)
     on conflict (name, version) do nothing`,
    [workflow.name, workflow.version, digestOf(workflow), jsonb(workflow)],
    'workflow_versions_use',
  );
}

/**
 * Templates whose content differs from what runs have used under the same version, with the next version
 * that nobody has used. A default that the schema has gained since is no difference.
 */
export async function changedWorkflows(
  db: Db,
  workflows: readonly Workflow[],
): Promise<{ name: string; version: number; next: number }[]> {
  const used = await db.query<{ name: string; version: number; digest: string; body: unknown }>(
    'select name, version, digest, body from workflow_versions',
  );
  return workflows.flatMap((workflow) => {
    const { name, version } = workflow;
    const known = used.filter((row) => row.name === name);
    const same = known.find((row) => row.version === version);
    if (!same || same.digest === digestOf(workflow)) return [];
    const before = Workflow.safeParse(same.body);
    if (before.success && digestOf(before.data) === digestOf(workflow)) return [];
    return [{ name, version, next: Math.max(...known.map((row) => row.version)) + 1 }];
  });
}

function digestOf(workflow: Workflow): string {
  return createHash('sha256').update(JSON.stringify(workflow)).digest('hex');
}
