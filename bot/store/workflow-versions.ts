/** Versions of workflow templates as runs have used them: a version never changes its meaning. */
import { createHash } from 'node:crypto';
import type { Workflow } from '../../schema/wire/workflow.ts';
import type { Db } from './db.ts';

/** Notes that a run uses this version of a template. */
export async function useWorkflow(db: Db, workflow: Workflow): Promise<void> {
  await db.query(
    `insert into workflow_versions (name, version, digest, body) values ($1, $2, $3, $4)
     on conflict (name, version) do nothing`,
    [workflow.name, workflow.version, digestOf(workflow), JSON.stringify(workflow)],
    'workflow_versions_use',
  );
}

/** Templates whose content differs from what runs have used under the same version. */
export async function changedWorkflows(
  db: Db,
  workflows: readonly Workflow[],
): Promise<{ name: string; version: number }[]> {
  const used = await db.query<{ name: string; version: number; digest: string }>(
    'select name, version, digest from workflow_versions',
  );
  return workflows.flatMap((workflow) => {
    const { name, version } = workflow;
    const known = used.find((row) => row.name === name && row.version === version);
    return known && known.digest !== digestOf(workflow) ? [{ name, version }] : [];
  });
}

function digestOf(workflow: Workflow): string {
  return createHash('sha256').update(JSON.stringify(workflow)).digest('hex');
}
