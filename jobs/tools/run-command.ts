import * as z from 'zod';
import { showHidden } from '../../schema/wire/hidden-characters.ts';
import { runInGroup, type GroupResult } from '../process-group.ts';
import { stripAnsi } from '../run-log.ts';
import { clipBytes, defineTool, toolError } from './tool.ts';

const COMMAND_CHARS = 20_000;
const CHECK_CHARS = 500;

export const runCommandTool = defineTool({
  name: 'run_command',
  description:
    'Runs a command with `bash -c` in the repository root and answers with its exit code and output. Nothing keeps running afterwards: background processes are killed when the command ends. There is no terminal and no standard input.',
  input: z.strictObject({
    command: z.string().min(1).max(COMMAND_CHARS),
    timeout_seconds: z.int().min(1).nullish().describe('Stop the command after this time'),
  }),
  about: ({ command }) => command,
  async run({ command, timeout_seconds }, context) {
    if (command.includes('\0')) return toolError('command: it contains a NUL character.');
    const seconds = Math.min(timeout_seconds ?? context.commandSeconds, context.commandSeconds);
    const result = await runInGroup({
      file: 'bash',
      args: ['--noprofile', '--norc', '-c', command],
      cwd: context.root,
      env: context.env,
      timeoutMs: seconds * 1000,
      capBytes: context.resultBytes,
      signal: context.signal,
    });
    if (result.startError) return toolError(`bash could not be started: ${result.startError}`);
    const { exitCode } = result;
    const short = command.length > CHECK_CHARS ? `${command.slice(0, CHECK_CHARS - 1)}…` : command;
    context.onCommand({ command: short, exitCode, seconds: result.seconds });
    const output = clipBytes(
      showHidden(clean(result.output)),
      context.resultBytes + 200,
      'Print less.',
    );
    return { ok: true, text: `${headline(result, seconds)}\n${output.trimEnd() || '(no output)'}` };
  },
});

function headline(result: GroupResult, seconds: number): string {
  if (result.timedOut) return `Stopped after ${seconds} s (time-out), output so far:`;
  if (result.exitCode === null) return `Ended by ${result.signal ?? 'a signal'}.`;
  return `Exit code ${result.exitCode} after ${result.seconds.toFixed(1)} s.`;
}

/** Output as a model can use it: no terminal sequences, the last state of each progress line. */
function clean(output: string): string {
  return stripAnsi(output)
    .replace(/\r\n/g, '\n')
    .replace(/^.*\r(?=[^\n])/gm, '')
    .replace(/[^\P{Cc}\n\t]/gu, '');
}
