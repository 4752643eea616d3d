/** What reaches the terminal, and how people name things there. */
import { execFileSync } from 'node:child_process';
import { PassThrough } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import { templateInputs } from '../../../bot/cli/connect/template-inputs.ts';
import { HOOK_EVENT_NAMES, isAtLeast } from '../../../bot/cli/connect/hook-events.ts';
import { LABELS } from '../../../bot/cli/connect/onboarding-text.ts';
import { causeOf } from '../../../bot/cli/describe-error.ts';
import { UsageError } from '../../../bot/cli/require-config.ts';
import { parseReference, projectPath, referenceText } from '../../../bot/cli/target-reference.ts';
import { createTerminal } from '../../../bot/cli/terminal.ts';
import { commandOfLabel } from '../../../bot/domain/commands.ts';

const GITLAB = 'https://gitlab.example.com/git';

function terminalOn(options: { tty: boolean }) {
  const streams = { input: new PassThrough(), output: new PassThrough() };
  const tty = { isTTY: options.tty, getColorDepth: () => 8 };
  Object.assign(streams.input, { isTTY: options.tty });
  Object.assign(streams.output, tty);
  const text = (): string => String(streams.output.read() ?? '');
  return { terminal: createTerminal(streams), streams, text };
}

describe('terminal', () => {
  test('is plain where nobody looks', async () => {
    const { terminal, text } = terminalOn({ tty: false });
    terminal.line(`${terminal.mark('ok')} ${terminal.paint('red', 'text')}`);
    expect(text()).toBe('✓ text\n');
    expect(await terminal.confirm('Do this?')).toBeNull();
  });

  test.each([
    [{ TERM: 'xterm-256color' }, '\x1b[31m✗\x1b[39m'],
    [{ TERM: 'xterm-256color', NO_COLOR: '1' }, '✗'],
  ])('on a TTY with %j it prints %j', (env, expected) => {
    // In a process of its own: Node reads these variables behind the back of a test's `process.env`.
    const module = new URL('../../../bot/cli/terminal.ts', import.meta.url).href;
    const script = `
      import { createTerminal } from '${module}';
      import { PassThrough } from 'node:stream';
      import { WriteStream } from 'node:tty';
      const { getColorDepth } = WriteStream.prototype;
      const output = Object.assign(new PassThrough(), { isTTY: true, getColorDepth });
      process.stdout.write(createTerminal({ input: process.stdin, output }).mark('error'));`;
    const args = ['--input-type=module', '-e', script];
    expect(execFileSync(process.execPath, args, { env, encoding: 'utf8' })).toBe(expected);
  });

  test('lets no control characters of others through', () => {
    const { terminal, text } = terminalOn({ tty: true });
    terminal.line('a\x1b[2Jb\x1b]0;title\x07c\rd\x9be\u202ef\x1b[31mg\x1b[39m');
    expect(text()).toBe('a[2Jb]0;titlecdef\x1b[31mg\x1b[39m\n');
  });

  test.each([
    ['y', true],
    [' Yes ', true],
    ['', false],
    ['n', false],
    ['yellow', false],
  ])('the answer %j to the question', async (answer, expected) => {
    const { terminal, streams } = terminalOn({ tty: true });
    const asked = terminal.confirm('Do this?');
    streams.input.write(`${answer}\n`);
    expect(await asked).toBe(expected);
  });
});

describe('references', () => {
  test.each<[text: string, expected: string]>([
    ['group/project#12', 'group/project#12'],
    ['a/b/c.d/e-f!4', 'a/b/c.d/e-f!4'],
    [`${GITLAB}/group/project/-/issues/12`, 'group/project#12'],
    [`${GITLAB}/group/project/-/work_items/12#note_3`, 'group/project#12'],
    [`${GITLAB}/group/project/-/merge_requests/4/diffs?x=1`, 'group/project!4'],
  ])('%s', (text, expected) => {
    expect(referenceText(parseReference(text, GITLAB))).toBe(expected);
  });

  test.each([
    'group/project',
    '#12',
    'project#12',
    'group/project#',
    'group/project#1x',
    'https://other.example.com/group/project/-/issues/12',
    '../../etc/passwd#1 x',
    `${'a/'.repeat(30)}b#1`,
  ])('%s is none', (text) => {
    expect(() => parseReference(text, GITLAB)).toThrow(UsageError);
  });

  test('projects by path and URL', () => {
    expect(projectPath('group/project', GITLAB)).toBe('group/project');
    expect(projectPath(`${GITLAB}/group/project/`, GITLAB)).toBe('group/project');
    for (const wrong of ['project', '', 'a b/c', 'https://other.example.com/a/b']) {
      expect(() => projectPath(wrong, GITLAB)).toThrow(UsageError);
    }
  });
});

test('versions', () => {
  const wanted = { major: 17, minor: 2 };
  expect(['17.2.0', '17.10.1-ee', '18.0.0-pre'].every((text) => isAtLeast(text, wanted))).toBe(
    true,
  );
  expect(['17.1.9', '16.11.0', '', 'v17.2', '9.9'].some((text) => isAtLeast(text, wanted))).toBe(
    false,
  );
});

test('causes of network errors are the ones behind them', () => {
  const refused = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1'), {
    code: 'ECONNREFUSED',
  });
  expect(causeOf(new TypeError('fetch failed', { cause: refused }))).toBe(refused.message);
  expect(causeOf(new AggregateError([refused], ''))).toBe(refused.message);
  expect(causeOf(Object.assign(new Error(''), { code: 'ETIMEDOUT' }))).toBe('ETIMEDOUT');
  expect(causeOf(new Error('x'.repeat(1000))).length).toBeLessThan(500);
});

test('every label but the plain one is a command, and both start work', () => {
  expect(LABELS.map(({ name }) => commandOfLabel(name))).toEqual(['implement', 'implement', 'fix']);
});

test('no event is asked for twice', () => {
  expect(new Set(HOOK_EVENT_NAMES).size).toBe(HOOK_EVENT_NAMES.length);
});

describe('inputs of the template', () => {
  const template = [
    'spec:',
    '  inputs:',
    '    server:',
    '    image: { default: "autodev-job:1" }',
    '    stage: { default: test }',
    '    tags: { type: array, default: [autodev] }',
    '    strategy: { default: depend }',
    '---',
    'a: 1',
  ].join('\n');
  const ci = {
    image: 'autodev-job:1',
    tags: ['autodev'],
    strategy: 'depend' as const,
    isolation: { sandbox: 'auto' as const, network: 'gateway' as const },
  };
  const facts = { publicUrl: 'http://b', botId: 7, ci, template, ciFile: null };
  const required = { server: 'http://b', bot_user_id: '7' };

  test.each<[what: string, change: Partial<Parameters<typeof templateInputs>[0]>, more: object]>([
    ['defaults are not repeated', {}, {}],
    ['another tag', { ci: { ...ci, tags: ['big'] } }, { tags: ['big'] }],
    ['another image', { ci: { ...ci, image: 'x:2' } }, { image: 'x:2' }],
    ['mirror', { ci: { ...ci, strategy: 'mirror' } }, { strategy: 'mirror' }],
    ['stages with test', { ciFile: 'stages: [build, test]\n' }, {}],
    ['stages without', { ciFile: 'stages: [.pre, build, deploy]\n' }, { stage: 'build' }],
    ['a broken file', { ciFile: 'stages: [\n' }, {}],
  ])('%s', (_, change, more) => {
    expect(templateInputs({ ...facts, ...change })).toEqual({ ...required, ...more });
  });
});
