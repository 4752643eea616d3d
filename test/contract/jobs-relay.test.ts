/** What the agent process cannot do itself: reading threads, and findings that outlive it. */
import { expect, test } from '@jest/globals';
import type { ToolName } from '../../schema/wire/job-api.ts';
import { finish, shell, steps, useJob } from './jobs-case.ts';
import { ATTEMPT_TOKEN, headOf, type ModelBody } from './jobs-standin.ts';

const job = useJob();
const tools: ToolName[] = ['run_command', 'read_thread', 'report_finding', 'ask_human', 'finish'];
const call = (name: string, args: object) => ({ calls: [{ name, args }] });
const FINDING = {
  ...{ path: 'greet.js', line: 1, severity: 'high', category: 'correctness' },
  ...{ title: 'Greets nobody', body: 'Without a name it says undefined.', confidence: 0.9 },
};
const lastResult = (body: ModelBody | undefined): string => JSON.stringify(body?.input?.at(-1));

test('a thread is read by the supervisor, whose token the agent does not have', async () => {
  const read = call('read_thread', { kind: 'issue', number: 7, page: null });
  const leak = shell('env; cat /proc/self/environ; cat /proc/$PPID/environ');
  const { done } = await job.start(steps(read, leak, finish()), { spec: { tools } });
  expect((await done).code).toBe(0);
  expect(job.standin.threads).toEqual([
    { auth: `Bearer ${ATTEMPT_TOKEN}`, body: { type: 'issue', iid: 7, page: 1 } },
  ]);
  expect(lastResult(job.standin.requests[1]?.body)).toContain('Issue #7, opened');
  expect(JSON.stringify(job.standin.requests.map(({ body }) => body))).not.toContain(ATTEMPT_TOKEN);
});

test('a refusal is told to the agent, and its work goes on', async () => {
  const read = call('read_thread', { kind: 'merge_request', number: 3, page: 2 });
  const { done } = await job.start(steps(read, finish()), {
    spec: { tools },
    before: (standin) => void (standin.threadStatus = 404),
  });
  expect((await done).code).toBe(0);
  expect(lastResult(job.standin.requests[1]?.body)).toContain('not yours Do something else');
  expect(job.file().outcome).toBe('finished');
});

test('findings survive a limit, each once, and without a report they stand by themselves', async () => {
  const { done } = await job.start(
    (n) => call('report_finding', n < 2 ? FINDING : { ...FINDING, title: `Another ${n}` }),
    { spec: { tools, report: 'review', reports: ['review'], limits: limits(4) } },
  );
  await done;
  const result = job.file();
  expect(result.outcome).toBe('limit');
  expect(result.findings?.map(({ title }) => title)).toEqual([
    'Greets nobody',
    'Another 2',
    'Another 3',
  ]);
  expect(lastResult(job.standin.requests[2]?.body)).toContain('recorded already');
});

test('at the end they are part of the report', async () => {
  const report = { kind: 'review', score: 60, findings: [{ ...FINDING, body: 'Said again.' }] };
  const other = { ...FINDING, path: 'run.sh', suggestion: null };
  const { done } = await job.start(
    steps(
      call('report_finding', FINDING),
      call('report_finding', other),
      call('report_finding', { ...FINDING, line: 0 }),
      call('finish', { outcome: 'done', summary: 'Two.', report }),
    ),
    { spec: { tools, report: 'review', reports: ['review'] } },
  );
  await done;
  expect(job.file()).toMatchObject({
    outcome: 'finished',
    report: { findings: [{ path: 'greet.js', body: 'Said again.' }, { path: 'run.sh' }] },
  });
  expect(job.file().findings).toBeUndefined();
});

test('ask_human ends the task with its question', async () => {
  const ask = call('ask_human', { question: 'Tabs or spaces?', found: 'Both are used.' });
  const { done } = await job.start(steps(ask), { spec: { tools } });
  await done;
  expect(job.file()).toMatchObject({
    ...{ outcome: 'needs_human', comment: 'Tabs or spaces?', summary: 'Both are used.' },
    baseSha: headOf(job.repo),
  });
});

function limits(turns: number) {
  return {
    ...{ turns, minutes: 2, commandSeconds: 10, toolResultBytes: 20_000, maxOutputTokens: 4_000 },
  };
}
