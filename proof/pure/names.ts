/** C5, D3, D8, D9 and F6: names and titles are data in every place that could take them for something else. */
import { parse } from 'yaml';
import { childPipeline } from '../../bot/domain/child-pipeline.ts';
import type { Attempt, Run } from '../../bot/domain/runs.ts';
import {
  branchName,
  changeTitle,
  commitMessage,
  specPath,
} from '../../bot/worker/publish/change-text.ts';
import { broken, held, type Played, type Proof } from '../proof.ts';
import type { Random } from '../random.ts';
import { refusalOf } from './paths.ts';

const PIECES = [
  ...[
    '$(curl SINK)',
    '`curl SINK`',
    'x;curl${IFS}SINK',
    '&& curl SINK',
    '| sh',
    '> /etc/passwd',
    '$IFS',
  ],
  ...[
    '--upload-pack=touch',
    '-oProxyCommand=curl',
    'ext::sh -c curl',
    '--receive-pack=x',
    '-n',
    '--',
  ],
  ...[
    '\n',
    '\r\n',
    '\0',
    '\u2028',
    '\u202E',
    '../../',
    '@{-1}',
    '~1',
    '^',
    ':',
    '*',
    '[',
    '\\',
    '.lock',
    '//',
  ],
  ...[
    'refs/heads/main',
    'main',
    'HEAD',
    '${CI_JOB_TOKEN}',
    '$CI_JOB_TOKEN',
    '{{x}}',
    '%2e%2e',
    '<x>',
    '"',
    "'",
  ],
  ...[
    'AutoDev-Attempt: 7',
    'Co-authored-by: x',
    'Closes #1',
    '/merge',
    '@all',
    'word',
    'ü',
    '🎉',
    ' ',
  ],
];

const hostile = (random: Random): string =>
  Array.from({ length: 1 + random.int(6) }, () => random.pick(PIECES)).join('');

async function play(_: number, random: Random): Promise<Played> {
  const title = hostile(random);
  const about = JSON.stringify(title);
  const run = { id: 7, target: { type: 'issue', iid: 12 }, context: { title } } as Run;
  for (const role of ['spec', 'code'] as const) {
    const branch = branchName(run, role);
    if (!/^autodev\/(?:spec-)?12-[a-z0-9-]{1,60}-7$/.test(branch) || branch.includes('--upload')) {
      return broken(about, `the branch is ${JSON.stringify(branch)}`);
    }
    if (/[\p{Cc}\p{Cf}]/u.test(changeTitle(run, role)))
      return broken(about, 'the title is no line');
  }
  if (!/^docs\/specs\/[a-z0-9-]+\.md$/.test(specPath(run))) return broken(about, 'the page moves');
  const [subject = '', ...rest] = commitMessage(run, { id: 34 } as Attempt).split('\n');
  const trailers = rest.join('\n');
  if (trailers !== '\nIssue: #12\nAutoDev-Attempt: 34\n' || /\p{Cc}/u.test(subject)) {
    return broken(about, `the commit says ${JSON.stringify(trailers)}`);
  }
  // No ref, remote or command has a spelling in a result; a field that is not there is refused.
  const extra = random.pick([
    'ref',
    'branch',
    'remote',
    'command',
    'push_options',
    'approve',
    'merge',
  ]);
  const file = { path: 'a.js', action: 'update', mode: '100644', content: 'eA==' };
  if ((await refusalOf([{ ...file, [extra]: title }])) === null) {
    return broken(about, `a result may say ${extra}`);
  }
  return pipelineOf(title, random, about);
}

/** The child pipeline of any attempt is made of constants and ids. */
function pipelineOf(title: string, random: Random, about: string): Played {
  const id = 1 + random.int(1_000_000);
  const facts = { server: 'https://bot.example', image: 'autodev-job:1', tags: ['autodev'] };
  const yaml = childPipeline({ ...facts, attempts: [{ id, name: 'builder' }], timeoutMinutes: 30 });
  const job = (parse(yaml) as Record<string, Record<string, unknown>>)['autodev-agent'];
  if (yaml.includes(title.trim()) && title.trim().length > 3)
    return broken(about, 'it is in the YAML');
  if (JSON.stringify(job?.['script']) !== '["autodev-job run"]')
    return broken(about, 'another script');
  if (job?.['cache'] !== undefined || JSON.stringify(job?.['inherit']) !== NOTHING) {
    return broken(about, 'the job inherits or caches');
  }
  // One file that is checked: no report of variables that a later job would take for its own.
  if (JSON.stringify(job?.['artifacts']) !== ONE_FILE) return broken(about, 'other artifacts');
  if (JSON.stringify(job?.['tags']) !== '["autodev"]') return broken(about, 'another runner');
  return held(about);
}

const ONE_FILE = '{"when":"always","paths":["autodev-result.json"],"expire_in":"1 week"}';
const NOTHING = '{"default":false,"variables":false}';

export const names: Proof = {
  id: 'C5 D3 D8 D9 F6',
  name: 'Titles, branches and paths are never commands, refs or trailers, and the job inherits nothing',
  layer: 'functions',
  runs: { ci: 500, full: 5_000 },
  play,
  mutants: [
    {
      name: 'branch names of letters and digits',
      file: 'bot/worker/publish/change-text.ts',
      from: ".replaceAll(/[^a-z0-9]+/g, '-')",
      to: '',
    },
    {
      name: 'subjects of one line',
      file: 'bot/worker/publish/change-text.ts',
      from: 'const title = neutraliseTitle(run.context.title, 72);',
      to: 'const { title } = run.context;',
    },
    {
      name: 'results without further fields',
      file: 'schema/wire/result.ts',
      from: 'export const FileChange = z.strictObject({',
      to: 'export const FileChange = z.object({',
    },
    {
      name: 'nothing inherited',
      file: 'bot/domain/child-pipeline.ts',
      from: '    inherit: { default: false, variables: false },\n    interruptible',
      to: '    interruptible',
    },
  ],
};
