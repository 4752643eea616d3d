/**
 * Workflow templates: the schema says what a stage looks like, this file that the stages fit together.
 * Every mistake is named by line.
 */
import { isNode, LineCounter, parseDocument, type Document } from 'yaml';
import { builds } from '../domain/task-types.ts';
import type { Agent, AgentRole, TaskType } from '../../schema/wire/agent.ts';
import { Workflow } from '../../schema/wire/workflow.ts';
import { SettingsError } from './settings-error.ts';

type Path = readonly (string | number)[];

/** The agents that are set up; a template may name others, and is told of when it is started. */
export type Agents = Readonly<Partial<Record<AgentRole, Agent | undefined>>>;

/**
 * Parses one template.
 * @throws SettingsError naming file, line and field of every mistake: unknown stages, agents and
 * fields, stages named twice, a stage that leads back to itself without end, a task that the agent of
 * its stage does not take.
 */
export function parseWorkflow(text: string, file: string, agents: Agents = {}): Workflow {
  const lines = new LineCounter();
  const doc = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
  const [broken] = doc.errors;
  if (broken) {
    const line = lines.linePos(broken.pos[0]).line;
    throw new SettingsError(`${file}:${line}: ${broken.message.split('\n')[0]}`);
  }
  const parsed = Workflow.safeParse(doc.toJS({ maxAliasCount: 0 }));
  if (!parsed.success) {
    const found = parsed.error.issues.map((issue) => {
      const path = issue.path.filter((part) => typeof part !== 'symbol');
      return at(file, doc, path, lines, `${path.join('.')}: ${issue.message}`);
    });
    throw new SettingsError(found.join('\n'));
  }
  const problems = [...fit(parsed.data), ...refusedTasks(parsed.data, agents)].map(
    ({ path, what }) => at(file, doc, path, lines, what),
  );
  if (problems.length > 0) throw new SettingsError(problems.join('\n'));
  return parsed.data;
}

interface Problem {
  path: Path;
  what: string;
}

/** Tasks that the agent they are given to does not list in its front matter. */
function refusedTasks(workflow: Workflow, agents: Agents): Problem[] {
  return workflow.stages.flatMap((stage, index) => {
    const at: Path = ['stages', index];
    const given =
      stage.kind === 'task'
        ? [{ path: [...at, 'task'], task: stage.task, agent: stage.agent }]
        : stage.kind === 'verify'
          ? stage.tasks.map((one, nth) => ({ path: [...at, 'tasks', nth, 'task'], ...one }))
          : [];
    return given.flatMap(({ path, task, agent }) => {
      const takes = agents[agent]?.settings.tasks;
      if (takes === undefined || takes.includes(task)) return [];
      const what = `the agent ${agent} does not take ${task}; it takes ${takes.join(', ')}. Add it to \`tasks\` in ${agent}.md or name another agent`;
      return [{ path, what }];
    });
  });
}

/** What does not fit together although each stage is well formed. */
function fit(workflow: Workflow): Problem[] {
  const problems: Problem[] = [];
  const { stages } = workflow;
  const indexOf = (id: string): number => stages.findIndex((stage) => stage.id === id);
  stages.forEach((stage, index) => {
    const say = (field: string, what: string): void => {
      problems.push({ path: ['stages', index, field], what });
    };
    if (indexOf(stage.id) !== index) say('id', `stage ${stage.id} is named twice`);
    if (stage.kind === 'verify' && stage.fix !== undefined) {
      const fix = stages[indexOf(stage.fix)];
      if (!fix) say('fix', `there is no stage ${stage.fix}`);
      else if (fix.kind !== 'task' || !fix.aside) {
        say(
          'fix',
          `stage ${stage.fix} must be a task stage with aside: true, or the run would go round for ever`,
        );
      }
    }
    if (stage.kind === 'gate' && stage.back !== undefined) {
      const back = stages[indexOf(stage.back)];
      if (!back) say('back', `there is no stage ${stage.back}`);
      else if (back.kind !== 'task') say('back', `stage ${stage.back} must be a task stage`);
      else if (!back.aside && indexOf(stage.back) > index) {
        say('back', `stage ${stage.back} comes after ${stage.id}`);
      }
    }
    const lacks = missingBefore(stage, stages.slice(0, index));
    if (lacks !== null) say('kind', `${stage.id} needs ${lacks} before it`);
    if (stage.kind === 'task' && stage.aside) {
      const named = stages.some(
        (other) =>
          (other.kind === 'verify' && other.fix === stage.id) ||
          (other.kind === 'gate' && other.back === stage.id),
      );
      if (!named) say('aside', `no stage leads to ${stage.id}`);
    }
  });
  const [first] = stages;
  if (first?.kind === 'gate' || first?.kind === 'children') {
    const what = `a ${first.kind} stage needs something to decide on; it cannot be the first`;
    problems.push({ path: ['stages', 0, 'kind'], what });
  } else if (first?.kind === 'task' && first.aside) {
    problems.push({ path: ['stages', 0, 'aside'], what: 'the first stage cannot be aside' });
  }
  return problems;
}

type Stage = Workflow['stages'][number];

/** What a stage rests on and nobody before it makes: a run would wait there for ever. */
function missingBefore(stage: Stage, before: readonly Stage[]): string | null {
  const makes = (...tasks: TaskType[]): boolean =>
    before.some((one) => one.kind === 'task' && !one.aside && tasks.includes(one.task));
  const code = before.some((one) => one.kind === 'task' && makesCode(one));
  switch (stage.kind) {
    case 'children':
      return makes('break_down_epic') ? null : 'a stage with task break_down_epic';
    case 'gate':
      if (stage.gate === 'merge') return code ? null : 'a stage that changes code';
      return makes('write_spec', 'break_down_epic') ? null : 'a stage that writes a specification';
    case 'verify':
      // As the first stage it looks at a change that people made.
      return code || before.length === 0 ? null : 'a stage that changes code';
    default:
      return null;
  }
}

/** An optional stage may end without a change, and one aside may never be entered. */
function makesCode(stage: Extract<Stage, { kind: 'task' }>): boolean {
  return builds(stage.task) && !stage.aside && !stage.optional;
}

function at(file: string, doc: Document, path: Path, lines: LineCounter, what: string): string {
  for (let depth = path.length; depth > 0; depth -= 1) {
    const node = doc.getIn(path.slice(0, depth), true);
    if (isNode(node) && node.range) return `${file}:${lines.linePos(node.range[0]).line}: ${what}`;
  }
  return `${file}:1: ${what}`;
}
