/**
 * Purpose: `/autodev help`: what makes sense here and now at once, the rest of what can be started folded
 * away by what it is for.
 */
import type { TargetType } from '../domain/runs.ts';
import type { Snapshot } from '../domain/snapshot.ts';
import { GROUPS, sensibleNow, type CommandHelp, type Group } from './command-help.ts';

/** Groups that are unfolded. */
const OPEN: ReadonlySet<Group> = new Set(['work', 'looks', 'steering']);

/** The list for a place; `levels` says from which role on a command may be given. */
export function helpText(
  where: TargetType,
  facts: Pick<Snapshot, 'run' | 'lastRun'>,
  levels: (command: string) => string,
): string {
  const here = sensibleNow(where, facts);
  const line = (command: CommandHelp): string =>
    `- \`/autodev ${command.usage}\`: ${command.does} (${levels(command.name)})`;
  const folded = (Object.keys(GROUPS) as Group[]).flatMap((group) => {
    const some = here.filter((command) => command.group === group);
    if (OPEN.has(group) || some.length === 0) return [];
    const names = some.map(({ name }) => name).join(', ');
    const summary = `<summary>${GROUPS[group]}: ${names}</summary>`;
    return ['', `<details>${summary}`, '', ...some.map(line), '', '</details>'];
  });
  const label = here.some(({ name }) => name === 'implement')
    ? [
        '',
        'The label `autodev` does the same as `/autodev implement`, and `autodev::<command>` the same as ' +
          'any other command that starts work.',
      ]
    : [];
  return [
    'What works here now, and from which role on:',
    '',
    ...here.filter(({ group }) => OPEN.has(group)).map(line),
    ...folded,
    ...label,
  ].join('\n');
}
