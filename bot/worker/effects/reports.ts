/**
 * The native reports of a look: rendered here, kept in the receipt, and fetched by one job of a merge
 * request pipeline that is started for them, because only such a pipeline's reports reach the change's
 * page (ADR 0007).
 */
import { openFindings } from '../../decide/findings.ts';
import type { Receipt } from '../../domain/effects.ts';
import type { PipelineInfo } from '../../domain/events.ts';
import { renderReports, type RenderedReports, type ReportFacts } from '../../domain/reports.ts';
import { otherFindings } from '../../domain/reports-other.ts';
import { scanFacts, type ScanFacts } from '../../domain/scans.ts';
import { resultOf, type Run, type Task } from '../../domain/runs.ts';
import { ForgeError } from '../../forge/errors.ts';
import { lastGate } from '../../store/reports.ts';
import { loadRun } from '../load-run.ts';
import { neutralise, neutraliseTitle } from '../publish/neutralise.ts';
import type { EffectContext } from './context.ts';
import { DESCRIPTION_CHARS, STATUS_NAME } from './gates.ts';

const BODY_CHARS = 4_000;
const TITLE_CHARS = 200;
/** Clock difference to the forge that is allowed for when looking for a lost pipeline. */
const SKEW_MS = 2 * 60_000;

/** Starts the pipeline that shows the reports of a round, or finds the one an earlier try started. */
export async function publishReports(context: EffectContext<'publish_reports'>): Promise<Receipt> {
  const { effect, repo, deps } = context;
  const loaded = await loadRun(deps.db, effect.run);
  const code = loaded?.run.changes.code;
  if (!loaded || code?.iid == null) throw new ForgeError('invalid', 'the change is gone');
  const change = await deps.forge.read.change(repo.projectId, code.iid);
  // On a head that somebody pushed since, the pipeline would run other people's jobs as the bot.
  if (change.state !== 'opened' || change.headSha !== effect.sha) {
    throw new ForgeError('invalid', 'the head moved or it was closed');
  }
  const reports = reportsOf(loaded.run, effect, deps.forgeHost);
  const lost = context.again ? await findLost(context) : null;
  if (!lost) await context.begin();
  const pipeline = lost ?? (await deps.forge.checks.createChangePipeline(repo.projectId, code.iid));
  await copyGate(context, code.branch, pipeline.id);
  return { kind: 'publish_reports', pipelineId: pipeline.id, url: pipeline.url, reports };
}

/** What the round's agents brought, in the forge's formats; their words pass the neutraliser. */
function reportsOf(
  run: Run,
  { round, sha }: { round: number; sha: string },
  allowedHost: string,
): RenderedReports {
  const safe = (text: string): string => neutralise(text, { allowedHost, maxChars: BODY_CHARS });
  const looks = run.tasks.filter((task) => task.stage === effectStage(run) && task.round === round);
  const others = looks.flatMap((task) => {
    const report = resultOf(task)?.report;
    return report ? otherFindings(report, task.agent) : [];
  });
  const findings = [...openFindings(run), ...others].map((finding) => ({
    ...finding,
    title: neutraliseTitle(finding.title, TITLE_CHARS),
    body: safe(finding.body),
  }));
  const to = run.updatedAt;
  const seconds = Math.max(0, ...looks.map((task) => resultOf(task)?.stats.seconds ?? 0));
  const reports = renderReports({
    findings,
    tests: testsOf(looks, safe),
    scans: scansOf(looks, safe),
    coverage: looks.flatMap((task) => resultOf(task)?.coverage ?? []).at(-1) ?? null,
    sha,
    from: new Date(to.getTime() - seconds * 1000),
    to,
  });
  // Two figures of one change would be averaged: the one that CI measured is the one to show.
  return run.checks?.tests?.coverage == null ? reports : { ...reports, coverage: null };
}

/** What testers planned and ran. */
function testsOf(looks: readonly Task[], safe: (text: string) => string): ReportFacts['tests'] {
  const results = looks
    .filter((task) => task.agent === 'tester')
    .flatMap((task) => resultOf(task) ?? []);
  const plan = results.flatMap(({ report }) =>
    report?.kind === 'test' ? (report.cases ?? []) : [],
  );
  return {
    plan: plan.map((one) => ({
      ...one,
      name: neutraliseTitle(one.name, TITLE_CHARS),
      detail: safe(one.detail),
    })),
    checks: results.flatMap(({ checks }) => checks),
  };
}

/** What scanners found, with the agents' reasons made harmless. */
function scansOf(looks: readonly Task[], safe: (text: string) => string): ScanFacts {
  const facts = scanFacts(looks.flatMap((task) => resultOf(task) ?? []));
  return {
    scans: facts.scans,
    findings: facts.findings.map((finding) => ({
      ...finding,
      title: neutraliseTitle(finding.title, TITLE_CHARS),
      text: safe(finding.text),
      judgement: finding.judgement && {
        ...finding.judgement,
        reason: neutraliseTitle(finding.judgement.reason, TITLE_CHARS),
      },
    })),
  };
}

function effectStage(run: Run): string | undefined {
  return run.context.workflow.stages.find((stage) => stage.kind === 'verify')?.id;
}

/** The newest pipeline of a head is the one that GitLab looks at before a merge: the gate stands there. */
async function copyGate(
  context: EffectContext<'publish_reports'>,
  ref: string,
  pipelineId: number,
): Promise<void> {
  const { effect, repo, deps } = context;
  const gate = await lastGate(deps.db, effect.run, effect.sha);
  if (gate === null) return;
  const { pipelinesMustSucceed } = await deps.forge.read.project(repo.projectId);
  if (!pipelinesMustSucceed) return;
  await deps.forge.gate.setStatus(repo.projectId, effect.sha, {
    name: STATUS_NAME,
    state: gate.state,
    description: gate.text.slice(0, DESCRIPTION_CHARS),
    ref,
    pipelineId,
  });
}

/** A merge request pipeline of that head that the bot started since the first try. */
async function findLost(context: EffectContext<'publish_reports'>): Promise<PipelineInfo | null> {
  const { effect, row, repo, deps } = context;
  const startedAt = row.startedAt ?? deps.now();
  const bot = await deps.bot();
  const [newest] = await deps.forge.ci.pipelines(repo.projectId, {
    sha: effect.sha,
    source: 'merge_request_event',
    username: bot.username,
    createdAfter: new Date(startedAt.getTime() - SKEW_MS).toISOString(),
  });
  return newest ?? null;
}
