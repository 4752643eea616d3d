/** Purpose: the children of an epic in its status comment, and what it costs with them. */
import type { Family } from '../domain/children.ts';
import { spentOn, type Run } from '../domain/runs.ts';
import { childStates, planOf, type ChildState } from './epic.ts';
import { money } from './format.ts';
import { code } from './text.ts';

const TITLE_CHARS = 60;

const STATE_TEXT: Readonly<Record<ChildState, string>> = {
  planned: 'its issue is being made',
  waiting: 'waits',
  ready: 'waits for its turn',
  running: 'running',
  done: 'done',
  closed: 'closed by people',
  failed: 'did not end well',
  blocked: 'waits for what failed',
};

/** One row per child: its issue, where it stands and what it cost; nothing where there are none. */
export function childLines(run: Run, family: Family | null): string[] {
  const plan = planOf(run);
  if (plan === null || family === null) return [];
  if (family.children.every(({ issue }) => issue === null)) return [];
  const states = childStates(plan, family.children, run.stageSince);
  const rows = plan.children.map((child, place) => {
    const facts = family.children[place];
    const state = states[place] ?? 'planned';
    const after = child.dependsOn.map((other) => reference(family, other)).join(', ');
    const order = state === 'waiting' && after !== '' ? ` for ${after}` : '';
    const cost = facts?.run ? money(facts.run.spentMicrousd) : '';
    const title = code(child.title.replaceAll('|', '/'), TITLE_CHARS);
    return `| ${reference(family, place)} ${title} | ${STATE_TEXT[state]}${order} | ${cost} |`;
  });
  const { url } = family.epicItem;
  return [
    ...(url === '' ? [] : [`The children hang below [this epic](${url}).`, '']),
    '| child | | cost |',
    '|---|---|---|',
    ...rows,
    '',
  ];
}

/** What the cost line says besides the run's own money. */
export function familyCost(run: Run, family: Family | null): string {
  const spent = (family?.children ?? []).reduce(
    (sum, { run: child }) => sum + (child?.spentMicrousd ?? 0),
    0,
  );
  return spent === 0 ? '' : `, ${money(spentOn(run) + spent)} with its children`;
}

function reference(family: Family, place: number): string {
  const iid = family.children[place]?.issue?.iid;
  return iid === undefined ? `child ${place + 1}` : `#${iid}`;
}
