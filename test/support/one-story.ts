/** One issue and everything said and done around it. */
import type { Issue, MergeRequest, Note, Project } from '../../sandbox/gitlab/state/types.ts';
import type { Answer, AnswerToolCall, Conversation } from '../../sandbox/model/types.ts';
import type { PersonName, StageBase } from './stage.ts';
import { until } from './until.ts';

const WAIT_MS = 90_000;
const STATUS = '<!-- autodev:status -->';

export interface StoryOptions {
  project?: Project;
  description?: string;
  by?: PersonName;
  confidential?: boolean;
  /** The number of an issue that is there already; nothing is filed then. */
  existing?: number;
  labels?: string;
  /** The n-th answer of the model; default: the scripts of the sandbox. */
  turns?: (Answer | ((conversation: Conversation) => Answer))[];
}

export interface Said {
  id: number;
  discussionId: string;
}

export interface Story {
  stage: StageBase;
  issue: Issue;
  project: Project;
  comment(person: PersonName, body: string, options?: { change?: number }): Promise<Said>;
  label(person: PersonName, label: string): Promise<void>;
  editNote(person: PersonName, note: Said, body: string): Promise<void>;
  close(person: PersonName): Promise<void>;
  /** Waits until the status comment shows a verdict and checks which; returns the comment. */
  ends(verdict: string): Promise<string>;
  /** Waits until the status comment matches. */
  status(pattern: RegExp): Promise<string>;
  /** Waits for a note of the bot that matches, on the issue or its changes, and asserts it. */
  expectNote(pattern: RegExp, options?: { inThreadOf?: Said }): Promise<Note>;
  /** Waits until these are the bot's emoji on a note, in order of their names. */
  expectReactions(note: Said, names: string[]): Promise<void>;
  /** Waits until nothing is left to do, then checks that nothing was started or said. */
  expectNothingStarted(): Promise<void>;
  /** Changes opened for this issue, oldest first. */
  changes(): MergeRequest[];
  /** Changes that hold a specification for this issue, oldest first. */
  specs(): MergeRequest[];
  runs(): Promise<{ id: number; state: string; verdict: { kind: string } | null }[]>;
  waitFor(what: string, condition: () => boolean | Promise<boolean>): Promise<void>;
  /** Settles, then fails when a note of the bot was not asserted or there are two status comments. */
  over(): Promise<void>;
  /** What was said, for the message of a failure. */
  transcript(): Promise<string>;
}

/** One turn that calls tools. */
export function calls(...toolCalls: [name: string, args: AnswerToolCall['arguments']][]): Answer {
  return { toolCalls: toolCalls.map(([name, args]) => ({ name, arguments: args })) };
}

/** A turn that changes one file. */
export function edit(path: string, text: string): Answer {
  return calls(['edit_file', { path, new_text: text }]);
}

/** The last turn of a builder. */
export function finish(summary = 'Done.', more: Record<string, unknown> = {}): Answer {
  const report = { kind: 'build', selfScore: 80 };
  return calls(['finish', { outcome: 'done', summary, report, ...more }]);
}

/** A turn that runs a shell command. */
export function shell(command: string): Answer {
  return calls(['run_command', { command }]);
}

async function fileIssue(
  stage: StageBase,
  title: string,
  base: string,
  options: StoryOptions,
): Promise<number> {
  const { iid } = (await stage.rest(options.by ?? 'sam', 'POST', `${base}/issues`, {
    title,
    description: options.description ?? 'As the title says.',
    confidential: options.confidential ?? false,
    labels: options.labels ?? '',
  })) as { iid: number };
  return iid;
}

/** Files the issue; the model's turns answer for exactly this issue's title. */
export async function createStory(
  stage: StageBase,
  title: string,
  options: StoryOptions,
): Promise<Story> {
  const { gitlab, people } = stage.world;
  const project = options.project ?? stage.light;
  const base = `/projects/${project.id}`;
  const { turns } = options;
  if (turns) {
    stage.script(title, {
      answer: (conversation, turn) => {
        const step = turns[turn - 1] ?? finish();
        return typeof step === 'function' ? step(conversation) : step;
      },
    });
  }
  const iid = options.existing ?? (await fileIssue(stage, title, base, options));
  const issue = gitlab.api.issue(project.path, iid);
  const asserted = new Set<number>();
  const bot = people.autodev.user.id;
  const opened = (prefix: string): MergeRequest[] =>
    project.mergeRequests.filter((change) => change.sourceBranch.startsWith(`${prefix}${iid}-`));
  const changes = (): MergeRequest[] => opened('autodev/');
  const specs = (): MergeRequest[] => opened('autodev/spec-');
  const places = (): (Issue | MergeRequest)[] => [issue, ...specs(), ...changes()];
  const botNotes = (): Note[] =>
    places()
      .flatMap((item) => gitlab.api.notes(item))
      .filter((note) => note.authorId === bot && !note.system);
  const statusNote = (): Note | undefined =>
    gitlab.api.notes(issue).find((note) => note.authorId === bot && note.body.includes(STATUS));
  const waitFor: Story['waitFor'] = (what, condition) =>
    until(async () => condition(), WAIT_MS, `${what} (${title})`);
  const status: Story['status'] = async (pattern) => {
    await waitFor(`a status comment like ${pattern}`, () => pattern.test(statusNote()?.body ?? ''));
    asserted.add(statusNote()?.id ?? 0);
    return statusNote()?.body ?? '';
  };
  const runs: Story['runs'] = () =>
    stage.rows(
      `select runs.id, runs.state, runs.verdict from runs join repos on repos.id = repo_id
       where project_id = $1 and target_type = 'issue' and target_iid = $2 order by runs.id`,
      [project.id, iid],
    );
  return {
    stage,
    issue,
    project,
    changes,
    specs,
    runs,
    waitFor,
    status,
    comment: async (person, body, { change } = {}) => {
      const on = change === undefined ? `issues/${iid}` : `merge_requests/${change}`;
      const { id } = (await stage.rest(person, 'POST', `${base}/${on}/notes`, { body })) as {
        id: number;
      };
      const item = change === undefined ? issue : gitlab.api.mergeRequest(project.path, change);
      const note = gitlab.api.notes(item).find((one) => one.id === id);
      return { id, discussionId: note?.discussionId ?? '' };
    },
    label: async (person, label) => {
      await stage.rest(person, 'PUT', `${base}/issues/${iid}`, { add_labels: label });
    },
    editNote: async (person, note, body) => {
      await stage.rest(person, 'PUT', `${base}/issues/${iid}/notes/${note.id}`, { body });
    },
    close: async (person) => {
      await stage.rest(person, 'PUT', `${base}/issues/${iid}`, { state_event: 'close' });
    },
    ends: async (verdict) => {
      const body = await status(
        /^### AutoDev · .* · (done|needs-human|refused|budget|outage|no-runner|cancelled)$/m,
      );
      const got = /^### AutoDev · .* · ([\w-]+)$/m.exec(body)?.[1];
      if (got !== verdict) throw new Error(`the run ended with ${got}, not ${verdict}`);
      return body;
    },
    expectNote: async (pattern, { inThreadOf } = {}) => {
      const find = (): Note | undefined =>
        botNotes().find(
          (note) =>
            pattern.test(note.body) &&
            (inThreadOf === undefined || note.discussionId === inThreadOf.discussionId),
        );
      await waitFor(`a note like ${pattern}`, () => find() !== undefined);
      const note = find() as Note;
      asserted.add(note.id);
      return note;
    },
    expectReactions: (said, names) => {
      const wanted = names.toSorted().join(' ');
      const got = (): string =>
        places()
          .flatMap((item) => gitlab.api.notes(item))
          .filter((note) => note.id === said.id)
          .flatMap((note) => note.awards.filter((award) => award.userId === bot))
          .map((award) => award.name)
          .toSorted()
          .join(' ');
      return waitFor(`the emoji ${wanted}`, () => got() === wanted);
    },
    expectNothingStarted: async () => {
      await stage.settled();
      const started = await runs();
      if (started.length > 0) throw new Error(`${started.length} runs were started`);
      if (changes().length + specs().length > 0 || statusNote())
        throw new Error('work was published');
    },
    over: async () => {
      // Stories beside this one go on; in a project of its own, every run is this story's.
      await stage.settled({
        projectId: project.id,
        iid: project.id === stage.light.id ? iid : null,
      });
      const strangers = botNotes().filter((note) => !asserted.has(note.id));
      if (strangers.length > 0) {
        throw new Error(`nobody asserted: ${strangers.map((note) => note.body).join('\n---\n')}`);
      }
      const statuses = botNotes().filter((note) => note.body.includes(STATUS));
      if (statuses.length > 1) throw new Error(`${statuses.length} status comments`);
    },
    transcript: async () => {
      const said = places().flatMap((item) => gitlab.api.notes(item));
      const audit = await stage.rows<{ entry: unknown }>(
        `select entry from audit join repos on repos.id = repo_id
         where project_id = $1 and target_iid = $2 order by audit.id`,
        [project.id, iid],
      );
      const warnings = stage.log.filter((line) => /"level":[456]0/.test(line)).slice(-10);
      return [
        `--- ${title}`,
        ...said.map(
          (note) =>
            `@${people[Object.keys(people).find((name) => people[name as PersonName].user.id === note.authorId) as PersonName]?.user.username}: ${note.body}`,
        ),
        ...audit.map(({ entry }) => JSON.stringify((entry as { reasons?: unknown }).reasons)),
        ...warnings,
      ].join('\n');
    },
  };
}
