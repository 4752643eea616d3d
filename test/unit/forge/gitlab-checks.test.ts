/** Facts from pipelines: figures, the moment a pipeline ended, and the coverage to compare with. */
import { afterEach, describe, expect, test } from '@jest/globals';
import type { Forge } from '../../../bot/forge/forge.ts';
import { startScriptedGitLab } from './support/scripted-gitlab.ts';
import type { ScriptedGitLab, ScriptedReply } from './support/scripted-gitlab.ts';

let gitlab: ScriptedGitLab | undefined;
afterEach(async () => {
  await gitlab?.close();
  gitlab = undefined;
});

/** Answers by path; what is not named is not there. */
async function forgeWith(answers: Record<string, unknown>): Promise<Forge> {
  gitlab = await startScriptedGitLab(({ path }): ScriptedReply => {
    const json = answers[path];
    return json === undefined ? { status: 404, json: { message: '404 Not found' } } : { json };
  });
  return gitlab.forge;
}

const PIPELINE = '/projects/7/pipelines/9';
const paths = (): string[] => (gitlab?.seen ?? []).map(({ path }) => path).toSorted();

describe('the end of a pipeline', () => {
  const total = {
    time: 1,
    count: 5,
    success: 2,
    failed: 1,
    skipped: 1,
    error: 1,
    suite_error: null,
  };

  test('is told with its tests and coverage, by two requests', async () => {
    const forge = await forgeWith({
      [PIPELINE]: { finished_at: '2026-11-21T12:00:00.000Z', coverage: '87.50' },
      [`${PIPELINE}/test_report_summary`]: { total, test_suites: [] },
    });
    expect(await forge.checks.testFacts(7, 9)).toEqual({
      endedAt: new Date('2026-11-21T12:00:00Z'),
      coverage: 87.5,
      passed: 2,
      failed: 2,
      skipped: 1,
    });
    expect(paths()).toEqual([PIPELINE, `${PIPELINE}/test_report_summary`]);
  });

  test('an empty summary is held against the report, which is not made in the background', async () => {
    const forge = await forgeWith({
      [PIPELINE]: { finished_at: null, coverage: null },
      [`${PIPELINE}/test_report_summary`]: { total: { ...total, count: 0 }, test_suites: [] },
      [`${PIPELINE}/test_report`]: {
        success_count: 48,
        failed_count: 0,
        skipped_count: 1,
        error_count: 0,
      },
    });
    expect(await forge.checks.testFacts(7, 9)).toEqual({
      endedAt: null,
      coverage: null,
      passed: 48,
      failed: 0,
      skipped: 1,
    });
  });
});

describe('the coverage of a branch', () => {
  const row = (id: number, source: string) => ({ id, status: 'success', source });

  test('is that of the newest pipeline that tells one, not of the agents’', async () => {
    const forge = await forgeWith({
      '/projects/7/pipelines': [row(15, 'api'), row(14, 'push'), row(13, 'schedule')],
      '/projects/7/pipelines/14': { coverage: null },
      '/projects/7/pipelines/13': { coverage: 86.3 },
    });
    expect(await forge.checks.coverageOf(7, 'main')).toBe(86.3);
    expect(gitlab?.seen[0]?.query.get('ref')).toBe('main');
    expect(gitlab?.seen[0]?.query.get('status')).toBe('success');
  });

  test('is not searched for without end', async () => {
    const ids = [20, 19, 18, 17, 16];
    const forge = await forgeWith({
      '/projects/7/pipelines': ids.map((id) => row(id, 'push')),
      ...Object.fromEntries(ids.map((id) => [`/projects/7/pipelines/${id}`, { coverage: null }])),
    });
    expect(await forge.checks.coverageOf(7, 'main')).toBeNull();
    expect(gitlab?.seen).toHaveLength(4);
  });
});

test('a pipeline of a change knows its change', async () => {
  const forge = await forgeWith({
    '/projects/7/merge_requests/12/pipelines': {
      id: 31,
      status: 'created',
      ref: 'refs/merge-requests/12/head',
      sha: 'a',
      source: 'merge_request_event',
      web_url: 'https://gitlab.example.com/p/31',
    },
  });
  const made = await forge.checks.createChangePipeline(7, 12);
  expect(made).toMatchObject({ id: 31, changeIid: 12, source: 'merge_request_event' });
  expect(gitlab?.seen.map(({ method }) => method)).toEqual(['POST']);
});
