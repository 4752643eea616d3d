/** The rule of docs/reviews.md, "The same finding", over pairs that people have judged. */
import { describe, expect, test } from '@jest/globals';
import {
  codeOf,
  distanceOf,
  findCode,
  fingerprintOf,
  likeness,
  sameFinding,
  saidTwice,
} from '../../../bot/domain/finding-identity.ts';
import { finding } from '../decide/builders.ts';
import { DIFFERENT, SAME, type Remark } from './finding-pairs.ts';

function remark([at, category, title]: Remark) {
  const [path = '', line = ''] = at.split(':');
  return finding({ path, line: Number(line), category, title });
}

const judge = (a: Remark, b: Remark): boolean =>
  sameFinding(remark(a), remark(b), distanceOf(remark(a), remark(b)));

test.each(SAME)('%j and %j are the same finding', (a, b) => {
  expect(judge(a, b)).toBe(true);
  expect(judge(b, a)).toBe(true);
});

test.each(DIFFERENT)('%j and %j are two findings', (a, b) => {
  expect(judge(a, b)).toBe(false);
  expect(judge(b, a)).toBe(false);
});

test('each half of the rule is needed: titles alone, or places alone, get pairs wrong', () => {
  const wrong = (rule: (a: Remark, b: Remark) => boolean): number =>
    SAME.filter(([a, b]) => !rule(a, b)).length + DIFFERENT.filter(([a, b]) => rule(a, b)).length;
  expect(wrong(judge)).toBe(0);
  expect(wrong((a, b) => a[2] === b[2])).toBeGreaterThan(10);
  expect(wrong((a, b) => a[0] === b[0])).toBeGreaterThan(5);
  expect(wrong((a, b) => likeness(a[2], b[2]) >= 0.5)).toBeGreaterThan(4);
});

describe('places', () => {
  test('ranges that meet are one place; a few lines away is near', () => {
    expect(distanceOf({ line: 3, endLine: 5 }, { line: 5 })).toBe('same');
    expect(distanceOf({ line: 5 }, { line: 13 })).toBe('near');
    expect(distanceOf({ line: 5 }, { line: 14 })).toBe('apart');
  });

  test('one look that says two things of a line means two things', () => {
    const leak = finding({ title: 'File handle is leaked' });
    expect(saidTwice(finding({ title: 'Off-by-one' }), leak)).toBe(false);
    expect(saidTwice(finding({ title: 'Leaks the file handle' }), leak)).toBe(true);
  });
});

describe('code', () => {
  const text = 'one\n\tif (x) {\n\t\treturn;\n\t}\n';

  test('is the lines with their neighbours, whatever their blanks', () => {
    const spaced = text.replaceAll('\t', '  ');
    expect(codeOf(spaced, { line: 3 })).toBe(codeOf(text, { line: 3 }));
    expect(codeOf(text.replace('x', 'y'), { line: 3 })).not.toBe(codeOf(text, { line: 3 }));
    expect(codeOf(text, { line: 99 })).toBe('');
    expect(codeOf(null, { line: 1 })).toBe('');
  });

  test('is found again where it moved to', () => {
    const code = codeOf(text, { line: 3 });
    expect(findCode(`zero\n${text}`, code, { line: 3 })).toBe(4);
    expect(findCode('other\n', code, { line: 3 })).toBeNull();
  });

  test('is part of the fingerprint; words and case of the title are, their order is not', () => {
    const one = finding({ title: 'Words are counted twice' });
    expect(fingerprintOf(finding({ title: 'Counted twice: words' }), 'c')).toBe(
      fingerprintOf(one, 'c'),
    );
    expect(fingerprintOf(one, 'd')).not.toBe(fingerprintOf(one, 'c'));
  });
});
