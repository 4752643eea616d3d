/** The only reader of process.env in eval/. The providers' keys are read by bot/config/env.ts. */
import { spawnSync } from 'node:child_process';
import { delimiter, dirname, join } from 'node:path';

const PYTHON_MS = 10_000;
const WHERE = 'import sys; print(sys.base_prefix)';

/** What the evaluation passes on to the programs it starts: nothing else reaches them. */
export interface EvalEnv {
  path: string;
  lang: string;
  /** Interpreters that tasks may need and that were found. */
  found: ReadonlySet<string>;
}

/**
 * The environment for agents and checks. Node and Python stand first on the path by the folders they
 * really are in: inside of an isolation the stand-ins of version managers lead nowhere.
 */
export function readEvalEnv(env: NodeJS.ProcessEnv = process.env): EvalEnv {
  const given = env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin';
  const python = spawnSync('python3', ['-c', WHERE], {
    env: { PATH: given, ...(env['HOME'] === undefined ? {} : { HOME: env['HOME'] }) },
    encoding: 'utf8',
    timeout: PYTHON_MS,
  });
  const there = python.status === 0;
  const folders = [
    dirname(process.execPath),
    ...(there ? [join(python.stdout.trim(), 'bin')] : []),
    given,
  ];
  return {
    path: folders.join(delimiter),
    lang: env['LANG'] ?? 'C.UTF-8',
    found: new Set(['node', 'bash', ...(there ? ['python3'] : [])]),
  };
}
