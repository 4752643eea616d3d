import { describe, expect, test } from '@jest/globals';
import { decide } from '../../../bot/decide/decide.ts';
import { effectKey, withIds } from '../../../bot/domain/effects.ts';
import { CASES } from './cases.ts';
import { expectGolden } from '../../support/goldens.ts';

const names = Object.keys(CASES);

function decideCase(name: string): ReturnType<typeof decide> {
  const found = CASES[name];
  if (!found) throw new Error(`no case ${name}`);
  return decide(found.event, found.snapshot);
}

test('every recorded case is decided as recorded', () => {
  expectGolden('decide.json', new Map(names.map((name) => [name, decideCase(name)])));
});

describe('rules that hold for every case', () => {
  test.each(names)('%s: deciding twice gives the same', (name) => {
    expect(decideCase(name)).toEqual(decideCase(name));
  });

  test.each(names)('%s: nothing is done in silence', (name) => {
    const decision = decideCase(name);
    expect(decision.reasons.length).toBeGreaterThan(0);
    if (decision.ignored !== null) {
      expect(decision.writes).toEqual([]);
      expect(decision.effects).toEqual([]);
    }
  });

  test.each(names)('%s: a run ends with exactly one verdict', (name) => {
    const ends = decideCase(name).writes.filter(
      (write) => write.op === 'update_run' && write.patch.stage === 'end',
    );
    expect(ends.length).toBeLessThanOrEqual(1);
    for (const end of ends) expect(end).toHaveProperty('patch.verdict.kind');
  });

  test.each(names)('%s: every effect has a key of its own', (name) => {
    const ids = { runId: 1, launchId: 2 };
    const keys = decideCase(name).effects.map((effect) => effectKey(withIds(effect, ids), 1, ids));
    expect(new Set(keys).size).toBe(keys.length);
  });

  test.each(names)('%s: what it says is calm and safe', (name) => {
    for (const effect of decideCase(name).effects) {
      if (effect.kind !== 'reply' || effect.about.endsWith('-answer')) continue;
      expect(effect.body).not.toMatch(/!(\s|$)/m);
      expect(effect.body).not.toMatch(/^\s*\//m);
      expect(effect.body).not.toMatch(/\bI\b/);
    }
  });
});

test.each([
  'implement by an outsider',
  'implement by a reporter',
  'label autodev by a guest',
  'implement in an edited note',
  'a look-alike of a command',
  'an unknown command',
  'implement on a confidential issue',
])('%s starts nothing and says so', (name) => {
  const decision = decideCase(name);
  expect(decision.writes).toEqual([]);
  expect(decision.effects.map((effect) => effect.kind)).toContain('reply');
  expect(decision.effects.map((effect) => effect.kind)).not.toContain('create_pipeline');
});

test.each([
  'implement by the bot itself',
  'implement by the bot of a project token',
  'a quoted command',
  'a command in code',
  'an edit of a handled note',
  'implement in an archived project',
])('%s is ignored in silence', (name) => {
  expect(decideCase(name).ignored).not.toBeNull();
});
