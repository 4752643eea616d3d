/** Small parts of the sandbox GitLab: closing words, quick actions, pkt-lines, weather. */
import { expect, test } from '@jest/globals';
import { parseCommands } from '../../../sandbox/gitlab/git/http.ts';
import { createWeather } from '../../../sandbox/gitlab/rest/weather.ts';
import { closingNumbers } from '../../../sandbox/gitlab/services/closing.ts';
import { extractQuickActions } from '../../../sandbox/gitlab/services/quick-actions.ts';

test.each([
  ['Closes #12', [12]],
  ['fixes #1, #2 and #3', [1, 2, 3]],
  ['This closes: #4\n\nResolved #5', [4, 5]],
  ['Implements #6', [6]],
  ['see #7', []],
  ['encloses #8', []],
  ['Closes !9', []],
])('%j closes %j', (text, numbers) => {
  expect(closingNumbers(text)).toEqual(numbers);
});

test.each([
  ['/label ~a ~b', '', [['label', '~a ~b']]],
  ['text\n/close\nmore', 'text\nmore', [['close', '']]],
  ['~~~\n/close\n~~~\n/close', '~~~\n/close\n~~~', [['close', '']]],
  ['````\n```\n/close\n````', '````\n```\n/close\n````', []],
  ['/autodev close', '/autodev close', []],
  ['\u200b/close', '\u200b/close', []],
  [
    '/close now\r\n/reopen',
    '',
    [
      ['close', 'now'],
      ['reopen', ''],
    ],
  ],
])('%j keeps %j', (body, text, commands) => {
  const found = extractQuickActions(body);
  expect(found.text).toBe(text);
  expect(found.commands.map(({ name, args }) => [name, args])).toEqual(commands);
});

test('the ref updates of a push are read from its pkt-lines', () => {
  const [a, b] = ['a'.repeat(40), 'b'.repeat(40)];
  const line = (text: string) => (text.length + 4).toString(16).padStart(4, '0') + text;
  const pack = Buffer.from(
    `${line(`${a} ${b} refs/heads/x\0report-status`)}${line(`${b} ${a} refs/tags/v1`)}0000PACK…`,
  );
  expect(parseCommands(pack)).toEqual([
    { ref: 'refs/heads/x', before: a, after: b },
    { ref: 'refs/tags/v1', before: b, after: a },
  ]);
  expect(parseCommands(Buffer.from('zzzz'))).toEqual([]);
});

test('weather hits as often as it was told, after those it lets pass', () => {
  const weather = createWeather();
  weather.calls({ method: 'POST', path: /notes/ }, { kind: 'drop_reply' }, { times: 2, skip: 1 });
  const hits = ['POST', 'GET', 'POST', 'POST', 'POST'].map(
    (method) => weather.forCall(method, '/projects/1/issues/1/notes').length,
  );
  expect(hits).toEqual([0, 0, 1, 1, 0]);
  expect(weather.pending()).toBe(0);
});
