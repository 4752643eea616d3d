/**
 * How much of what a model is sent repeats what it was sent before, byte for byte: one task of twelve
 * turns, and then another task of the same role, through the real gateway. The share counts from the
 * second turn on; providers read such a prefix from their caches.
 */
import { cp, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { taskInput } from '../bot/decide/task-input.ts';
import { reportsOf } from '../bot/decide/tasks.ts';
import { TASKS } from '../bot/domain/task-types.ts';
import { loadAgents } from '../bot/config/settings.ts';
import { firstMessage } from '../jobs/context/first-message.ts';
import { runLoop } from '../jobs/engines/builtin/loop.ts';
import { buildRoute } from '../jobs/engines/builtin/route.ts';
import { selectTools } from '../jobs/tools/all.ts';
import { reportAdvice } from '../jobs/tools/finish.ts';
import type { Agent, AgentRole, TaskType } from '../schema/wire/agent.ts';
import { scriptFromSteps, type Step } from '../sandbox/model/scripts.ts';
import { makeSpec, NO_GUIDES, NOBODY, type Provider } from '../test/contract/jobs-standin.ts';
import { startGatewayWorld, TOKEN } from '../test/support/gateway.ts';
import { figure, type Effort, type Figure } from './figure.ts';

const ROOT = path.resolve(import.meta.dirname, '..');
/** Turns of each task, the last of which ends it. */
export const TURNS = 12;
/** Where the list of messages ends in a request's bytes. */
const END: Record<Provider, string> = {
  openai: '],"max_output_tokens"',
  anthropic: '],"cache_control"',
};
const READ = ['src/cli.js', 'src/count.js', 'src/table.js', 'test/cli.test.js', 'README.md'];

/** A request as it left the gateway: its bytes up to the end of the messages. */
export interface Sent {
  task: TaskType;
  turn: number;
  bytes: string;
  body: Record<string, unknown>;
}

export async function benchPrompt(effort: Effort): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const provider of ['openai', 'anthropic'] as const) {
    effort.say(`prompt: ${provider}`);
    const sent = await promptsOf(provider, 'architect', ['write_spec', 'answer_question']);
    const first = sent.filter(({ task }) => task === 'write_spec');
    figures.push(
      figure(`prompt.${provider}.one_task`, 100 * repeatedShare(first), '%'),
      figure(`prompt.${provider}.two_tasks_of_a_role`, 100 * repeatedShare(sent), '%'),
    );
  }
  return figures;
}

/** What the provider is sent while a role works through these tasks, one after the other. */
export async function promptsOf(
  provider: Provider,
  role: AgentRole,
  tasks: readonly TaskType[],
): Promise<Sent[]> {
  const agent = loadAgents(path.join(ROOT, 'config/agents'))[role];
  if (!agent) throw new Error(`there is no agent ${role}`);
  const script = scriptFromSteps({ name: 'twelve-turns', steps: stepsOf() });
  const world = await startGatewayWorld({ scripts: [script] });
  const root = await realpath(await mkdtemp(path.join(tmpdir(), 'autodev-prompt-')));
  try {
    await cp(path.join(ROOT, 'sandbox/sample'), root, { recursive: true });
    const sent: Sent[] = [];
    for (const task of tasks) {
      await work(provider, agent, task, root, world.url);
      for (const [index, { bodyText, body }] of world.model.requests.splice(0).entries()) {
        const bytes = bodyText.slice(0, bodyText.lastIndexOf(END[provider]));
        sent.push({ task, turn: index + 1, bytes, body: body as Record<string, unknown> });
      }
    }
    return sent;
  } finally {
    await world.close();
    await rm(root, { recursive: true, force: true });
  }
}

/** Part of the bytes from the second request on that some request before began with. */
export function repeatedShare(sent: readonly Sent[]): number {
  let all = 0;
  let repeated = 0;
  for (const [index, { bytes }] of sent.entries()) {
    if (index === 0) continue;
    all += bytes.length;
    repeated += Math.max(...sent.slice(0, index).map((one) => commonPrefix(one.bytes, bytes)));
  }
  return repeated / all;
}

/** Bytes with which both begin. */
export function commonPrefix(a: string, b: string): number {
  const end = Math.min(a.length, b.length);
  let at = 0;
  while (at < end && a.charCodeAt(at) === b.charCodeAt(at)) at += 1;
  return at;
}

async function work(
  provider: Provider,
  agent: Agent,
  type: TaskType,
  root: string,
  gateway: string,
): Promise<void> {
  const { settings, prompt } = agent;
  const spec = {
    ...makeSpec(provider, settings.limits),
    instructions: prompt,
    models: [{ provider, model: 'scripted' }],
    tools: settings.tools,
    report: TASKS[type].report,
    reports: reportsOf(agent),
  };
  const facts = {
    iid: 12,
    title: `A wish for ${type}`,
    text: 'Print JSON with --json.',
    request: '',
  };
  const { models } = buildRoute(spec.models, { gateway, token: TOKEN, onRequest: () => undefined });
  await runLoop({
    spec,
    opening: `${await firstMessage(root, taskInput(type, facts), NO_GUIDES)}\n\n${reportAdvice(spec.report)}`,
    models,
    tools: selectTools(spec),
    context: {
      root,
      resultBytes: spec.limits.toolResultBytes,
      commandSeconds: 5,
      env: { PATH: process.env['PATH'] ?? '', HOME: root, LANG: 'C', TMPDIR: tmpdir() },
      self: [process.execPath, path.join(ROOT, 'jobs/main.ts')],
      signal: AbortSignal.timeout(60_000),
      ...NOBODY,
      onCommand: () => undefined,
    },
    takeMessages: () => [],
    events: { turn: () => undefined, tool: () => undefined, note: () => undefined },
    now: Date.now,
  });
}

/** Reads and searches as an architect does, then asks a person, which any task may end with. */
function stepsOf(): Step[] {
  const looks = Array.from({ length: TURNS - 1 }, (_, turn): Step => {
    const file = READ[turn % READ.length] ?? 'README.md';
    return {
      text: `Look ${turn + 1}.`,
      toolCalls: [
        turn % 3 === 2
          ? { name: 'search', arguments: { pattern: `word${turn}|count`, path: file } }
          : { name: 'read_file', arguments: { path: file, start_line: turn + 1 } },
      ],
    };
  });
  const end = { outcome: 'needs_human', summary: 'Read it all.', comment: 'Which format?' };
  return [...looks, { toolCalls: [{ name: 'finish', arguments: end }] }];
}
