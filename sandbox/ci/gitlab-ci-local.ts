/** Asks the real gitlab-ci-local what a configuration comes to; it runs no job here. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { systemEnvironment } from '../env.ts';
import { ListedJob } from './config.ts';
import { exec } from './exec.ts';

const CLI = path.join(
  path.dirname(createRequire(import.meta.url).resolve('gitlab-ci-local/package.json')),
  'dist/index.js',
);
const STATE_DIR = '.gitlab-ci-local';
/** Lines it prints besides the error itself. */
const CHATTER =
  /^(parsing and downloads|json schema validated|downloaded|Using fallback|Unable to)/;

export interface Question {
  /** Working tree of the commit; its `origin` tells the tool where projects live. */
  checkout: string;
  /** Configuration file, relative to the checkout. */
  file: string;
  /** Variables that rules and includes may read; they win over those of the YAML. */
  variables: Record<string, string>;
  /** Predefined variables GitLab does not set here, e.g. CI_COMMIT_BRANCH in an MR pipeline. */
  unset: string[];
  inputs: Record<string, string>;
  /** `rules: changes` counts only in push and merge request pipelines; elsewhere it is true. */
  evaluateChanges: boolean;
  /** Checks against GitLab's CI schema, which takes half of the time. */
  validate: boolean;
}

export type Answer =
  | {
      ok: true;
      listed: ListedJob[];
      expanded: Record<string, unknown>;
      expandedText: string;
      /** True when an include came from another project or address. */
      fetched: boolean;
    }
  | { ok: false; errors: string[] };

/**
 * An environment without credentials, whose proxy settings let loopback through and nothing else:
 * `include: remote` and `include: project` reach the sandbox and never the internet.
 */
function environment(home: string): Record<string, string> {
  const nowhere = 'http://127.0.0.1:9';
  const loopback = 'localhost,127.0.0.1,::1';
  return {
    ...systemEnvironment(),
    HOME: home,
    NO_COLOR: '1',
    http_proxy: nowhere,
    https_proxy: nowhere,
    no_proxy: loopback,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_ALLOW_PROTOCOL: 'http:https',
  };
}

/** Resolves and validates one configuration file: what every job is, and what its rules say. */
export async function askGitlabCiLocal(question: Question): Promise<Answer> {
  const { checkout, variables } = question;
  const args = [
    CLI,
    '--list-json',
    `--file=${question.file}`,
    `--home=${path.join(checkout, '.git', 'sandbox-home')}`,
    `--ignore-predefined-vars=${Object.keys(variables).join(',')}`,
    ...Object.entries(variables).flatMap(([key, value]) => ['--variable', `${key}=${value}`]),
    ...question.unset.flatMap((key) => ['--unset-variable', key]),
    ...Object.entries(question.inputs).flatMap(([key, value]) => ['--input', `${key}=${value}`]),
    ...(question.evaluateChanges ? [] : ['--no-evaluate-rule-changes']),
    ...(question.validate ? [] : ['--no-json-schema-validation']),
  ];
  const output = await exec(process.execPath, args, { cwd: checkout, env: environment(checkout) });
  if (output.code !== 0) return { ok: false, errors: [errorText(output.stderr)] };
  const expandedText = await readFile(
    path.join(checkout, STATE_DIR, 'expanded-gitlab-ci.yml'),
    'utf8',
  );
  return {
    ok: true,
    listed: z.array(ListedJob).parse(JSON.parse(listing(output.stdout))),
    expanded: z.record(z.string(), z.unknown()).parse(parse(expandedText, { maxAliasCount: -1 })),
    expandedText,
    fetched: existsSync(path.join(checkout, STATE_DIR, 'includes')),
  };
}

/** The JSON list, which warnings may come before. */
function listing(stdout: string): string {
  const start = stdout.search(/^\[/m);
  if (start === -1) throw new Error(`gitlab-ci-local listed no jobs: ${stdout.slice(0, 500)}`);
  return stdout.slice(start);
}

function errorText(stderr: string): string {
  const lines = stderr.split('\n').map((line) => line.trimEnd());
  const kept = lines.filter((line) => line !== '' && !CHATTER.test(line));
  const hint = kept.findIndex((line) => line.startsWith('For further troubleshooting'));
  const text = (hint === -1 ? kept : kept.slice(0, hint)).join('\n').trim();
  return text === '' ? 'The configuration is invalid.' : text;
}
