#!/usr/bin/env node
/** `autodev-job`: what runs inside CI. Each command loads only what it needs. */
import { readJobEnv } from './env.ts';
import { describeError } from './errors.ts';
import { createLog } from './run-log.ts';

const USAGE = `autodev-job: runs inside a CI job made by AutoDev

  autodev-job plan --out FILE   fetch the child pipeline's YAML from the bot
  autodev-job reports --out DIR fetch what agents found, as report files
  autodev-job doctor [--json]   say what this image and this runner give to agents
  autodev-job run               claim this job's attempt, run its agent, deliver the result
`;

/** The command line that starts this very program again. */
const SELF = [process.execPath, ...process.execArgv, process.argv[1] ?? ''];

async function main(args: readonly string[]): Promise<number> {
  const [command, ...rest] = args;
  switch (command) {
    case 'plan':
      return planCommand(rest);
    case 'run':
      return runCommand();
    case 'reports':
      return reportsCommand(rest);
    case 'doctor':
      return doctorCommand(rest);
    case 'agent': {
      const { agent } = await import('./agent/agent.ts');
      await agent(SELF);
      return 0;
    }
    case 'scan': {
      const [{ scan }, { text }] = await Promise.all([
        import('./tools/scan.ts'),
        import('node:stream/consumers'),
      ]);
      const request = JSON.parse(await text(process.stdin)) as Parameters<typeof scan>[0];
      return scan(request, (line) => void process.stdout.write(`${line}\n`));
    }
    default:
      process.stdout.write(USAGE);
      return command === undefined || command === '--help' || command === 'help' ? 0 : 2;
  }
}

async function planCommand(args: readonly string[]): Promise<number> {
  const out = args[0] === '--out' && args.length === 2 ? args[1] : undefined;
  if (!out) {
    process.stderr.write('plan needs the file to write: autodev-job plan --out FILE\n');
    return 2;
  }
  const env = readJobEnv();
  const { plan } = await import('./plan.ts');
  await plan(
    env,
    out,
    createLog(
      (text) => process.stdout.write(text),
      env.secrets,
      () => new Date(),
    ),
  );
  return 0;
}

async function reportsCommand(args: readonly string[]): Promise<number> {
  const out = args[0] === '--out' && args.length === 2 ? args[1] : undefined;
  if (!out) {
    process.stderr.write('reports needs a folder to write to: autodev-job reports --out DIR\n');
    return 2;
  }
  const env = readJobEnv();
  const { fetchReports } = await import('./reports.ts');
  const write = (text: string): boolean => process.stdout.write(text);
  const log = createLog(write, env.secrets, () => new Date());
  await fetchReports(env, out, log);
  return 0;
}

async function doctorCommand(args: readonly string[]): Promise<number> {
  if (args.some((arg) => arg !== '--json')) {
    process.stderr.write('doctor takes nothing but --json\n');
    return 2;
  }
  const { doctor } = await import('./doctor/doctor.ts');
  const surroundings = { path: readJobEnv().path, self: SELF };
  return doctor(surroundings, args.length > 0, (line) => void process.stdout.write(`${line}\n`));
}

async function runCommand(): Promise<number> {
  const env = readJobEnv();
  const control = new AbortController();
  let logIsRead = true;
  // Every further line would fail again, and be reported by a line that fails.
  process.stdout.on('error', () => {
    logIsRead = false;
    control.abort('The runner is gone: nobody reads the job log');
  });
  const log = createLog(
    (text) => void (logIsRead && process.stdout.write(text)),
    env.secrets,
    () => new Date(),
  );
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    process.on(signal, () => control.abort(`The runner stopped the job (${signal})`));
  }
  // A stray error must not cost the result: it ends the attempt in order instead.
  process.on('uncaughtException', (error) => {
    log.line(`unexpected: ${describeError(error)}`);
    control.abort(`The job failed: ${describeError(error)}`);
  });
  const { run } = await import('./run/run.ts');
  return run({ env, self: SELF, log, stop: control.signal });
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
    // An aborted request or a leftover socket must not hold the job open.
    process.stdout.write('', () => process.exit(code));
  },
  (error: unknown) => {
    process.stderr.write(`autodev-job: ${describeError(error)}\n`, () => process.exit(1));
  },
);
