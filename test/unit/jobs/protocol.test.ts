import { expect, test } from '@jest/globals';
import { LINE_BYTES, lineReader, Report } from '../../../jobs/agent/protocol.ts';

function reader() {
  const values: unknown[] = [];
  const bad: string[] = [];
  return {
    values,
    bad,
    feed: lineReader(
      (v) => values.push(v),
      (why) => bad.push(why),
    ),
  };
}

test('lines come out whole however the bytes arrive', () => {
  const text = Buffer.from('{"a":"ü"}\n\n[1]\r\n"x"\n{"rest":');
  for (const size of [1, 2, 3, 5, 100]) {
    const { values, bad, feed } = reader();
    for (let at = 0; at < text.length; at += size) feed(text.subarray(at, at + size));
    expect({ values, bad }).toEqual({ values: [{ a: 'ü' }, [1], 'x'], bad: [] });
  }
});

test('garbage and endless lines are dropped and named, what follows is read', () => {
  const { values, bad, feed } = reader();
  feed(Buffer.from('nonsense\n'));
  for (let sent = 0; sent <= LINE_BYTES; sent += 65_536) feed(Buffer.alloc(65_536, 'x'));
  feed(Buffer.from('y\n{"ok":true}\n'));
  expect(values).toEqual([{ ok: true }]);
  expect(bad).toEqual([
    'a line that is not JSON was dropped',
    `a line longer than ${LINE_BYTES} bytes was dropped`,
  ]);
});

const END = {
  type: 'end',
  outcome: 'finished',
  cause: '',
  summary: '',
  stats: { turns: 1, toolCalls: 0, seconds: 1, firstRequestMs: null, model: null },
};

test.each<unknown>([
  null,
  { type: 'approve' },
  { type: 'turn', turn: -1, model: 'x' },
  { type: 'turn', turn: 1, model: 'x', extra: 1 },
  { type: 'end', outcome: 'crashed', cause: '', summary: '', stats: {} },
  { ...END, report: { kind: 'build', selfScore: 101 } },
  { ...END, report: { kind: 'approval', score: 100 } },
])('the supervisor does not take %j', (value) => {
  expect(Report.safeParse(value).success).toBe(false);
});

test('long texts of an agent are cut, not refused', () => {
  const parsed = Report.parse({ ...END, cause: 'c'.repeat(5000), summary: 's'.repeat(1e5) });
  if (parsed.type !== 'end') throw new Error('another report');
  expect([parsed.cause.length, parsed.summary.length]).toEqual([1_000, 20_000]);
});
