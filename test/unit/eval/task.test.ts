import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { loadAgents, loadSettings } from '../../../bot/config/settings.ts';
import { planTask, type Crew } from '../../../eval/plan.ts';
import { chooseTasks, loadTasks } from '../../../eval/task.ts';

const ROOT = path.resolve(import.meta.dirname, '../../..');
const KEY = { baseUrl: 'http://localhost', apiKey: 'key' };
let dir: string;

beforeAll(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'autodev-eval-'));
  mkdirSync(path.join(dir, 'broken'));
});
afterAll(() => rmSync(dir, { recursive: true }));

const crew = (providers: Crew['providers']): Crew => ({
  settings: loadSettings(path.join(ROOT, 'config/settings.yaml')),
  agents: loadAgents(path.join(ROOT, 'config/agents')),
  providers,
});

test('a wrong task.yaml is named with its field', () => {
  writeFileSync(path.join(dir, 'broken/task.yaml'), 'type: dance\n');
  expect(() => loadTasks(dir)).toThrow(/broken\/task\.yaml: type: /);
});

test('an unknown name is answered with those there are', () => {
  const tasks = loadTasks();
  expect(chooseTasks(tasks, [])).toEqual(tasks);
  expect(chooseTasks(tasks, ['csv-quotes']).map(({ name }) => name)).toEqual(['csv-quotes']);
  expect(() => chooseTasks(tasks, ['csv-quotes', 'nope'])).toThrow(/^no such task: nope; .*ask-/);
});

test('a task is planned as the bot plans it, with its own limits and one model', () => {
  const [task] = chooseTasks(loadTasks(), ['retry-after']);
  if (task === undefined) throw new Error('no task');
  const options = { model: null, engine: null };
  const plan = planTask(task, crew({ openai: KEY, anthropic: KEY }), options);
  const { agents } = crew({ openai: null, anthropic: null });
  expect(plan.spec.instructions).toBe(agents.builder?.prompt);
  expect(plan.spec.input).toContain(task.issue.trim());
  expect(plan.spec.limits).toMatchObject({ turns: 40, minutes: 12 });
  expect(plan.capMicrousd).toBe(1_500_000);
  expect(plan.spec.models).toEqual(agents.builder?.settings.models.slice(0, 1));
});

test('what cannot be planned says what is missing', () => {
  const [task] = loadTasks();
  if (task === undefined) throw new Error('no task');
  const plan = (providers: Crew['providers'], options: Parameters<typeof planTask>[2]) => () =>
    planTask(task, crew(providers), options);
  const onlyOpenai = { openai: KEY, anthropic: null };
  expect(plan(onlyOpenai, { model: null, engine: 'claude' })).toThrow(/needs a key of anthropic/);
  const unpriced = { provider: 'openai', model: 'unheard-of' } as const;
  expect(plan(onlyOpenai, { model: unpriced, engine: null })).toThrow(/has no price/);
  expect(plan({ openai: null, anthropic: null }, { model: null, engine: null })).toThrow(
    /a key of/,
  );
});
