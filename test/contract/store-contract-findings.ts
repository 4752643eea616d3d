/** The part of the store contract about findings. */
import { expect, test } from '@jest/globals';
import type { KnownFinding } from '../../bot/domain/findings.ts';
import {
  dismissedElsewhere,
  findingsOf,
  saveFindings,
  setThreads,
} from '../../bot/store/findings.ts';
import type { Store } from '../../bot/store/store.ts';
import { newRepo } from '../support/store-rows.ts';
import { known } from '../unit/decide/builders.ts';

const LEE = { id: 7, username: 'lee' };
const fresh = (patch: Partial<KnownFinding> = {}): KnownFinding =>
  known({ id: null, version: 0, threadId: null, ...patch });

export function findings(db: () => Store): void {
  const save = (repoId: number, changeIid: number, rows: KnownFinding[]): Promise<boolean> =>
    db().tx((tx) => saveFindings(tx, { repoId, changeIid }, rows));

  test('come back as they were saved, in the order of their first look', async () => {
    const { id: repoId } = await newRepo(db());
    const one = fresh({ fingerprint: 'one', endLine: 33, suggestion: 'x\n', cwe: 'CWE-79' });
    const two = fresh({
      fingerprint: 'two',
      state: 'dismissed',
      dismissal: { how: 'reply', by: LEE, reason: 'as agreed' },
      revivedAt: new Date('2026-01-02T03:04:05Z'),
      why: 'because',
    });
    expect(await save(repoId, 4, [one, two])).toBe(true);
    const stored = await findingsOf(db(), repoId, 4);
    expect(stored).toEqual([
      { ...one, id: expect.any(Number), version: 1 },
      { ...two, id: expect.any(Number), version: 1 },
    ]);
    expect(await findingsOf(db(), repoId, 5)).toEqual([]);
  });

  test('are judged anew only by who knew the last judgement', async () => {
    const { id: repoId } = await newRepo(db());
    await save(repoId, 4, [fresh()]);
    const [row] = await findingsOf(db(), repoId, 4);
    if (!row) throw new Error('it was saved');
    const change = { repoId, changeIid: 4 };
    const thread = { fingerprint: row.fingerprint, threadId: 't1', resolved: true };
    await setThreads(db(), change, [thread]);
    const fixed: KnownFinding = { ...row, state: 'fixed', line: 40, threadResolved: true };
    expect(await save(repoId, 4, [fixed])).toBe(true);
    expect(await findingsOf(db(), repoId, 4)).toEqual([{ ...fixed, threadId: 't1', version: 2 }]);
    expect(await save(repoId, 4, [row])).toBe(false);
    expect(await save(repoId, 4, [fresh()])).toBe(false);
  });

  test('that people dismissed are known on other changes of the repository, by file', async () => {
    const { id: repoId } = await newRepo(db());
    const other = await newRepo(db());
    const gone = {
      state: 'dismissed',
      dismissal: { how: 'resolved', by: LEE, reason: '' },
    } as const;
    await save(repoId, 1, [fresh({ fingerprint: 'a', path: 'a.js', ...gone })]);
    await save(repoId, 2, [fresh({ fingerprint: 'b', path: 'b.js', ...gone })]);
    await save(repoId, 3, [fresh({ fingerprint: 'c', path: 'a.js' })]);
    await save(other.id, 1, [fresh({ fingerprint: 'd', path: 'a.js', ...gone })]);
    const found = async (iid: number, paths: string[]): Promise<string[]> =>
      (await dismissedElsewhere(db(), repoId, iid, paths)).map(({ fingerprint }) => fingerprint);
    expect(await found(9, ['a.js'])).toEqual(['a']);
    expect(await found(9, ['a.js', 'b.js'])).toEqual(['b', 'a']);
    expect(await found(1, ['a.js'])).toEqual([]);
    expect(await found(9, [])).toEqual([]);
  });
}
