/**
 * The scripted model: it looks around, writes the files of a solution kept with the task, runs the
 * repository's tests and finishes. Two of the ten take a wrong one, so that not all are solved.
 */
import { TASKS } from '../bot/domain/task-types.ts';
import type { GatewayDeps } from '../bot/gateway/types.ts';
import { scriptFromSteps, type Step } from '../sandbox/model/scripts.ts';
import { startModelServer } from '../sandbox/model/server.ts';
import type { AnswerToolCall, Script } from '../sandbox/model/types.ts';
import { readOverlay, type Overlay } from './overlay.ts';
import type { EvalTask } from './task.ts';

export interface ScriptedModel {
  providers: GatewayDeps['providers'];
  close(): Promise<void>;
}

/** Starts a provider that both providers' addresses lead to. */
export async function startScriptedModel(tasks: readonly EvalTask[]): Promise<ScriptedModel> {
  const scripts = await Promise.all(tasks.map(scriptOf));
  const server = await startModelServer({ scripts });
  return {
    providers: {
      openai: { baseUrl: `${server.url}/v1`, apiKey: server.keys.openai },
      anthropic: { baseUrl: server.url, apiKey: server.keys.anthropic },
    },
    close: server.close,
  };
}

async function scriptOf(task: EvalTask): Promise<Script> {
  const overlay = await readOverlay(task, task.scripted);
  return scriptFromSteps({
    name: task.name,
    matches: ({ messages }) =>
      messages.find(({ role }) => role === 'user')?.text.includes(task.title) ?? false,
    steps: stepsOf(task, overlay),
  });
}

function stepsOf(task: EvalTask, overlay: Overlay): Step[] {
  const look: Step = {
    text: 'First the README and the files.',
    toolCalls: [
      { name: 'list', arguments: { path: '.' } },
      { name: 'read_file', arguments: { path: 'README.md' } },
    ],
  };
  const writes = overlay.changes.map(({ path, content = '' }): AnswerToolCall => {
    const new_text = Buffer.from(content, 'base64').toString('utf8');
    return { name: 'edit_file', arguments: { path, new_text } };
  });
  const work: Step = {
    text: 'Now the change, and the tests.',
    toolCalls: [...writes, { name: 'run_command', arguments: { command: task.test } }],
  };
  return writes.length === 0 ? [look, finish(task, overlay)] : [look, work, finish(task, overlay)];
}

function finish({ type }: EvalTask, { outcome, comment }: Overlay): Step {
  const build = TASKS[type].report === 'build' && outcome === 'finished';
  return {
    toolCalls: [
      {
        name: 'finish',
        arguments: {
          outcome: outcome === 'finished' ? 'done' : outcome,
          summary: outcome === 'finished' ? 'Changed as asked; the tests were run.' : 'A question.',
          ...(comment === undefined ? {} : { comment }),
          ...(build ? { report: { kind: 'build', selfScore: 80 } } : {}),
        },
      },
    ],
  };
}
