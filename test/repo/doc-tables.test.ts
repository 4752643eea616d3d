/** Tables in the documents say what the code says: workflow templates, and commands. */
import { expect, test } from '@jest/globals';
import type { StageDefinition, Workflow } from '../../schema/wire/workflow.ts';
import { loadWorkflows } from '../../bot/config/settings.ts';
import { COMMANDS, type CommandHelp, GROUPS } from '../../bot/decide/command-help.ts';
import { read } from './support/sources.ts';

/** The cells of every row of the table below a heading row. */
function rowsOf(text: string, heading: string): string[][] {
  const [, below = ''] = text.split(`\n${heading}\n`);
  const lines = below.split('\n');
  const end = lines.findIndex((line) => !line.startsWith('|'));
  return lines
    .slice(1, end === -1 ? undefined : end)
    .map((line) => line.split(/(?<!\\)\|/).slice(1, -1))
    .map((cells) => cells.map((cell) => cell.trim().replaceAll('\\|', '|')));
}

test('docs/workflows.md lists every template with its stages', () => {
  const rows = rowsOf(read('docs/workflows.md'), '| template | how it starts | stages |');
  const told = Object.fromEntries(rows.map(([name, , stages]) => [name, stages]));
  const shipped = Object.values(loadWorkflows('config/workflows')).flatMap((one) => one ?? []);
  const expected = Object.fromEntries(shipped.map((one) => [`\`${one.name}\``, stagesOf(one)]));
  expect(told).toEqual(expected);
});

/** `a → b ⇄ fix → c`: the way through, with the stage that mends beside the one that finds. */
function stagesOf(workflow: Workflow): string {
  const isAside = (stage: StageDefinition): boolean => stage.kind === 'task' && stage.aside;
  return workflow.stages
    .filter((stage) => !isAside(stage))
    .map((stage) =>
      stage.kind === 'verify' && stage.fix !== undefined ? `${stage.id} ⇄ ${stage.fix}` : stage.id,
    )
    .join(' → ');
}

const rowOf = ({ usage, does }: CommandHelp): string[] => [`\`/autodev ${usage}\``, does];

test('docs/commands.md lists every command of each group as help tells it', () => {
  const text = read('docs/commands.md');
  for (const [group, title] of Object.entries(GROUPS)) {
    const [, section = ''] = text.split(`\n## ${title}\n`);
    const own = COMMANDS.filter((command) => command.group === group);
    expect(rowsOf(section, '| command | does |')).toEqual(own.map(rowOf));
  }
});

test('README.md lists the commands that most people need', () => {
  const rows = rowsOf(read('README.md'), '| command | does |');
  const first = COMMANDS.filter(({ group }) => ['work', 'looks', 'steering'].includes(group));
  expect(new Set(rows.map(String))).toEqual(new Set(first.map(rowOf).map(String)));
});
