/**
 * Judges a history: what the forge saw against what the database says. Knows the promises, and nothing of how
 * the bot keeps them; imports nothing of it. Call it when the bot has nothing left to do.
 */
import type { History } from './history.ts';

export interface Violation {
  /** The rule that was broken, e.g. `lost delivery`. */
  rule: string;
  /** What it was seen on, in one line. */
  what: string;
}

type Rule = (history: History) => string[];

/** Every rule by its name; the unit tests show each a history that it must catch. */
export const RULES: Readonly<Record<string, Rule>> = {
  'lost delivery': ({ answered, deliveries }) => {
    const known = new Set(deliveries.map(({ id }) => id));
    return answered.filter((id) => !known.has(id)).map((id) => `delivery ${id} has no row`);
  },
  'delivery undone': ({ deliveries }) =>
    deliveries
      .filter(({ state }) => state === 'new')
      .map(({ id }) => `delivery ${id} is still new`),
  'delivery given up': ({ deliveries }) =>
    deliveries
      .filter(({ state }) => state === 'parked')
      .map(({ id, reason }) => `delivery ${id} is parked: ${reason ?? 'no reason'}`),
  'delivery without decision': ({ deliveries }) =>
    deliveries
      .filter(({ state, audited, reason }) =>
        state === 'done' ? !audited : state === 'ignored' && (reason ?? '') === '',
      )
      .map(({ id, state }) => `delivery ${id} is ${state} and nobody knows why`),
  'effect undone': ({ effects }) =>
    effects
      .filter(({ state }) => state === 'pending')
      .map(({ key, error }) => `${key} is still to be done: ${error ?? 'never tried'}`),
  'effect without receipt': ({ effects }) =>
    effects
      .filter(({ state, receipt }) => state === 'done' && receipt === null)
      .map(({ key }) => `${key} is done without a receipt`),
  'effect failed': ({ effects }) =>
    effects
      .filter(({ state }) => state === 'failed')
      .map(({ key, error }) => `${key} failed: ${error ?? 'no error'}`),
  'two active runs': ({ runs }) =>
    doubles(
      runs.filter(({ state }) => ACTIVE.has(state)),
      ({ project, on, role }) => `${project} ${on} ${role}`,
    ),
  'run without verdict': ({ runs }) =>
    runs
      .filter(({ state, verdicts }) => (ACTIVE.has(state) ? verdicts !== 0 : verdicts !== 1))
      .map(({ id, state, verdicts }) => `run ${id} is ${state} with ${verdicts} verdicts`),
  'attempt numbers': ({ attempts }) =>
    [...groups(attempts, ({ task }) => String(task))].flatMap(([task, of]) => {
      const fences = of.map(({ fence }) => fence).toSorted((a, b) => a - b);
      const wrong = fences.some((fence, index) => fence !== index + 1);
      return wrong ? [`task ${task} has attempts ${fences.join(', ')}`] : [];
    }),
  'stale write': staleWrites,
  'pipeline doubled': pipelinesDoubled,
  'child doubled': ({ forge }) =>
    doubles(
      forge.pipelines.filter(({ parent }) => parent !== null),
      ({ parent }) => `child of pipeline ${parent}`,
    ),
  'branch doubled': ({ forge }) =>
    doubles(forge.branches, ({ project, name }) => `${project} ${issueOfBranch(name)}`),
  'change doubled': ({ forge }) =>
    doubles(
      forge.changes.filter(({ state }) => state === 'opened'),
      ({ project, branch }) => `${project} ${issueOfBranch(branch)}`,
    ),
  'label doubled': ({ forge }) =>
    forge.changes.flatMap(({ iid, labels }) => doubles(labels, (name) => `!${iid} ${name}`)),
  'status note doubled': ({ forge }) =>
    doubles(
      forge.notes.filter(({ body }) => body.includes(STATUS)),
      ({ project, on }) => `${project} ${on}`,
    ),
  'status note forgotten': statusForgotten,
  'note doubled': ({ forge }) =>
    doubles(
      forge.notes.filter(({ body }) => markerOf(body) !== null),
      ({ project, body }) => `${project} ${markerOf(body)}`,
    ),
  'note twice in words': ({ forge }) =>
    doubles(
      forge.notes.filter(({ body }) => !body.includes(STATUS)),
      ({ project, on, body }) => `${project} ${on} ${wordsOf(body)}`,
    ),
  'emoji doubled': ({ forge }) =>
    doubles(forge.awards, ({ project, on, note, name }) => `${project} ${on} ${note} ${name}`),
  'commit status doubled': ({ forge }) =>
    doubles(
      forge.statuses,
      ({ project, sha, name, pipeline }) => `${project} ${sha} ${name} ${pipeline}`,
    ),
  'receipt of nothing': receiptsOfNothing,
  'money does not add up': money,
  'usage against model': usageAgainstModel,
};

/** Everything in a history that breaks a promise; `but` names rules that a row breaks on purpose. */
export function violationsIn(history: History, but: readonly string[] = []): Violation[] {
  return Object.entries(RULES)
    .filter(([rule]) => !but.includes(rule))
    .flatMap(([rule, find]) => find(history).map((what) => ({ rule, what })));
}

const ACTIVE: ReadonlySet<string> = new Set(['queued', 'running', 'paused']);
const STATUS = '<!-- autodev:status -->';

function groups<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  return Map.groupBy(items, keyOf);
}

/** The keys that more than one item has. */
function doubles<T>(items: readonly T[], keyOf: (item: T) => string): string[] {
  return [...groups(items, keyOf)]
    .filter(([, of]) => of.length > 1)
    .map(([key, of]) => `${key}: ${of.length} of one`);
}

/** A branch's issue and kind: `autodev/12-title` and `autodev/spec-12-title` are two of issue 12. */
function issueOfBranch(name: string): string {
  return /^autodev\/((?:[a-z]+-)?\d+)/.exec(name)?.[1] ?? name;
}

/** The hidden name of a note that is to be there once. */
function markerOf(body: string): string | null {
  return /<!-- (autodev:(?!status)[\w:/.-]+) -->/.exec(body)?.[1] ?? null;
}

/** What people read of a note. */
function wordsOf(body: string): string {
  return body.replace(/<!--.*?-->/gs, '').trim();
}

/** A result that came from an attempt after a newer one had taken its place. */
function staleWrites({ attempts, jobs }: History): string[] {
  const byTask = groups(attempts, ({ task }) => String(task));
  const stale = attempts.filter(({ task, fence, result, state, endedAt }) =>
    (byTask.get(String(task)) ?? []).some(
      (other) =>
        other.fence > fence && result && state === 'finished' && other.createdAt < (endedAt ?? 0),
    ),
  );
  const taken = jobs.flatMap(({ attempt, results }) => {
    const accepted = results.filter((status) => status === 202).length;
    const row = attempts.find(({ id }) => id === attempt);
    if (accepted > 1) return [`attempt ${attempt} brought ${accepted} results that were taken`];
    if (accepted === 1 && row?.result !== true) return [`the result of attempt ${attempt} is lost`];
    return [];
  });
  const claims = doubles(
    jobs.filter(({ claimed }) => claimed === 200),
    ({ attempt }) => `claims of attempt ${attempt}`,
  );
  return [
    ...stale.map(({ id }) => `attempt ${id} wrote after a newer one began`),
    ...taken,
    ...claims,
  ];
}

/** One that succeeded has done something. */
const OVER = new Set(['canceled', 'failed']);

/**
 * Every pipeline the bot started is of exactly one launch, and no launch has two. One that was created by a request
 * which a stopped process had under way already, or that was over before anybody heard of it, is known, and over.
 */
function pipelinesDoubled({ forge, launches, attempts }: History): string[] {
  const own = forge.pipelines.filter(({ source }) => source === 'api');
  const bound = new Set(launches.map(({ pipeline }) => pipeline));
  const strays = own.filter(({ id }) => !bound.has(id));
  const worked = new Set(attempts.map(({ launch }) => launch));
  const surplus = new Set(launches.filter(({ id }) => !worked.has(id)).map((one) => one.pipeline));
  const going = own.filter(({ id, status }) => surplus.has(id) && !OVER.has(status));
  const shared = doubles(
    launches.filter(({ pipeline }) => pipeline !== null),
    ({ pipeline }) => `launches of pipeline ${pipeline}`,
  );
  const ofLaunch = groups(
    attempts.filter(({ pipeline }) => pipeline !== null),
    ({ launch }) => String(launch),
  );
  const split = [...ofLaunch].filter(([, of]) => new Set(of.map((one) => one.pipeline)).size > 1);
  return [
    ...strays.map(({ id, status }) => `pipeline ${id} (${status}) belongs to no launch`),
    ...going.map(({ id, status }) => `pipeline ${id} (${status}) is one too many`),
    ...shared,
    ...split.map(([launch]) => `launch ${launch} has several pipelines`),
  ];
}

/** The status note that the run remembers is one that is there. */
function statusForgotten({ runs, forge }: History): string[] {
  const there = new Set(
    forge.notes.filter(({ body }) => body.includes(STATUS)).map(({ id }) => id),
  );
  return runs
    .filter(({ statusNote }) => statusNote !== null && !there.has(statusNote))
    .map(({ id, statusNote }) => `run ${id} remembers note ${statusNote}, which is not there`);
}

/** What a receipt names is there in the forge. */
function receiptsOfNothing({ effects, forge }: History): string[] {
  const pipelines = new Set(forge.pipelines.map(({ id }) => id));
  const notes = new Set(forge.notes.map(({ id }) => id));
  return effects.flatMap(({ kind, key, state, receipt }) => {
    if (state !== 'done' || receipt === null) return [];
    const { pipelineId, noteId } = receipt as { pipelineId?: number; noteId?: number };
    const noPipeline = kind === 'create_pipeline' && !pipelines.has(pipelineId ?? 0);
    const noNote =
      ['reply', 'status_comment', 'report_note'].includes(kind) && !notes.has(noteId ?? 0);
    return noPipeline || noNote ? [`${key} has a receipt for what is not there`] : [];
  });
}

/** Sums of the calls' costs are what runs, tasks and days say was spent; nothing stays reserved. */
function money({ runs, tasks, usage, budgets, holds }: History): string[] {
  const sum = (of: readonly { cost: number }[]): number =>
    of.reduce((all, { cost }) => all + cost, 0);
  const wrong = (what: string, spent: number, cost: number): string[] =>
    spent === cost ? [] : [`${what} spent ${spent}, its calls cost ${cost}`];
  const over = new Set(runs.filter(({ state }) => !ACTIVE.has(state)).map(({ id }) => id));
  const kept = [
    ...runs
      .filter(({ id, reserved }) => over.has(id) && reserved !== 0)
      .map(({ id }) => `run ${id}`),
    ...tasks
      .filter(({ run, reserved }) => over.has(run) && reserved !== 0)
      .map(({ id }) => `task ${id}`),
    ...(over.size === runs.length && holds !== 0 ? [`${holds} holds`] : []),
  ];
  return [
    ...runs.flatMap(({ id, spent }) =>
      wrong(`run ${id}`, spent, sum(usage.filter(({ run }) => run === id))),
    ),
    ...tasks.flatMap(({ id, spent }) =>
      wrong(`task ${id}`, spent, sum(usage.filter(({ task }) => task === id))),
    ),
    ...budgets.flatMap(({ project, spent }) =>
      wrong(
        project === null ? 'the installation' : `repository ${project}`,
        spent,
        sum(usage.filter((row) => project === null || row.project === project)),
      ),
    ),
    ...kept.map((what) => `money stays reserved for ${what}`),
  ];
}

/** Every call a job saw answered is paid for once, and nothing is paid for that no model was asked. */
function usageAgainstModel({ usage, jobs, modelCalls }: History): string[] {
  const paid = groups(usage, ({ attempt }) => String(attempt));
  const unpaid = jobs.filter(({ attempt, answered }) => {
    return (paid.get(String(attempt)) ?? []).length < answered;
  });
  const told = usage.filter(({ known }) => known).length;
  const more = told > modelCalls;
  return [
    ...unpaid.map(
      ({ attempt, answered }) => `attempt ${attempt} paid for less than ${answered} calls`,
    ),
    ...(more ? [`${told} calls are paid for, the model saw ${modelCalls}`] : []),
  ];
}
