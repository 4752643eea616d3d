/**
 * The scripts of the demo's feature, played by the real engine with the real prompts and requests on a
 * checkout of the sample: every edit applies, tests pass and fail as the agents say, votes add up.
 */
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { loadAgents } from '../../bot/config/settings.ts';
import { taskInput, type TaskInputFacts } from '../../bot/decide/task-input.ts';
import { TASKS } from '../../bot/domain/task-types.ts';
import { consensusOf, securityScore } from '../../bot/domain/votes.ts';
import { firstMessage } from '../../jobs/context/first-message.ts';
import type { LoopResult } from '../../jobs/engines/builtin/loop-input.ts';
import { runLoop } from '../../jobs/engines/builtin/loop.ts';
import { buildRoute } from '../../jobs/engines/builtin/route.ts';
import { selectTools } from '../../jobs/tools/all.ts';
import { loadScripts } from '../../sandbox/model/scripts.ts';
import { startModelServer, type ModelServer } from '../../sandbox/model/server.ts';
import { SAMPLE_ISSUES, sampleProjectFiles } from '../../sandbox/sample-project.ts';
import type { AgentRole, TaskType } from '../../schema/wire/agent.ts';
import type { Report } from '../../schema/wire/report.ts';
import type { CommandCheck } from '../../schema/wire/result.ts';
import { writeFiles } from '../support/ci-sandbox.ts';
import { type Passthrough, startPassthrough } from './jobs-passthrough.ts';
import { makeSpec, NO_GUIDES, NOBODY } from './jobs-standin.ts';

const TOKEN = 'the-token';
const agents = loadAgents('config/agents');
let model: ModelServer;
let gateway: Passthrough;
let folder = '';
let root = '';

beforeAll(async () => {
  // The delays are there for people who watch the demo.
  const scripts = (await loadScripts('sandbox/model/scripts')).map((script) => ({
    ...script,
    answer: async (...asked: Parameters<typeof script.answer>) => ({
      ...(await script.answer(...asked)),
      delayMs: 0,
    }),
  }));
  model = await startModelServer({ scripts, keys: { openai: TOKEN, anthropic: TOKEN } });
  gateway = await startPassthrough(model.url);
});
afterAll(async () => {
  gateway.close();
  await model.close();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function checkout(): void {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'autodev-journey-')));
  root = join(folder, 'workspace');
  writeFiles(root, sampleProjectFiles({ local: '/autodev.yml' }));
}

const env = (): Record<string, string> => ({
  PATH: process.env['PATH'] ?? '',
  HOME: folder,
  LANG: 'C.UTF-8',
  TMPDIR: tmpdir(),
  CI: 'true',
});

interface Played extends LoopResult {
  script: string | null;
  checks: CommandCheck[];
  /** Paths that differ from before. */
  changed: string[];
}

/** Lets the agent of `role` do one task in the checkout, as a job would. */
async function play(role: AgentRole, type: TaskType, facts: TaskInputFacts): Promise<Played> {
  const agent = agents[role];
  if (!agent) throw new Error(`no agent ${role}`);
  const { models: routes, tools, limits } = agent.settings;
  const spec = { ...makeSpec('openai'), models: routes, tools, report: TASKS[type].report, limits };
  const { models } = buildRoute(routes, {
    gateway: gateway.url,
    token: TOKEN,
    onRequest: () => undefined,
  });
  const before = snapshot();
  const checks: CommandCheck[] = [];
  const result = await runLoop({
    spec: { ...spec, instructions: agent.prompt },
    opening: await firstMessage(root, taskInput(type, facts), NO_GUIDES),
    models,
    tools: selectTools(spec),
    context: {
      root,
      resultBytes: limits.toolResultBytes,
      commandSeconds: 10,
      env: env(),
      self: [process.execPath, resolve('jobs/main.ts')],
      signal: AbortSignal.timeout(50_000),
      ...NOBODY,
      onCommand: (check) => checks.push(check),
    },
    takeMessages: () => [],
    events: { turn: () => undefined, tool: () => undefined, note: () => undefined },
    now: Date.now,
  });
  const after = snapshot();
  const paths = [...new Set([...Object.keys(before), ...Object.keys(after)])].toSorted();
  const changed = paths.filter((path) => before[path] !== after[path]);
  return { ...result, script: model.requests.at(-1)?.script ?? null, checks, changed };
}

function snapshot(): Record<string, string> {
  const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  return Object.fromEntries(
    files.map((entry) => {
      const path = join(entry.parentPath, entry.name);
      const hash = createHash('sha256').update(readFileSync(path)).digest('hex');
      return [path.slice(root.length + 1), hash];
    }),
  );
}

function wordfreq(...args: string[]): unknown {
  const { stdout } = spawnSync('node', ['src/cli.js', ...args, 'README.md'], {
    cwd: root,
    env: env(),
    encoding: 'utf8',
  });
  return JSON.parse(stdout);
}

/** The report, of the kind asked for; fails with the engine's own words otherwise. */
function reportOf<K extends Report['kind']>(played: Played, kind: K): Extract<Report, { kind: K }> {
  const { outcome, cause, report } = played;
  expect({ outcome, cause }).toEqual({ outcome: 'finished', cause: 'The agent finished its work' });
  if (report?.kind !== kind) throw new Error(`${played.script} reported ${report?.kind}`);
  return report as Extract<Report, { kind: K }>;
}

const { title, description } = SAMPLE_ISSUES.feature;
const ISSUE: TaskInputFacts = { iid: 1, title, text: description, request: '' };
const CHANGED = ['README.md', 'src/cli.js', 'test/cli.test.js'];

/** What the three look at and say about the change as it stands. */
async function verify(facts: TaskInputFacts) {
  const reviewed = await play('reviewer', 'review_mr', facts);
  const tested = await play('tester', 'run_tests', facts);
  const scanned = await play('security', 'security_scan', facts);
  expect([reviewed.changed, tested.changed, scanned.changed]).toEqual([[], [], []]);
  expect(reviewed.model).toBe('openai/gpt-6.1-sol');
  expect(tested.checks.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
  return {
    review: reportOf(reviewed, 'review'),
    test: reportOf(tested, 'test'),
    security: reportOf(scanned, 'security'),
  };
}

function consensus(
  confidence: number,
  selfScore: number,
  round: Awaited<ReturnType<typeof verify>>,
) {
  const scores: [AgentRole, number][] = [
    ['architect', confidence * 10],
    ['builder', selfScore],
    ['reviewer', round.review.score],
    ['tester', round.test.score],
    ['security', securityScore(round.security.rubric).score],
  ];
  const weight = (role: AgentRole): number => agents[role]?.settings.voteWeight ?? 0;
  return consensusOf(
    scores.map(([role, score]) => ({ role, score, weight: weight(role), basis: '' })),
  );
}

test('the feature goes from a specification over a real flaw to a change worth merging', async () => {
  checkout();
  const judged = await play('pm', 'triage_issue', ISSUE);
  expect(reportOf(judged, 'triage')).toMatchObject({ type: 'feature', missing: [] });
  expect([judged.script, judged.changed]).toEqual(['journey-pm', []]);

  const specified = await play('architect', 'write_spec', ISSUE);
  const spec = reportOf(specified, 'spec');
  expect(specified.changed).toEqual([]);
  expect(spec).toMatchObject({ feasible: true, confidence: 9 });

  const approved = { ...ISSUE, spec: spec.text };
  const built = await play('builder', 'implement_feature', approved);
  const first = reportOf(built, 'build');
  expect([built.script, built.changed]).toEqual(['journey-builder', CHANGED]);
  expect(spec.files.toSorted()).toEqual(CHANGED);
  expect(built.checks.map(({ exitCode }) => exitCode)).toEqual([0]);
  // The flaw is there, and no test of the repository shows it.
  expect((wordfreq('--json', '--top', '2') as unknown[]).length).toBeGreaterThan(2);

  const facts = { ...approved, changed: CHANGED };
  const written = await play('docs', 'write_docs', facts);
  expect([written.outcome, written.script]).toEqual(['finished', 'journey-docs']);
  expect([written.report, written.changed]).toEqual([undefined, ['README.md']]);
  // The example in the README is what the program prints.
  const example = /\[\n {2}\{[^\]]*\n\]/.exec(readFileSync(join(root, 'README.md'), 'utf8'))?.[0];
  expect(JSON.parse(example ?? '')).toEqual([
    { word: 'the', count: 2 },
    { word: 'rain', count: 1 },
  ]);

  const roundOne = await verify(facts);
  expect(roundOne.review.findings).toHaveLength(1);
  const finding = roundOne.review.findings[0];
  const flawed = readFileSync(join(root, 'src/cli.js'), 'utf8').split('\n');
  expect(flawed[(finding?.line ?? 0) - 1]).toContain('JSON.stringify(words, null, 2)');
  expect(finding).toMatchObject({ severity: 'high', path: 'src/cli.js' });
  expect(consensus(spec.confidence, first.selfScore, roundOne)).toMatchObject({
    kind: 'conditional',
  });

  const raised = roundOne.review.findings.map((found) => ({
    ...found,
    fingerprint: 'f',
    by: 'reviewer' as const,
  }));
  const mended = await play('builder', 'address_review_feedback', { ...facts, findings: raised });
  const second = reportOf(mended, 'build');
  expect([mended.script, mended.changed]).toEqual([
    'journey-feedback',
    ['src/cli.js', 'test/cli.test.js'],
  ]);
  expect(mended.checks.map(({ exitCode }) => exitCode)).toEqual([1, 0]);
  expect(wordfreq('--json', '--top', '2')).toHaveLength(2);

  const roundTwo = await verify(facts);
  expect(roundTwo.review).toEqual({ kind: 'review', score: 90, findings: [] });
  expect(consensus(spec.confidence, second.selfScore, roundTwo)).toEqual({
    kind: 'approve',
    score: 86.6,
  });
});

test("the reviewer's suggestion, applied to its line, mends the flaw as well", async () => {
  checkout();
  await play('builder', 'implement_feature', { ...ISSUE, spec: 'Print --json.' });
  const { findings } = reportOf(await play('reviewer', 'review_mr', ISSUE), 'review');
  const file = join(root, 'src/cli.js');
  const lines = readFileSync(file, 'utf8').split('\n');
  lines[(findings[0]?.line ?? 0) - 1] = findings[0]?.suggestion ?? '';
  writeFiles(root, { 'src/cli.js': lines.join('\n') });
  expect(wordfreq('--json', '--top', '2')).toHaveLength(2);
  const { score } = reportOf(await play('reviewer', 'review_mr', ISSUE), 'review');
  expect(score).toBe(90);
});

test.each<[string, AgentRole, TaskType, keyof typeof SAMPLE_ISSUES, string[]]>([
  ['sample-feature', 'builder', 'implement_feature', 'feature', CHANGED],
  ['sample-fix', 'builder', 'implement_fix', 'bug', ['src/count.js', 'test/count.test.js']],
])('%s: one agent, no specification', async (script, role, type, issue, changed) => {
  checkout();
  const { title, description } = SAMPLE_ISSUES[issue];
  const played = await play(role, type, { iid: 1, title, text: description, request: '' });
  expect(reportOf(played, 'build').selfScore).toBeGreaterThanOrEqual(80);
  expect([played.script, played.changed]).toEqual([script, changed]);
  expect(played.checks.map(({ exitCode }) => exitCode)).toEqual([0]);
});

test('a question is answered without a report', async () => {
  checkout();
  const asked = { ...ISSUE, request: 'how are ties ordered?' };
  const played = await play('architect', 'answer_question', asked);
  expect(played).toMatchObject({ outcome: 'finished', script: 'sample-question', changed: [] });
  expect(played.comment).toContain('alphabetical order');
});
