/**
 * The real programs `codex` and `claude` through the whole bot: one implements and the other reviews, finds something,
 * sees it mended and is content; then they change places. Both work in namespaces, without a network.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { EngineName } from '../../schema/wire/job-api.ts';
import type { Finding } from '../../schema/wire/finding.ts';
import type { Answer, Conversation } from '../../sandbox/model/types.ts';
import { cliProgram } from '../support/cli-programs.ts';
import { declareMissing } from '../support/missing.ts';
import { finish } from '../support/one-story.ts';
import { ROOT, startStage, type Stage } from '../support/story.ts';
import { atGate } from '../support/team.ts';

jest.setTimeout(600_000);

type Cli = Exclude<EngineName, 'builtin'>;
type Role = 'builder' | 'reviewer';

const agentsDir = mkdtempSync(path.join(tmpdir(), 'autodev-agents-'));
let stage: Stage;
afterAll(async () => {
  await stage?.close();
  rmSync(agentsDir, { recursive: true, force: true });
});

/** The shipped agents, with other engines for two of them. */
function hire(engines: Record<Role, EngineName>): void {
  cpSync(path.join(ROOT, 'config/agents'), agentsDir, { recursive: true });
  for (const [role, engine] of Object.entries(engines)) {
    const file = path.join(agentsDir, `${role}.md`);
    const text = readFileSync(file, 'utf8').replace(/^engine: .*$/m, `engine: ${engine}`);
    writeFileSync(file, text);
  }
}

const FLAW: Finding = {
  path: 'greeting.txt',
  line: 1,
  severity: 'high',
  category: 'correctness',
  title: 'The greeting names nobody',
  body: 'The issue asks for a greeting of the world.',
  confidence: 0.9,
};

/** What the model that plays a role says next to the program that asks. */
type Part = (turn: number, said: string, fixing: boolean, folder: string) => Answer;

const answered = (report: unknown): Record<string, unknown> => ({
  outcome: 'done',
  summary: 'Looked at and done.',
  report,
});
const BUILT = { kind: 'build', selfScore: 90 };
const run = (cmd: string): Answer => ({
  toolCalls: [{ name: 'exec_command', arguments: { cmd } }],
});
const use = (name: string, args: Record<string, unknown>): Answer => ({
  toolCalls: [{ name, arguments: args }],
});
const patch = (...lines: string[]): string =>
  ['apply_patch <<', "'END'\n*** Begin Patch\n", lines.join('\n'), '\n*** End Patch\nEND'].join('');

/** Each program with its own tools: codex patches and runs a shell, Claude Code has a tool for each thing. */
const BUILDS: Record<Cli, Part> = {
  codex: (turn, said, fixing) => {
    if (turn === 1 && !fixing) return run(patch('*** Add File: greeting.txt', '+hello'));
    if (turn === 1) {
      return run(patch('*** Update File: greeting.txt', '@@', '-hello', '+hello world'));
    }
    if (turn === 2) return run('cat greeting.txt');
    expect(said).toContain(fixing ? 'hello world' : 'hello');
    return { text: JSON.stringify(answered(BUILT)) };
  },
  claude: (turn, said, fixing, folder) => {
    const file_path = path.join(folder, 'greeting.txt');
    if (turn === 1 && !fixing) return use('Write', { file_path, content: 'hello\n' });
    if (turn === 1) return use('Read', { file_path });
    if (turn === 2 && fixing) {
      return use('Edit', { file_path, old_string: 'hello', new_string: 'hello world' });
    }
    if (turn < 4 && !said.includes('exactly:')) {
      return use('Bash', {
        command: 'echo "exactly:$(cat greeting.txt)"',
        description: 'Reads it',
      });
    }
    expect(said).toContain(fixing ? 'exactly:hello world' : 'exactly:hello');
    return use('StructuredOutput', answered(BUILT));
  },
};
const reviewed = (good: boolean): Record<string, unknown> =>
  answered({ kind: 'review', score: good ? 92 : 60, findings: good ? [] : [FLAW] });
const REVIEWS: Record<Cli, Part> = {
  codex: (turn, said) => {
    if (turn === 1) return run('cat greeting.txt; echo mine > greeting.txt; echo x > stolen.txt');
    expect(said).toMatch(/Read-only file system/);
    return { text: JSON.stringify(reviewed(said.includes('hello world'))) };
  },
  claude: (turn, said) => {
    if (turn === 1) return use('Grep', { pattern: 'hello', output_mode: 'content' });
    return use('StructuredOutput', reviewed(said.includes('hello world')));
  },
};

interface Heard {
  role: Role;
  tools: string[];
}

/** Plays all roles of an issue; those of the two programs by the programs' own tools. */
function play(on: Stage, title: string, builder: Cli, reviewer: Cli, builds = BUILDS): Heard[] {
  const heard: Heard[] = [];
  on.script(title, {
    answer: (conversation, turn) => {
      const said = conversation.messages.map(({ text }) => text).join('\n');
      // Codex hands the instructions on in the first message.
      const role = /You are the (\w+)/.exec(`${conversation.system}\n${said}`)?.[1];
      const folder = /working directory: (\S+)/.exec(conversation.system)?.[1] ?? '';
      const results = conversation.messages
        .filter((message) => message.role === 'tool')
        .map(({ text }) => text)
        .join('\n');
      switch (role) {
        case 'Builder':
          heard.push({ role: 'builder', tools: toolsOf(conversation) });
          return builds[builder](turn, results, /Answer the findings/.test(said), folder);
        case 'Reviewer':
          heard.push({ role: 'reviewer', tools: toolsOf(conversation) });
          return REVIEWS[reviewer](turn, results, false, folder);
        case 'Product':
          return finish('Clear.', { report: TRIAGE });
        case 'Tester':
          return finish('Good.', { report: { kind: 'test', score: 90, findings: [] } });
        default:
          return finish('Safe.', { report: { kind: 'security', rubric: RUBRIC, findings: [] } });
      }
    },
  });
  return heard;
}

const toolsOf = ({ tools }: Conversation): string[] => tools.map(({ name }) => name);
const TRIAGE = {
  ...{ kind: 'triage', type: 'bug', size: 'small', priority: 5 },
  ...{ missing: [], duplicates: [] },
};
const RUBRIC = {
  ...{ privilegeEscalation: false, destructiveWithoutSafeguard: false },
  ...{ unvalidatedExternalApi: false, missingAuditLog: false },
  ...{ encryption: true, advancedAudit: false },
};

async function journey(on: Stage, builder: Cli, reviewer: Cli): Promise<void> {
  const title = `No greeting by ${builder}`;
  const project = await on.project(`engines/${builder}`);
  const heard = play(on, title, builder, reviewer);
  await on.tell(title, { project }, async (story) => {
    await story.comment('sam', '/autodev plan bugfix');
    await story.status(/^\| verify \| running/m);
    const thread = await story.expectNote(/The greeting names nobody/);
    await story.status(/^\| verify \| running \(round 2/m);
    const code = await atGate(story, 'merge');
    await story.expectNote(/^Fixed in [0-9a-f]{8}\./);
    const branch = code.sourceBranch;
    const file = `/projects/${project.id}/repository/files/greeting.txt?ref=${branch}`;
    const { content } = (await on.rest('sam', 'GET', file)) as { content: string };
    expect(Buffer.from(content, 'base64').toString()).toBe('hello world\n');
    const { changes } = (await on.rest(
      'sam',
      'GET',
      `/projects/${project.id}/merge_requests/${code.iid}/changes`,
    )) as { changes: { new_path: string }[] };
    expect(changes.map(({ new_path }) => new_path)).toEqual(['greeting.txt']);
    const status = await story.status(/\| reviewer|Reviewer/);
    expect(status).toContain('isolation: `bubblewrap: own processes, read-only system');
    expect(thread.resolvedAt).not.toBeNull();
    // Both were asked through the gateway by their own programs, and paid for.
    const used = heard.filter(({ role }) => role === 'reviewer').flatMap(({ tools }) => tools);
    expect(used).not.toContain('read_file');
    if (reviewer === 'claude')
      for (const name of ['Bash', 'Edit', 'Write']) expect(used).not.toContain(name);
    const rows = await on.rows<{ model: string; cost: string; open: string }>(
      `select usage.model, sum(cost_microusd)::text as cost, '0' as open from usage
       join tasks on tasks.id = usage.task_id join runs on runs.id = tasks.run_id
       join repos on repos.id = runs.repo_id where project_id = $1 group by 1 order by 1`,
      [project.id],
    );
    expect(rows.map(({ cost }) => Number(cost) > 0)).not.toContain(false);
    await story.comment('sam', '/autodev cancel');
    await story.ends('cancelled');
  });
}

/** A command of the program that would run for ever, known by its number of seconds; it blocks a plain `sleep`. */
const WAIT = `tail -s 3600.${process.pid} -f /dev/null`;
const waits = (): boolean => spawnSync('pgrep', ['-f', WAIT.replace('.', '\\.')]).status === 0;

async function cancelled(on: Stage): Promise<void> {
  const title = 'A task without end';
  const project = await on.project('engines/cancelled');
  const forever: Part = () => use('Bash', { command: WAIT, description: 'Waits' });
  play(on, title, 'claude', 'codex', { ...BUILDS, claude: forever });
  await on.tell(title, { project }, async (story) => {
    await story.comment('sam', '/autodev plan bugfix');
    await story.waitFor('the command to run', waits);
    await story.comment('sam', '/autodev cancel');
    await story.ends('cancelled');
    await story.waitFor('the command to be gone', () => !waits());
    expect(story.changes()).toEqual([]);
  });
}

const SUITE = 'the engines of other makers in a whole run';
describe(SUITE, () => {
  for (const name of ['codex', 'claude'] as const) {
    if (cliProgram(name) === null) return void declareMissing(name, SUITE);
  }
  if (spawnSync('bwrap', ['--unshare-all', '--ro-bind', '/', '/', 'true']).status !== 0) {
    return void declareMissing('bwrap', SUITE);
  }
  const bin = path.dirname(cliProgram('codex') ?? '');

  const open = (): Promise<Stage> =>
    startStage({
      agentsDir,
      settings: (settings) => {
        settings.ci.isolation = { sandbox: 'required', network: 'gateway' };
        settings.engines = { codex: { whenMissing: 'stop' }, claude: { whenMissing: 'stop' } };
      },
      imagePath: [bin],
    });

  beforeAll(async () => {
    hire({ builder: 'codex', reviewer: 'claude' });
    stage = await open();
  });

  test('codex implements and claude reviews', () => journey(stage, 'codex', 'claude'));

  describe('the other way round', () => {
    beforeAll(async () => {
      await stage.stop();
      hire({ builder: 'claude', reviewer: 'codex' });
      await stage.start();
    });

    test('claude implements and codex reviews, while who cancels ends all that was started', async () => {
      await Promise.all([journey(stage, 'claude', 'codex'), cancelled(stage)]);
    });
  });
});
