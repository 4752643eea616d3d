/** The command line of the evaluation. */
import { parseArgs } from 'node:util';
import { EngineName, ModelRoute } from '../schema/wire/job-api.ts';

export interface Options {
  /** null: each agent's own models. */
  model: ModelRoute | null;
  /** null: each agent's own engine. */
  engine: EngineName | null;
  only: string[];
  runs: number;
  parallel: number;
  maxUsd: number;
  /** Answers come from the tasks' own scripts; no key is used and nobody is paid. */
  scripted: boolean;
  out: string | null;
  logs: string | null;
  json: boolean;
  list: boolean;
  help: boolean;
}

export const HELP = `Lets the agents work on ten small repositories and checks the results with tests that they cannot see.

  npm run eval -- [options]        autodev eval [options]

  --model PROVIDER/MODEL  the model for every task (default: the first of each agent that has a key)
  --engine NAME           builtin, codex or claude (default: each agent's own)
  --only NAME[,NAME]      these tasks alone; --list shows the names
  --runs N                tries at each task, 1 to 20 (default 1)
  --parallel N            tries at once, 1 to 8 (default 2)
  --max-usd N             dollars for all tries together; the gateway refuses what goes beyond (default 10)
  --scripted              answers from the tasks' own scripts: no key is used, nothing is paid
  --out FILE              also write the figures as JSON
  --logs DIR              keep the job log and the result of every try
  --json                  print the figures as JSON and nothing else
  --list                  show the tasks and end
  --help                  show this

It needs OPENAI_API_KEY or ANTHROPIC_API_KEY, or --scripted. It ends with 0 when every try ran, solved or not, with 1
when one could not run, and with 2 when the call was wrong.`;

const MOST_RUNS = 20;
const MOST_PARALLEL = 8;
const MOST_USD = 1_000;
const DEFAULT_USD = 10;

export type OptionsResult = { ok: true; options: Options } | { ok: false; problem: string };

const SPELLING = {
  model: { type: 'string' },
  engine: { type: 'string' },
  only: { type: 'string', multiple: true },
  runs: { type: 'string' },
  parallel: { type: 'string' },
  'max-usd': { type: 'string' },
  scripted: { type: 'boolean' },
  out: { type: 'string' },
  logs: { type: 'string' },
  json: { type: 'boolean' },
  list: { type: 'boolean' },
  help: { type: 'boolean' },
} as const;

/** Reads the arguments; a problem names the option, what is wrong with it and what it takes. */
export function readOptions(args: readonly string[]): OptionsResult {
  const problems: string[] = [];
  let values;
  try {
    ({ values } = parseArgs({ args: [...args], options: SPELLING }));
  } catch (error) {
    return { ok: false, problem: (error as Error).message };
  }
  const number = (name: 'runs' | 'parallel' | 'max-usd', fallback: number, rule: NumberRule) => {
    const text = values[name];
    if (text === undefined) return fallback;
    const value = Number(text);
    const fits = text.trim() !== '' && value >= rule.least && value <= rule.most;
    if (fits && (!rule.whole || Number.isInteger(value))) return value;
    const kind = rule.whole ? 'a whole number' : 'an amount';
    problems.push(`--${name} is ${text}; it takes ${kind} from ${rule.least} to ${rule.most}`);
    return fallback;
  };
  const options: Options = {
    model: modelOf(values.model, problems),
    engine: engineOf(values.engine, problems),
    only: (values.only ?? []).flatMap((names) => names.split(',')).filter((name) => name !== ''),
    runs: number('runs', 1, { least: 1, most: MOST_RUNS, whole: true }),
    parallel: number('parallel', 2, { least: 1, most: MOST_PARALLEL, whole: true }),
    maxUsd: number('max-usd', DEFAULT_USD, { least: 0.01, most: MOST_USD, whole: false }),
    scripted: values.scripted ?? false,
    out: values.out ?? null,
    logs: values.logs ?? null,
    json: values.json ?? false,
    list: values.list ?? false,
    help: values.help ?? false,
  };
  if (options.scripted && options.engine !== null && options.engine !== 'builtin') {
    problems.push(`--scripted speaks to the builtin engine alone, not to ${options.engine}`);
  }
  const [problem] = problems;
  return problem === undefined ? { ok: true, options } : { ok: false, problem };
}

interface NumberRule {
  least: number;
  most: number;
  whole: boolean;
}

function modelOf(text: string | undefined, problems: string[]): ModelRoute | null {
  if (text === undefined) return null;
  const slash = text.indexOf('/');
  const parsed = ModelRoute.safeParse({
    provider: text.slice(0, Math.max(0, slash)),
    model: text.slice(slash + 1),
  });
  if (parsed.success) return parsed.data;
  problems.push(`--model is ${text}; it takes openai/MODEL or anthropic/MODEL`);
  return null;
}

function engineOf(text: string | undefined, problems: string[]): EngineName | null {
  if (text === undefined) return null;
  const parsed = EngineName.safeParse(text);
  if (parsed.success) return parsed.data;
  problems.push(`--engine is ${text}; it takes one of ${EngineName.options.join(', ')}`);
  return null;
}
