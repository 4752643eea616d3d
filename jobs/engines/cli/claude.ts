/** The engine `claude`: `claude -p --output-format stream-json`. */
import { member, textOf, type CliEngine, type CliEvent } from './contract.ts';

const READING = ['Read', 'Glob', 'Grep'];
const WRITING = ['Edit', 'Write'];
const RUNNING = ['Bash'];

/** Its own words for an end, in ours. It asks for a structured answer again by itself. */
const CAUSES: Readonly<Record<string, string>> = {
  error_max_structured_output_retries:
    'The final answer did not fit, however often it was asked for',
};

export const claude: CliEngine = {
  name: 'claude',
  provider: 'anthropic',
  program: 'claude',
  package: '@anthropic-ai/claude-code',
  strict: false,
  // Tried: 2.1.326, 2.1.329, 2.1.332.
  known: { from: '2.1.326', below: '2.2.0', pinned: '2.1.329' },
  command(task) {
    const tools = [...READING, ...(task.writes ? WRITING : []), ...(task.runs ? RUNNING : [])];
    return {
      args: [
        '-p',
        ...['--output-format', 'stream-json'],
        '--verbose',
        // Nothing from the repository or the machine configures it: no CLAUDE.md, hooks, plugins, servers.
        // `--bare` would as well, but leaves neither Grep nor Glob nor Write.
        '--safe-mode',
        ...['--setting-sources', ''],
        '--strict-mcp-config',
        '--disable-slash-commands',
        '--no-session-persistence',
        ...['--permission-mode', 'bypassPermissions'],
        ...['--tools', tools.join(',')],
        ...['--system-prompt', task.instructions],
        ...['--json-schema', JSON.stringify(task.answerSchema)],
        ...['--model', task.model],
      ],
      env: {
        ANTHROPIC_BASE_URL: `${task.gateway}/anthropic`,
        ANTHROPIC_API_KEY: task.key,
        CLAUDE_CONFIG_DIR: task.scratch,
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
        DISABLE_AUTOUPDATER: '1',
        // It refuses to run without questions as root unless it is told that the machine is thrown away.
        IS_SANDBOX: '1',
      },
      input: task.opening,
    };
  },
  read(line) {
    switch (textOf(line, 'type')) {
      case 'assistant':
        return partsOf(line).flatMap(readPart);
      case 'user':
        return partsOf(line).flatMap(readResult);
      case 'result':
        return readEnd(line);
      default:
        return [];
    }
  },
};

function partsOf(line: unknown): unknown[] {
  const content = member(line, 'message', 'content');
  return Array.isArray(content) ? content : [];
}

function readPart(part: unknown): CliEvent[] {
  if (textOf(part, 'type') === 'text') return [{ kind: 'text', text: textOf(part, 'text') }];
  if (textOf(part, 'type') !== 'tool_use') return [];
  const name = textOf(part, 'name');
  if (name === 'StructuredOutput') return [];
  const about =
    textOf(part, 'input', 'command') ||
    textOf(part, 'input', 'file_path') ||
    textOf(part, 'input', 'pattern');
  const started: CliEvent = { kind: 'tool', name, about, ok: null };
  if (name !== 'Bash') return [started];
  // The exit code is not told; a failed command shows in the result that follows.
  const check = { command: about.slice(0, 500), exitCode: null, seconds: 0 };
  return [started, { kind: 'command', check }];
}

function readResult(part: unknown): CliEvent[] {
  if (textOf(part, 'type') !== 'tool_result') return [];
  if (member(part, 'is_error') !== true) return [];
  return [{ kind: 'tool', name: 'tool', about: firstLine(textOf(part, 'content')), ok: false }];
}

function readEnd(line: unknown): CliEvent[] {
  if (member(line, 'is_error') === true || textOf(line, 'subtype') !== 'success') {
    const subtype = textOf(line, 'subtype');
    const cause = CAUSES[subtype] ?? (textOf(line, 'result') || subtype || 'it reported an error');
    return [{ kind: 'failed', cause }];
  }
  const structured = member(line, 'structured_output');
  const json = structured === undefined ? textOf(line, 'result') : JSON.stringify(structured);
  return [{ kind: 'answer', json }];
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}
