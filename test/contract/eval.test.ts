/** The evaluation as people start it, and what keeps its verdicts honest. */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { loadAgents, loadSettings } from '../../bot/config/settings.ts';
import { evalCommand } from '../../bot/cli/eval.ts';
import { readEvalEnv } from '../../eval/env.ts';
import { runChecks, type CheckOutcome } from '../../eval/hidden.ts';
import { startHost, type Host } from '../../eval/host.ts';
import { contextOf, planTask, type Crew } from '../../eval/plan.ts';
import { buildProgram } from '../../eval/run.ts';
import { tryTask } from '../../eval/try.ts';
import { chooseTasks, loadTasks, TASKS_DIR, type EvalTask } from '../../eval/task.ts';
import { scriptFromSteps } from '../../sandbox/model/scripts.ts';
import { startModelServer, type ModelServer } from '../../sandbox/model/server.ts';
import type { IsolationWish } from '../../schema/wire/job-api.ts';
import { declareMissing } from '../support/missing.ts';
import { runCli } from '../support/run-cli.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const SHORT = ['ask-currency', 'duration-refactor', 'invoice-rounding'];
const bwrap =
  spawnSync('bwrap', ['--unshare-all', '--ro-bind', '/', '/', 'true'], { stdio: 'ignore' })
    .status === 0;
let dir: string;

beforeAll(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'autodev-eval-test-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** Evaluations are processes that start processes: a busy machine is given time. */
const BUSY_MS = 180_000;

/** `autodev eval` without any key in its environment. */
const run = (...args: string[]) => runCli(['eval', ...args], {});

describe('from the command line', () => {
  test(
    'runs tasks with scripted answers, prints a table and writes the same figures',
    async () => {
      const out = path.join(dir, 'figures.json');
      const logs = path.join(dir, 'logs');
      const args = ['--scripted', '--only', SHORT.join(','), '--out', out, '--logs', logs];
      const { code, stdout } = await run(...args);
      const report = JSON.parse(readFileSync(out, 'utf8'));
      expect(report).toMatchObject({ answers: 'scripted', runsPerTask: 1, maxUsd: 10 });
      expect(report.machine.node).toBe(process.version);
      const rows = report.tasks.map((one: Record<string, unknown>) => [one.name, one.solved]);
      expect(rows).toEqual([
        ['ask-currency', true],
        ['duration-refactor', true],
        ['invoice-rounding', false],
      ]);
      const [question, refactor, wrong] = report.tasks;
      expect(question).toMatchObject({ verdict: 'needs_human', turns: 2, calls: 2 });
      expect(refactor).toMatchObject({
        verdict: 'finished',
        turns: 3,
        checks: { passed: 6, of: 6 },
      });
      expect(wrong.why).toMatch(/^failed: the invoice of the report adds up/);
      for (const { costUsd, cacheShare, seconds, inputTokens } of report.tasks) {
        expect(Math.min(costUsd, cacheShare, seconds, inputTokens)).toBeGreaterThan(0);
      }
      expect(report.totals).toMatchObject({ tries: 3, ran: 3, solved: 2, calls: 8 });
      expect(stdout).toMatch(/^all +2 of 3 /m);
      expect(stdout).toMatch(/^invoice-rounding: failed: the invoice/m);
      expect(readFileSync(path.join(logs, 'ask-currency-1/job.log'), 'utf8')).toContain('claimed');
      // Not solved is an answer, too: nothing went wrong.
      expect(code).toBe(0);
    },
    BUSY_MS,
  );

  test(
    '--max-usd ends it before the money is spent',
    async () => {
      const args = [
        '--scripted',
        '--only',
        SHORT.join(','),
        '--max-usd',
        '0.02',
        '--parallel',
        '1',
      ];
      const { code, stdout } = await run(...args, '--json');
      const { tasks, totals } = JSON.parse(stdout);
      expect(tasks.map((one: { verdict: string }) => one.verdict)).toEqual([
        'budget',
        'not run',
        'not run',
      ]);
      expect(tasks[1].why).toBe('the $0.02 of --max-usd were spent before');
      expect(totals).toMatchObject({ ran: 1, solved: 0 });
      expect(totals.costUsd).toBeLessThanOrEqual(0.02);
      expect(code).toBe(1);
    },
    BUSY_MS,
  );

  test(
    'without a key it says what to set',
    async () => {
      expect(await run()).toMatchObject({ code: 1, stderr: expect.stringContaining('--scripted') });
    },
    BUSY_MS,
  );

  test(
    'wrong calls end with 2 and name the mistake',
    async () => {
      expect(await run('--runs', '0')).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('--runs is 0'),
      });
      expect(await run('--only', 'nope')).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('no such task: nope; there are ask-currency'),
      });
    },
    BUSY_MS,
  );

  test(
    '--list and --help are answered by the program itself',
    async () => {
      const listed = await run('--list');
      expect(listed.stdout.trimEnd().split('\n')).toHaveLength(10);
      const { stdout } = await run('--help');
      for (const option of ['--model', '--engine', '--max-usd', '--scripted', '--json']) {
        expect(stdout).toContain(option);
      }
    },
    BUSY_MS,
  );

  test(
    'where the program is not installed it says where to get it',
    async () => {
      await expect(
        evalCommand(dir).exitOverride().parseAsync(['--list'], { from: 'user' }),
      ).rejects.toThrow(/not part of this installation[^]*npm ci && npm run eval/);
    },
    BUSY_MS,
  );
});

/** A model whose one command is this; what it was shown is kept. */
function startLooker(command: string): Promise<ModelServer> {
  const report = { kind: 'build', selfScore: 50 };
  const finish = { name: 'finish', arguments: { outcome: 'done', summary: 'x', report } };
  const steps = [
    { toolCalls: [{ name: 'run_command', arguments: { command } }] },
    { toolCalls: [finish] },
  ];
  return startModelServer({ scripts: [scriptFromSteps({ name: 'looks', steps })] });
}

describe('what an agent can see of the evaluation', () => {
  const look = `cat ${TASKS_DIR}/ask-currency/hidden/*.mjs ${TASKS_DIR}/ask-currency/solution/* 2>&1`;
  let model: ModelServer;
  let host: Host;
  let crew: Crew;
  let program: Awaited<ReturnType<typeof buildProgram>>;

  beforeAll(async () => {
    model = await startLooker(look);
    const settings = loadSettings(path.join(ROOT, 'config/settings.yaml'));
    const anthropic = { baseUrl: model.url, apiKey: model.keys.anthropic };
    const providers = { openai: null, anthropic };
    crew = { settings, agents: loadAgents(path.join(ROOT, 'config/agents')), providers };
    const context = contextOf(settings);
    host = await startHost({ settings, providers, maxUsd: 1, context, secrets: [] });
    program = await buildProgram();
  }, BUSY_MS);
  afterAll(async () => {
    await program.remove();
    await host.close();
    await model.close();
  });

  /** What the command printed to an agent in this isolation. */
  async function seen(isolation: IsolationWish): Promise<string> {
    const [task] = chooseTasks(loadTasks(), ['ask-currency']) as [EvalTask];
    const plan = planTask(task, crew, { model: null, engine: null });
    plan.spec.isolation = isolation;
    const say = (): void => undefined;
    const stop = new AbortController().signal;
    const more = { protectedPaths: [], logs: null, program: program.entry };
    const done = await tryTask({
      env: readEvalEnv(),
      host,
      task,
      plan,
      run: 1,
      say,
      stop,
      ...more,
    });
    expect(done).toMatchObject({ ran: true, solved: false, verdict: 'finished' });
    return model.requests.at(-1)?.conversation?.messages.at(-1)?.text ?? '';
  }

  if (bwrap) {
    test(
      'isolated, neither checks nor solution',
      async () => {
        const text = await seen({ sandbox: 'required', network: 'gateway' });
        expect(text).toContain('No such file');
        expect(text).not.toContain('it hands the decision');
      },
      BUSY_MS,
    );
  } else declareMissing('bwrap', 'hidden checks');

  test(
    'not isolated, both: isolation is what hides them',
    async () => {
      expect(await seen({ sandbox: 'off', network: 'open' })).toContain('it hands the decision');
    },
    BUSY_MS,
  );
});

describe('hidden checks', () => {
  const GOOD = 'export const answer = () => 42;\n';
  const CHECK = [
    `import assert from 'node:assert/strict';`,
    `import { test } from 'node:test';`,
    `const { answer } = await import(process.env.REPO + '/answer.js');`,
    `test('one', () => assert.equal(answer(), 42));`,
    `test('two', () => assert.equal(answer(), 42));`,
  ].join('\n');

  /** The outcome of two checks on a repository whose one file an agent wrote. */
  async function checked(
    code: string,
    { limitMs, sandbox = 'auto' }: { limitMs?: number; sandbox?: 'auto' | 'off' } = {},
  ): Promise<CheckOutcome> {
    const task = path.join(mkdtempSync(path.join(dir, 'task-')), 'small');
    for (const part of ['repo', 'hidden']) mkdirSync(path.join(task, part), { recursive: true });
    cpSync(path.join(TASKS_DIR, 'ask-currency/task.yaml'), path.join(task, 'task.yaml'));
    writeFileSync(path.join(task, 'repo/package.json'), '{ "type": "module" }');
    writeFileSync(path.join(task, 'hidden/answer.check.mjs'), CHECK);
    const [small] = loadTasks(path.dirname(task)) as [EvalTask];
    const content = Buffer.from(code).toString('base64');
    const change = { path: 'answer.js', action: 'create', mode: '100644', content } as const;
    const proposal = { outcome: 'finished', summary: '', changes: [change] } as const;
    const result = { ...proposal, changes: [...proposal.changes] };
    const isolation = { sandbox, network: 'gateway' } as const;
    return runChecks(readEvalEnv(), small, result, isolation, limitMs);
  }

  test('pass on what is right', async () => {
    expect(await checked(GOOD)).toEqual({ passed: 2, failed: [], broken: null });
  });

  test('do not pass on code that ends the process or prints their report itself', async () => {
    const early = await checked(`${GOOD}process.exit(0);`);
    expect(early).toEqual({ passed: 0, failed: [], broken: expect.stringMatching(/ended/) });
    const forged =
      'export const answer = () => 1; console.log("ok 1 - one\\n# pass 2\\n# fail 0");';
    expect(await checked(forged)).toEqual({ passed: 0, failed: ['one', 'two'], broken: null });
  });

  test('end when their time is over', async () => {
    const endless = await checked(`${GOOD}for (;;);`, { limitMs: 1_500 });
    expect(endless.broken).toBe('they took longer than 1.5 s');
  });

  if (bwrap) {
    test('reach no network, and isolation is what keeps them from it', async () => {
      const server = createServer((socket) => socket.end()).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const dial = `import { connect } from 'node:net';
        const open = await new Promise((done) => {
          const socket = connect(${(server.address() as AddressInfo).port}, '127.0.0.1');
          socket.once('connect', () => done(true)).once('error', () => done(false));
        });
        export const answer = () => (open ? 1 : 42);`;
      try {
        expect(await checked(dial)).toMatchObject({ passed: 2 });
        expect(await checked(dial, { sandbox: 'off' })).toMatchObject({ passed: 0 });
      } finally {
        server.close();
      }
    });
  }
});
