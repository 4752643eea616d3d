/** What several rows look at besides the checker. */
import type { CallRecord } from '../../sandbox/gitlab/rest/call-log.ts';
import type { Project } from '../../sandbox/gitlab/state/types.ts';
import { until } from '../../test/support/until.ts';
import type { History } from './history.ts';
import type { Place } from './place.ts';

const STATUS = '<!-- autodev:status -->';
/** A missed webhook is made up for within so long (promise 2). */
const FOUND_MS = 90_000;
/** Characters of an answer that a failure tells. */
const SAID = 200;

/** Which of the bot's processes ended by themselves, as a failure; null: none. */
export function endedAlone(place: Place): string | null {
  const gone = place.lives.filter((life) => !life.alive()).map(({ name }) => name);
  return gone.length === 0 ? null : `ended by itself: ${gone.join(', ')}`;
}

/** Resolves when the bot has begun with every issue of the project; rejects after 90 seconds. */
export function allBegun(project: Project): Promise<void> {
  const begun = (): boolean =>
    project.issues.every(({ notes }) => notes.some(({ body }) => body.includes(STATUS)));
  return until(begun, FOUND_MS, 'every issue to be begun with');
}

/** Calls by the bot about this project since call number `from`. */
export function callsAbout({ world }: Place, { id }: Project, from: number): CallRecord[] {
  const about = new RegExp(`/projects/${id}(?![0-9])`);
  return world.gitlab.calls.all
    .slice(from)
    .filter(({ user, path }) => user === 'autodev' && about.test(path));
}

/** Whether the bot has written anything to the project since call number `from`. */
export function wrote(place: Place, project: Project, from: number): boolean {
  return callsAbout(place, project, from).some(({ method }) => method !== 'GET');
}

/** Every issue of the project has exactly one run; what is wrong, or null. */
export function oneRunEach(project: Project, { runs }: History): string | null {
  const own = runs.filter((run) => run.project === project.id);
  const wrong = project.issues.filter(
    ({ iid }) => own.filter(({ on }) => on === `issue/${iid}`).length !== 1,
  );
  return wrong.length === 0
    ? null
    : `${wrong.length} of ${project.issues.length} issues have not one run`;
}

/** Every run of the project ended well; what is wrong, or null. */
export function allCompleted(project: Project, { runs }: History): string | null {
  const ended = runs.filter((run) => run.project === project.id).map(({ state }) => state);
  const wrong = ended.filter((state) => state !== 'completed');
  return wrong.length === 0 ? null : `a run ended as ${wrong.join(', ')}`;
}

/** The project's webhooks so far, and what came instead of an answer with 2xx. */
export function hookAnswers(project: Project): { all: number; refusals: string[] } {
  const logs = project.hooks.flatMap((hook) => hook.logs);
  const refused = logs.filter(({ responseStatus }) => !/^2\d\d$/.test(responseStatus));
  const refusals = refused.map(
    ({ responseStatus, responseBody, executionDuration }) =>
      `${responseStatus} after ${executionDuration.toFixed(1)} s, ${responseBody.slice(0, SAID)}`,
  );
  return { all: logs.length, refusals };
}

/** Webhooks of the project that were not answered with 2xx, as a failure; null: none. */
export function refusedHooks(project: Project): string | null {
  const { all, refusals } = hookAnswers(project);
  const [first] = refusals;
  return first === undefined
    ? null
    : `${refusals.length} of ${all} webhooks were not accepted: ${first}`;
}

/** Calls that are counted in full because their end was not told; for rows in which no process dies before that. */
export function untold({ usage }: History): string | null {
  const calls = usage.filter(({ known }) => !known).length;
  return calls === 0 ? null : `the end of ${calls} calls was not told`;
}
