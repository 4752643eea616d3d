/** Every way a job can end badly: there is always a result, and nothing keeps running. */
import { expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { finish, shell, steps, useJob } from './jobs-case.ts';
import { until } from './jobs-standin.ts';

const job = useJob();

test('cancel by heartbeat kills the commands and delivers a cancelled result', async () => {
  const program = await job.start(
    steps(shell('sleep 300 & echo $! > "$TMPDIR/../pid"; sleep 300')),
  );
  await until(() => program.out().includes('run_command sleep'), 'the command');
  job.standin.nextHeartbeat.push({ cancel: true });
  expect((await program.done).code).toBe(0);
  expect(job.standin.results[0]).toMatchObject({ outcome: 'cancelled', changes: [] });
});

test.each([401, 409])('a heartbeat answered with %i ends the attempt', async (status) => {
  const program = await job.start(steps(shell('sleep 300')), {
    before: (s) => {
      s.nextHeartbeat.push({}, { status });
      s.resultStatus.push(409);
    },
  });
  const { code, out } = await program.done;
  expect(code).toBe(1);
  expect(out).toContain('too late');
  expect(job.file().outcome).toBe('cancelled');
});

test('heartbeats and results survive a bot that is away for a while', async () => {
  const program = await job.start(steps(shell('sleep 0.6')), {
    before: (s) => {
      s.nextHeartbeat.push({ status: 503 }, { status: 502 });
      s.resultStatus.push(503, 500);
    },
  });
  const { code, out } = await program.done;
  expect(code).toBe(0);
  expect(out).toContain('the bot answers again');
  expect(job.standin.results).toHaveLength(1);
});

test('kill -9 of the agent still gives a result', async () => {
  const program = await job.start(steps(shell('touch x; kill -9 $PPID; sleep 300')));
  expect((await program.done).code).toBe(0);
  const result = job.file();
  expect(result).toMatchObject({ outcome: 'crashed', changes: [] });
  expect(result.cause).toContain('SIGKILL');
  expect(job.standin.results).toEqual([result]);
});

test('SIGTERM from the runner gives a result file and ends everything', async () => {
  const program = await job.start(steps(shell('sleep 300')));
  await until(() => program.out().includes('run_command sleep'), 'the command');
  program.child.kill('SIGTERM');
  expect((await program.done).code).toBe(0);
  expect(job.file()).toMatchObject({ outcome: 'cancelled', changes: [] });
  expect(job.file().cause).toContain('SIGTERM');
});

test('a runner that died and no longer reads the log ends the attempt, once', async () => {
  const program = await job.start(steps(shell('sleep 300')));
  await until(() => program.out().includes('run_command sleep'), 'the command');
  program.child.stdout?.destroy();
  expect((await program.done).code).toBe(0);
  expect(job.file().cause).toContain('The runner is gone');
  expect(job.standin.results).toHaveLength(1);
});

test('a refused claim leaves a result file and says what to do', async () => {
  const program = await job.start(steps(), { before: (s) => (s.claimStatus = 409) });
  const { code, out } = await program.done;
  expect(code).toBe(1);
  expect(out).toContain('The bot refused the claim (409): not yours. Do something else');
  expect(job.file()).toMatchObject({ outcome: 'crashed', attempt: 7 });
});

test('a checkout without the commit of the task is told, not guessed around', async () => {
  const program = await job.start(steps(), { spec: { baseSha: 'ab'.repeat(20) } });
  const { code } = await program.done;
  expect(code).toBe(0);
  const result = job.standin.results[0];
  expect(result).toMatchObject({ outcome: 'crashed', baseSha: 'ab'.repeat(20), changes: [] });
  expect(result?.cause).toContain('The commit to work on could not be fetched');
});

test('work starts from the commit of the task, although the branch moved on', async () => {
  const program = await job.start(steps(shell('cat greet.js'), finish()), {
    before: (_, repo) => {
      writeFileSync(join(repo, 'greet.js'), 'moved on\n');
      execFileSync('git', ['commit', '-qam', 'later'], { cwd: repo });
    },
  });
  expect((await program.done).code).toBe(0);
  expect(job.standin.results[0]?.changes).toEqual([]);
  expect(JSON.stringify(job.standin.requests[1]?.body)).toContain('Hello');
});

test('a result the bot cannot read is replaced by the news of it', async () => {
  const program = await job.start(steps(shell('echo x > x')), {
    before: (s) => s.resultStatus.push(400),
  });
  expect((await program.done).code).toBe(0);
  expect(job.standin.results[0]).toMatchObject({ outcome: 'crashed', changes: [] });
  expect(job.standin.results[0]?.cause).toContain('400');
});

test('no daemon of a command outlives the job', async () => {
  const escape =
    'setsid bash -c "sleep 301 & disown" >/dev/null 2>&1 & (setsid sleep 302 >/dev/null 2>&1 &) ; echo ok';
  const program = await job.start(steps(shell(escape), finish()));
  expect((await program.done).code).toBe(0);
  const left = running(/^sleep\0?30[12]/);
  expect(left).toEqual([]);
});

function running(pattern: RegExp): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => {
      try {
        return readFileSync(`/proc/${name}/cmdline`, 'utf8');
      } catch {
        return '';
      }
    })
    .filter((line) => pattern.test(line));
}
