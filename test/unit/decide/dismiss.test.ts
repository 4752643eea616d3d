/** `/autodev dismiss` in the thread of a finding. */
import { expect, test } from '@jest/globals';
import { decide } from '../../../bot/decide/decide.ts';
import { interestOf } from '../../../bot/decide/interest.ts';
import type { Snapshot } from '../../../bot/domain/snapshot.ts';
import { codeChange, known, note, run, sam, snapshot } from './builders.ts';

const change = {
  iid: 4,
  title: 'Add an option',
  description: '',
  state: 'opened',
  draft: false,
  sourceBranch: 'x',
  targetBranch: 'main',
  sourceProjectId: 7,
  targetProjectId: 7,
  headSha: 'b',
  mergedSha: null,
  labels: [],
  authorId: 3,
  url: '',
} as const;
const row = known({ threadId: 'd1' });

function dismiss(patch: Partial<Snapshot> = {}, body = '/autodev dismiss as agreed') {
  const event = note(body, { on: { type: 'change', change: { ...change, labels: [] } } });
  const lastRun = run({ changes: { spec: null, code: codeChange }, round: 2 });
  const taken = snapshot({ targetFindings: [known({ id: 9 }), row], lastRun, ...patch });
  return decide(event, taken);
}

const said = (patch: Partial<Snapshot>): string | undefined =>
  dismiss(patch).effects.flatMap((one) => (one.kind === 'reply' ? [one.body] : []))[0];

test('the finding of the thread is remembered as not wanted, and its thread resolved', () => {
  const { writes, effects } = dismiss();
  const dismissal = { how: 'reply', by: sam, reason: 'as agreed' };
  expect(writes).toEqual([
    { op: 'save_findings', changeIid: 4, findings: [{ ...row, state: 'dismissed', dismissal }] },
  ]);
  expect(effects).toEqual([
    expect.objectContaining({ kind: 'react', emoji: 'white_check_mark' }),
    { kind: 'resolve_threads', run: 11, round: 2, asked: 501 },
  ]);
});

test.each<[string, Partial<Snapshot>, RegExp]>([
  ['a thread without a finding', { targetFindings: [known()] }, /^No finding is told/],
  ['people without rights', { actorAccess: 20 }, /^`\/autodev dismiss` needs Developer here/],
  [
    'what was dismissed before',
    {
      targetFindings: [
        { ...row, dismissal: { how: 'resolved', by: { id: 7, username: 'lee' }, reason: '' } },
      ],
    },
    /^@lee dismissed this already/,
  ],
])('%s: nothing is changed, and the reason is told', (_what, patch, reply) => {
  expect(dismiss(patch).writes).toEqual([]);
  expect(said(patch)).toMatch(reply);
});

test('plain words dismiss nothing', () => {
  const words = note('Please dismiss this, it is wrong.', {
    on: { type: 'change', change: { ...change, labels: [] } },
  });
  expect(interestOf(words)).not.toMatchObject({ command: 'dismiss' });
  expect(dismiss({}, 'Please dismiss this. dismiss!').writes).toEqual([]);
});
