/** The engine `codex`: `codex exec --json`. */
import { join } from 'node:path';
import { member, textOf, type CliEngine, type CliEvent } from './contract.ts';

export const codex: CliEngine = {
  name: 'codex',
  provider: 'openai',
  program: 'codex',
  package: '@openai/codex',
  strict: true,
  // Tried: 0.163.0, 0.169.0, 0.171.0.
  known: { from: '0.163.0', below: '0.172.0', pinned: '0.169.0' },
  command(task) {
    const provider = [
      'name="AutoDev"',
      `base_url=${JSON.stringify(`${task.gateway}/openai/v1`)}`,
      'env_key="AUTODEV_GATEWAY_KEY"',
      'wire_api="responses"',
    ].join(', ');
    const sandbox = task.writes ? 'workspace-write' : 'read-only';
    return {
      args: [
        'exec',
        '--json',
        '--ephemeral',
        // Nothing from the repository or the machine configures it: whoever can write there would.
        '--ignore-user-config',
        '--ignore-rules',
        '--skip-git-repo-check',
        ...(task.isolated
          ? ['--dangerously-bypass-approvals-and-sandbox']
          : ['--sandbox', sandbox, '-c', 'approval_policy="never"']),
        ...['--output-schema', join(task.scratch, 'answer-schema.json')],
        ...['-C', task.workspace],
        ...['-m', task.model],
        ...['-c', 'model_provider="autodev"'],
        ...['-c', `model_providers.autodev={${provider}}`],
        // The key is for the loopback address only, and still no command needs it.
        ...['-c', 'shell_environment_policy.exclude=["AUTODEV_*"]'],
        ...['-c', 'project_doc_max_bytes=0'],
        // The gateway passes on no tool that the provider would run.
        ...['-c', 'web_search="disabled"'],
        '-',
      ],
      env: { CODEX_HOME: task.scratch, AUTODEV_GATEWAY_KEY: task.key },
      input: `${task.instructions}\n\n${task.opening}\n`,
    };
  },
  read(line) {
    switch (textOf(line, 'type')) {
      case 'turn.started':
        return [];
      case 'item.started':
      case 'item.completed':
        return readItem(member(line, 'item'), textOf(line, 'type') === 'item.completed');
      case 'turn.failed':
        return [{ kind: 'failed', cause: textOf(line, 'error', 'message') || 'the turn failed' }];
      case 'error':
        return [{ kind: 'failed', cause: textOf(line, 'message') || 'it reported an error' }];
      default:
        return [];
    }
  },
};

function readItem(item: unknown, ended: boolean): CliEvent[] {
  switch (textOf(item, 'type')) {
    case 'agent_message':
      // Whether words are the final answer shows only at the end: the last ones are.
      return ended ? [{ kind: 'text', text: textOf(item, 'text') }, answerOf(item)] : [];
    case 'command_execution': {
      const command = textOf(item, 'command');
      const exitCode = member(item, 'exit_code');
      const code = typeof exitCode === 'number' ? exitCode : null;
      if (!ended) return [{ kind: 'tool', name: 'command', about: command, ok: null }];
      const check = { command: command.slice(0, 500), exitCode: code, seconds: 0 };
      return [
        { kind: 'tool', name: 'command', about: command, ok: code === 0 },
        { kind: 'command', check },
      ];
    }
    case 'file_change': {
      const changes = member(item, 'changes');
      const paths = Array.isArray(changes) ? changes.map((one) => textOf(one, 'path')) : [];
      const ok = ended ? textOf(item, 'status') !== 'failed' : null;
      return [{ kind: 'tool', name: 'edit', about: paths.join(', '), ok }];
    }
    default:
      return [];
  }
}

function answerOf(item: unknown): CliEvent {
  return { kind: 'answer', json: textOf(item, 'text') };
}
