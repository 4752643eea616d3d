/**
 * Purpose: files that runs are about to change. A run with an approved specification claims the files
 * it names before its builder starts, all or none; while another active run has one of them it waits
 * and holds nothing, so that no two runs can wait for each other. Other runs claim what they really
 * changed when they publish, and people are told where that meets.
 */
import type { StageDefinition } from '../../schema/wire/workflow.ts';
import { isActive } from '../domain/outcomes.ts';
import { lastDone, resultOf, type Run } from '../domain/runs.ts';
import type { Decision, FileClaim, Snapshot, Write } from '../domain/snapshot.ts';
import { TASKS } from '../domain/task-types.ts';
import { acted } from './decision.ts';
import { refuse, replyTo, type Ask } from './ask.ts';
import { utcTime } from './format.ts';
import { code } from './text.ts';

/** Files that one run claims before it starts. */
const MAX_FILES = 100;
const MAX_PATH = 400;
const MAX_TOLD = 5;

/** The files the run's specification names, as they are claimed: plain paths, sorted, each once. */
export function predictedFiles(run: Run): string[] {
  const report = resultOf(lastDone(run, 'write_spec'))?.report;
  if (report?.kind !== 'spec') return [];
  const paths = report.files.map(plainPath).filter((path) => path !== null);
  return [...new Set(paths)].toSorted().slice(0, MAX_FILES);
}

/** A path within the repository; null for globs, folders, and what leads out of it. */
export function plainPath(text: string): string | null {
  const parts = text
    .trim()
    .split('/')
    .filter((part) => part !== '' && part !== '.');
  const path = parts.join('/');
  if (path === '' || path.length > MAX_PATH || text.trim().endsWith('/')) return null;
  if (parts.includes('..') || /[\x00-\x1f\x7f*?[\]{}]/.test(path)) return null;
  return path;
}

/** What entering the stage means for files: nothing, a claim, or a wait for the others' claims. */
export function claimFor(
  run: Run,
  stage: StageDefinition,
  snapshot: Pick<Snapshot, 'claimed'>,
): { paths: string[] } | { waitsFor: FileClaim[] } | null {
  if (stage.kind !== 'task' || stage.aside || TASKS[stage.task].fromSpec !== true) return null;
  // What is claimed once stays claimed: a run with a change of its own waits for nobody.
  if (run.changes.code !== null) return null;
  const paths = predictedFiles(run);
  if (paths.length === 0) return null;
  const taken = snapshot.claimed.filter(({ path }) => paths.includes(path));
  return taken.length > 0 ? { waitsFor: taken } : { paths };
}

/** `src/a.js, claimed by #12 until 14:20 UTC`; the paths are data. */
export function claimText(claims: readonly FileClaim[]): string {
  const [first] = claims;
  if (first === undefined) return '';
  const of = claims.filter(({ runId }) => runId === first.runId);
  const more = claims.length > of.length ? ', and others' : '';
  return `${paths(of)}, claimed by ${holder(first)} until ${utcTime(latest(of))}${more}`;
}

/** `/autodev unlock [path]`: takes away the claims that this run waits for. */
export function unlockFiles(ask: Ask, snapshot: Snapshot): Decision {
  const { run } = snapshot;
  const blocking = run && isActive(run.state) ? snapshot.claimed : [];
  if (!run || blocking.length === 0) {
    const body =
      'No file that the work here needs is claimed by other work. `/autodev status` says how far it is.';
    return refuse(ask, body, 'nothing to unlock');
  }
  const wanted = ask.args.trim() === '' ? null : plainPath(ask.args);
  const taken = ask.args.trim() === '' ? blocking : blocking.filter(({ path }) => path === wanted);
  if (taken.length === 0) {
    const body =
      `${code(ask.args)} does not hold up the work here; ${paths(blocking)} does. ` +
      '`/autodev unlock` releases all of it.';
    return refuse(ask, body, 'no such claim');
  }
  const who = `${ask.actor.username} (id ${ask.actor.id})`;
  const writes: Write[] = [...Map.groupBy(taken, ({ runId }) => runId)].map(([runId, claims]) => ({
    op: 'release_files',
    runId,
    paths: claims.map(({ path }) => path),
    why: `released for run ${run.id} by ${who}`,
  }));
  const lines = [...Map.groupBy(taken, ({ runId }) => runId).values()].map((claims) => {
    const [first] = claims;
    if (first === undefined) return '';
    return `${holder(first)}, asked for by @${first.requester}, had claimed ${paths(claims)}.`;
  });
  const body =
    `${lines.join(' ')} The claim is released and the work here goes on; whoever merges second may ` +
    'have to solve conflicts.';
  return acted(
    taken.map(({ path, runId }) => `${path} of run ${runId} released by ${who}`),
    [...writes, { op: 'wake', runId: run.id }],
    [
      ...(ask.noteId === null
        ? []
        : [
            {
              kind: 'react',
              target: ask.target,
              noteId: ask.noteId,
              emoji: 'white_check_mark',
            } as const,
          ]),
      replyTo(ask, body),
    ],
  );
}

/** Lines for the details of the status comment: what the run has, and where others are at work. */
export function claimLines(files: {
  held: readonly FileClaim[];
  met: readonly FileClaim[];
}): string[] {
  const { held, met } = files;
  return [
    ...(held.length === 0
      ? []
      : [`- locks held: ${paths(held, 20)}, until ${utcTime(latest(held))} or the end`]),
    ...(met.length === 0 ? [] : [`- changed here and elsewhere: ${claimText(met)}`]),
  ];
}

/** A paragraph for the description of a change; '' where nobody else is at work on its files. */
export function meetingNote(met: readonly FileClaim[]): string {
  if (met.length === 0) return '';
  return `Other work meets this one: ${claimText(met)}. Whoever merges second may have to solve conflicts.`;
}

function holder({ target }: FileClaim): string {
  return `${target.type === 'issue' ? '#' : '!'}${target.iid}`;
}

function paths(claims: readonly FileClaim[], most = MAX_TOLD): string {
  const shown = claims.slice(0, most).map(({ path }) => code(path, MAX_PATH).replaceAll('|', '¦'));
  const rest = claims.length - shown.length;
  return `${shown.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}

function latest(claims: readonly FileClaim[]): Date {
  return new Date(Math.max(...claims.map(({ until }) => until.getTime())));
}
