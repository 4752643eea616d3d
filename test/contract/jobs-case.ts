/** One job per test: a repository, the stand-in for the bot, and the program started from source. */
import { afterEach } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TaskSpec } from '../../schema/wire/job-api.ts';
import { JobResult } from '../../schema/wire/result.ts';
import {
  headOf,
  idToken,
  makeRepository,
  makeSpec,
  type ModelBody,
  type Program,
  type Provider,
  removeTree,
  type Reply,
  type Standin,
  startProgram,
  startStandin,
} from './jobs-standin.ts';

export const JOB_TOKEN = 'glcbt-64_canaryjobtoken1234567';
const FILES = {
  'greet.js': 'export const greet = (n) => `Hello ${n}`;\n',
  'README.md': '# App\n',
  'run.sh': '#!/bin/sh\nexit 0\n',
};

export interface Setup {
  provider?: Provider;
  env?: Record<string, string>;
  spec?: Partial<TaskSpec>;
  /** Changes the stand-in or the repository before the program starts. */
  before?: (standin: Standin, repo: string) => void;
}

export interface JobCase {
  readonly standin: Standin;
  readonly repo: string;
  start(script: (n: number, body: ModelBody) => Reply, setup?: Setup): Promise<Program>;
  /** The result file. */
  file(): JobResult;
  close(): Promise<void>;
}

/** Sets up for the tests of one file; what a test started is removed after it. */
export function useJob(): JobCase {
  let standin: Standin | undefined;
  let repo = '';
  const close = async (): Promise<void> => {
    await standin?.close();
    if (repo) removeTree(repo);
    standin = undefined;
    repo = '';
  };
  afterEach(close);
  return {
    get standin() {
      if (!standin) throw new Error('no job was started');
      return standin;
    },
    get repo() {
      return repo;
    },
    async start(script, setup = {}) {
      await close();
      repo = makeRepository(FILES, JOB_TOKEN);
      const spec = {
        ...makeSpec(setup.provider ?? 'openai'),
        baseSha: headOf(repo),
        ...setup.spec,
      };
      standin = await startStandin(spec, script);
      setup.before?.(standin, repo);
      return startProgram(['run'], {
        AUTODEV_ID_TOKEN: idToken(standin.url),
        AUTODEV_ATTEMPT: '7',
        CI_PROJECT_DIR: repo,
        CI_JOB_TOKEN: JOB_TOKEN,
        ...setup.env,
      });
    },
    file: () =>
      JobResult.parse(JSON.parse(readFileSync(join(repo, 'autodev-result.json'), 'utf8'))),
    close,
  };
}

export const finish = (summary = 'Done.'): Reply => ({
  calls: [{ name: 'finish', args: { outcome: 'done', summary } }],
});
export const shell = (command: string): Reply => ({
  calls: [{ name: 'run_command', args: { command } }],
});
/** A script of replies in order; then it finishes. */
export const steps =
  (...replies: Reply[]) =>
  (n: number): Reply =>
    replies[n] ?? finish();
