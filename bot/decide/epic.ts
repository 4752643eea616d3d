/**
 * Purpose: the plan of an epic as people approved it, and how far each of its children is.
 *
 * The plan is the typed report in the store; the page that people approve is made from it and never
 * read back.
 */
import type { EpicChild, EpicReport } from '../../schema/wire/report.ts';
import type { ChildFacts } from '../domain/children.ts';
import { isActive } from '../domain/outcomes.ts';
import { lastDone, resultOf, type Run } from '../domain/runs.ts';

/** The newest plan of a run; null when it has none. */
export function planOf(run: Run): EpicReport | null {
  const report = resultOf(lastDone(run, 'break_down_epic'))?.report;
  return report?.kind === 'epic' ? report : null;
}

/** Why a plan cannot be followed, naming the children by their number; null when it can. */
export function planProblem(plan: EpicReport): string | null {
  const { children } = plan;
  const last = children.length - 1;
  const outside = placesWhere(children, ({ dependsOn }) => dependsOn.some((other) => other > last));
  if (outside.length > 0) {
    return `${named(outside)} ${outside.length === 1 ? 'waits' : 'wait'} for a child that is not in the plan`;
  }
  const titles = children.map(titleKey);
  const twice = placesWhere(children, (child) => {
    const key = titleKey(child);
    return titles.indexOf(key) !== titles.lastIndexOf(key);
  });
  if (twice.length > 0) return `${named(twice)} have the same title`;
  const circle = placesWhere(children, (_child, place) => reaches(children, place, place));
  if (circle.length === 0) return null;
  return circle.length === 1
    ? `${named(circle)} waits for itself`
    : `${named(circle)} wait for each other`;
}

/** What a title is recognised by. */
export function titleKey({ title }: Pick<EpicChild, 'title'>): string {
  return title.toLowerCase().replaceAll(/\s+/g, ' ').trim();
}

function placesWhere(
  children: readonly EpicChild[],
  holds: (child: EpicChild, place: number) => boolean,
): number[] {
  return children.flatMap((child, place) => (holds(child, place) ? [place] : []));
}

/** True when a child waits, directly or over others, for the one at `goal`. */
function reaches(children: readonly EpicChild[], from: number, goal: number): boolean {
  const seen = new Set<number>();
  const open = [from];
  for (let place = open.pop(); place !== undefined; place = open.pop()) {
    for (const other of children[place]?.dependsOn ?? []) {
      if (other === goal) return true;
      if (!seen.has(other)) {
        seen.add(other);
        open.push(other);
      }
    }
  }
  return false;
}

function named(places: readonly number[]): string {
  const numbers = places.map((place) => String(place + 1));
  return `${numbers.length === 1 ? 'Child' : 'Children'} ${listed(numbers)}`;
}

/** `1`, `1 and 2`, `1, 2 and 3`. */
export function listed(words: readonly string[]): string {
  if (words.length < 2) return words.join('');
  return `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}

/**
 * Where a child stands. `planned`: it has no issue yet. `waiting`: for those it depends on. `ready`: it
 * may start. `closed`: people closed its issue, which counts as done. `blocked`: what it depends on failed.
 */
export type ChildState =
  'planned' | 'waiting' | 'ready' | 'running' | 'done' | 'closed' | 'failed' | 'blocked';

/**
 * The state of every child, by its place in the plan. A run that had failed before the epic came to its
 * children (again) does not count: that child may start anew.
 */
export function childStates(
  plan: EpicReport,
  facts: readonly ChildFacts[],
  since: Date,
): ChildState[] {
  const known = new Map<number, ChildState>();
  const stateAt = (place: number): ChildState => {
    const there = known.get(place);
    if (there !== undefined) return there;
    // Plans are without circles; should one come here all the same, it is not followed for ever.
    known.set(place, 'blocked');
    const before = (plan.children[place]?.dependsOn ?? []).map(stateAt);
    const state = stateOf(facts[place], before, since);
    known.set(place, state);
    return state;
  };
  return plan.children.map((_child, place) => stateAt(place));
}

function stateOf(
  child: ChildFacts | undefined,
  before: readonly ChildState[],
  since: Date,
): ChildState {
  const run = child?.run ?? null;
  if (run !== null && isActive(run.state)) return 'running';
  if (run?.verdict === 'done') return 'done';
  if (child?.now?.state === 'closed') return 'closed';
  // Its issue was deleted, or holds what must not be published.
  if (child?.now === null || child?.now?.confidential === true) return 'failed';
  if (run?.finishedAt != null && run.finishedAt >= since) return 'failed';
  if (before.some((state) => state === 'failed' || state === 'blocked')) return 'blocked';
  if (!child?.issue) return 'planned';
  return child.now !== undefined && before.every(isFinished) ? 'ready' : 'waiting';
}

/** True for what those that depend on it need not wait for. */
export function isFinished(state: ChildState): boolean {
  return state === 'done' || state === 'closed';
}

/** Children that may start, the most urgent first. */
export function readyPlaces(plan: EpicReport, states: readonly ChildState[]): number[] {
  const priority = (place: number): number => plan.children[place]?.priority ?? 0;
  return states
    .flatMap((state, place) => (state === 'ready' ? [place] : []))
    .toSorted((a, b) => priority(b) - priority(a) || a - b);
}

/** How far the children are, in one line. */
export function progressText(states: readonly ChildState[]): string {
  const count = (wanted: readonly ChildState[]): number =>
    states.filter((state) => wanted.includes(state)).length;
  const parts = [
    [count(['done', 'closed']), 'done'],
    [count(['running']), 'running'],
    [count(['planned', 'waiting', 'ready']), 'waiting'],
    [count(['failed']), 'failed'],
    [count(['blocked']), 'blocked'],
  ] as const;
  const shown = parts.filter(([number]) => number > 0).map(([number, word]) => `${number} ${word}`);
  return `${states.length} ${states.length === 1 ? 'child' : 'children'}: ${shown.join(', ')}`;
}
