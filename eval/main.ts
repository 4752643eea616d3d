/** `npm run eval` and `autodev eval`: agents at work on ten small repositories with hidden tests. */
import { writeFile } from 'node:fs/promises';
import { createTerminal } from '../bot/cli/terminal.ts';
import { readProviders } from '../bot/config/env.ts';
import { findInstallation } from '../bot/config/installation.ts';
import { loadAgents, loadSettings } from '../bot/config/settings.ts';
import { SettingsError } from '../bot/config/settings-error.ts';
import { readEvalEnv } from './env.ts';
import { table, type EvalReport } from './figures.ts';
import { HELP, readOptions, type Options } from './options.ts';
import { createProgress } from './progress.ts';
import { evaluate } from './run.ts';
import { startScriptedModel } from './scripted.ts';
import { chooseTasks, loadTasks, TaskError, type EvalTask } from './task.ts';

const WRONG_CALL = 2;
const terminal = createTerminal();

async function main(args: readonly string[]): Promise<number> {
  const read = readOptions(args);
  if (!read.ok) {
    process.stderr.write(`${read.problem}\n  fix: --help lists what there is\n`);
    return WRONG_CALL;
  }
  const { options } = read;
  if (options.help) {
    terminal.line(HELP);
    return 0;
  }
  const tasks = chooseTasks(loadTasks(), options.only);
  if (options.list) {
    list(tasks, options.json);
    return 0;
  }
  const report = options.scripted
    ? await withScripts(tasks, options)
    : await withKeys(tasks, options);
  if (report === null) return 1;
  if (options.out !== null) {
    await writeFile(options.out, `${JSON.stringify(report, null, 2)}\n`);
  }
  if (options.json) terminal.json(report);
  else terminal.line(`\n${table(report)}`);
  return report.totals.ran === report.totals.tries ? 0 : 1;
}

function list(tasks: readonly EvalTask[], json: boolean): void {
  if (json) {
    terminal.json(tasks.map(({ name, type, agent, asks }) => ({ name, type, agent, asks })));
    return;
  }
  const width = Math.max(...tasks.map(({ name }) => name.length));
  for (const { name, type, asks } of tasks) {
    terminal.line(`${name.padEnd(width)}  ${type.padEnd(18)}  ${asks}`);
  }
}

async function withScripts(tasks: readonly EvalTask[], options: Options): Promise<EvalReport> {
  const model = await startScriptedModel(tasks);
  try {
    return await start(tasks, options, model.providers, []);
  } finally {
    await model.close();
  }
}

async function withKeys(tasks: readonly EvalTask[], options: Options): Promise<EvalReport | null> {
  const { providers, problems } = readProviders();
  const keys = Object.values(providers).flatMap((entry) => (entry === null ? [] : [entry.apiKey]));
  const lines = problems.map(({ variable, what, fix }) => `${variable} ${what}\n  fix: ${fix}`);
  if (keys.length === 0) {
    lines.push(
      'No model can be asked: there is no key.\n' +
        '  fix: set ANTHROPIC_API_KEY or OPENAI_API_KEY, or try the scripted answers with --scripted',
    );
  }
  if (lines.length > 0) {
    process.stderr.write(`${lines.join('\n')}\n`);
    return null;
  }
  return start(tasks, options, providers, keys);
}

async function start(
  tasks: readonly EvalTask[],
  options: Options,
  providers: ReturnType<typeof readProviders>['providers'],
  secrets: readonly string[],
): Promise<EvalReport> {
  const files = findInstallation(import.meta.dirname);
  const crew = {
    settings: loadSettings(files.settingsFile),
    agents: loadAgents(files.agentsDir),
    providers,
  };
  const control = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => control.abort());
  }
  const total = tasks.length * options.runs;
  const progress = createProgress(terminal, process.stdout, total, options.json);
  try {
    return await evaluate({
      env: readEvalEnv(),
      ...{ tasks, crew, options, secrets, watcher: progress, stop: control.signal },
    });
  } finally {
    progress.close();
  }
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    const expected = error instanceof TaskError || error instanceof SettingsError;
    const text = error instanceof Error ? (expected ? error.message : error.stack) : String(error);
    process.stderr.write(`${text}\n`);
    process.exitCode = expected ? WRONG_CALL : 1;
  },
);
