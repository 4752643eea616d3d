/** Findings in the merge request's own widgets: a pipeline of their own, one job, the gate beside it. */
import { readFileSync } from 'node:fs';
import { afterAll, expect, jest, test } from '@jest/globals';
import type { Finding } from '../../schema/wire/finding.ts';
import { startStage, type Stage } from '../support/story.ts';
import { atGate, headOf, hireTeam } from '../support/team.ts';

jest.setTimeout(300_000);

let opened: Promise<Stage> | null = null;
const open = (): Promise<Stage> => (opened ??= startStage());
afterAll(async () => (await opened)?.close());

const SMALL: Finding = {
  path: 'team.txt',
  line: 1,
  severity: 'low',
  category: 'style',
  title: 'Say which round it is',
  body: 'A number alone is hard to read.',
  confidence: 0.9,
};

/** The CI configuration of the sample with the job for reports. */
async function withReports(stage: Stage): Promise<string> {
  const { light } = stage;
  const path = `/projects/${light.id}/repository/files/.gitlab-ci.yml?ref=${light.defaultBranch}`;
  const { content } = (await stage.rest('sam', 'GET', path)) as { content: string };
  const own = Buffer.from(content, 'base64').toString();
  const changed = own.replace(/^( +)bot_user_id:/m, '$1merge_requests: true\n$1bot_user_id:');
  if (changed === own) throw new Error(`no inputs in ${own}`);
  return changed;
}

test('what the agents found stands in the widgets, and the gate in the same pipeline', async () => {
  const stage = await open();
  const { gitlab } = stage.world;
  const project = await stage.project('reports/widgets', {
    '.gitlab-ci.yml': await withReports(stage),
    '.autodev.yml': 'verify: { reports: true }\nsecurity: { scanners: [gitleaks] }\n',
  });
  await stage.rest('dana', 'PUT', `/projects/${project.id}`, {
    only_allow_merge_if_pipeline_succeeds: true,
  });
  hireTeam(stage, 'Show it in the widgets', { review: () => [SMALL] });
  await stage.tell('Show it in the widgets', { project }, async (story) => {
    await story.comment('sam', '/autodev plan bugfix');
    const change = await atGate(story, 'merge');
    await story.expectNote(/Say which round it is/);
    const ofHead = (): ReturnType<typeof gitlab.api.pipelines> =>
      gitlab.api
        .pipelines(project.path)
        .filter(({ spec }) => spec.mergeRequest && spec.sha === headOf(change));
    await story.waitFor(
      'the reports',
      () => ofHead().length > 1 && ofHead()[0]?.status === 'success',
    );
    await stage.settled();
    const [pipeline, ...others] = ofHead();
    expect(pipeline?.jobs.map(({ name }) => name).toSorted()).toEqual(['autodev-reports', 'test']);
    const base = `/projects/${project.id}/pipelines/${pipeline?.id}`;
    const { total } = (await stage.rest('sam', 'GET', `${base}/test_report_summary`)) as {
      total: Record<string, number>;
    };
    expect(total).toMatchObject({ failed: 0, error: 0 });
    const page = await fetch(`${gitlab.url}/${project.path}/-/merge_requests/${change.iid}`);
    const text = await page.text();
    expect(text).toContain('Code Quality: 1 findings');
    expect(text).toContain('minor · Say which round it is in team.txt');
    expect(text).toMatch(/SAST by AutoDev: 0 findings/);
    // Where the machine has no Gitleaks, the report says that nobody looked.
    expect(text.replaceAll(/\s+/g, ' ')).toMatch(
      /Secret detection by Gitleaks: (?:0 findings|the scan did not finish · Gitleaks: gitleaks is not on)/,
    );
    expect(text).not.toContain('Dependency scanning');
    expect(change.description).toMatch(/\*\*Scanners\*\* Gitleaks /);
    // GitLab looks at the newest pipeline of a head: the gate must stand there.
    const statuses = project.statuses.filter(({ pipelineId }) => pipelineId === pipeline?.id);
    expect(statuses.map(({ name, status }) => [name, status])).toContainEqual([
      'autodev/gate',
      'pending',
    ]);
    // The pipeline that GitLab itself started for the push had the same job, with nothing to say.
    expect(others).toHaveLength(1);
    const empty = others[0]?.jobs.find(({ name }) => name === 'autodev-reports');
    expect(empty?.status).toBe('success');
    expect(readFileSync(`${empty?.artifactsDir}/autodev-codequality.json`, 'utf8')).toBe('[]\n');
    expect(change.description).toMatch(/\*\*Tested\*\* at `[0-9a-f]{8}`: Its \[pipeline\]/);
  });
});
