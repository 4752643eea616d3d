/**
 * What every driver of the Forge interface does, told against a world that behaves like its forge.
 * A test file gives the world; see forge-gitlab.test.ts.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ForgeError } from '../../bot/forge/errors.ts';
import type { Forge, NoteTarget } from '../../bot/forge/forge.ts';

export type Trouble =
  /** Carried out, then the connection breaks before the answer. */
  | { kind: 'drop_reply' }
  /** The connection breaks before anything is done. */
  | { kind: 'drop_before' }
  /** Not carried out; `retryAfter` in seconds. */
  | { kind: 'status'; status: number; retryAfter?: number };

export interface ForgeWorld {
  /** As the bot, Maintainer of the project. */
  forge: Forge;
  /** The same forge with a token it does not know. */
  stranger: Forge;
  projectId: number;
  projectPath: string;
  defaultBranch: string;
  botId: number;
  /** User id → access level the forge must report; 0 for people who are no members. */
  access: ReadonlyMap<number, number>;
  /** Opens an issue as somebody else than the bot. */
  openIssue(title: string): Promise<number>;
  /** Id of the discussion a note stands in. */
  discussionOf(on: NoteTarget, noteId: number): Promise<string>;
  /** Whether a pipeline can be created on the default branch. */
  hasCi: boolean;
  /** Troubles the next request with this method; absent where nobody can do that. */
  trouble?: (method: string, trouble: Trouble) => void;
  /** Requests of a method that reached the forge since the start. */
  requests(method: string): number;
  close(): Promise<void>;
}

export async function kindOf(asked: Promise<unknown>): Promise<string> {
  return asked.then(
    () => 'done',
    (error: unknown) => (error instanceof ForgeError ? error.kind : `not a ForgeError: ${error}`),
  );
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');

const file = (path: string, text: string, action: 'create' | 'update' = 'create') => ({
  path,
  action,
  mode: '100644' as const,
  content: base64(text),
});

/** Defines the suite. `make` is called once, before the first test. */
export function defineForgeContract(label: string, make: () => Promise<ForgeWorld>): void {
  describe(`forge contract: ${label}`, () => {
    let world: ForgeWorld;
    let head: string;
    beforeAll(async () => {
      world = await make();
      const branch = await world.forge.read.branch(world.projectId, world.defaultBranch);
      if (!branch) throw new Error('the world has no default branch');
      head = branch.sha;
    });
    afterAll(async () => {
      await world?.close();
    });

    const get = () => world;
    const commitTo = (branch: string, name = `${branch.replaceAll('/', '-')}.txt`) =>
      world.forge.write.commit(world.projectId, {
        branch,
        startSha: head,
        message: `Add ${name}`,
        changes: [file(name, 'one\n')],
      });
    const openOn = (branch: string) =>
      world.forge.write.openChange(world.projectId, {
        sourceBranch: branch,
        targetBranch: world.defaultBranch,
        title: `Change of ${branch}`,
        description: `marker ${branch}`,
        labels: ['autodev'],
        draft: false,
        removeSourceBranch: true,
      });

    defineReads(get);
    defineNotes(get);
    defineCommits(get, () => head);
    defineChanges(get, commitTo, openOn);
    definePipelines(get);
    defineSetup(get);
    defineWeather(get, () => head, commitTo, openOn);
  });
}

type World = () => ForgeWorld;
type CommitTo = (branch: string) => Promise<{ sha: string }>;
type OpenOn = (branch: string) => Promise<{ iid: number; url: string }>;

function defineReads(world: World): void {
  describe('reading', () => {
    test('its own account, and a project by id and by path', async () => {
      const { forge, projectId, projectPath, defaultBranch, botId } = world();
      expect(await forge.read.me()).toMatchObject({ id: botId, state: 'active' });
      const project = await forge.read.project(projectId);
      expect(project).toMatchObject({ id: projectId, path: projectPath, defaultBranch });
      expect(await forge.read.project(projectPath)).toEqual(project);
    });

    test('an issue as somebody opened it', async () => {
      const { forge, projectId, botId, openIssue } = world();
      const iid = await openIssue('Add --json output');
      const issue = await forge.read.issue(projectId, iid);
      expect(issue).toMatchObject({
        iid,
        title: 'Add --json output',
        state: 'opened',
        labels: [],
        confidential: false,
        type: 'Issue',
      });
      expect(issue.authorId).not.toBe(botId);
      expect(Number.isNaN(Date.parse(issue.updatedAt))).toBe(false);
    });

    test('what is not there', async () => {
      const { forge, projectId, defaultBranch } = world();
      expect(await kindOf(forge.read.project('no/such-project'))).toBe('not_found');
      expect(await kindOf(forge.read.issue(projectId, 999_999))).toBe('not_found');
      expect(await kindOf(forge.read.change(projectId, 999_999))).toBe('not_found');
      expect(await forge.read.branch(projectId, 'no/such-branch')).toBeNull();
      expect(await forge.read.file(projectId, 'no/such.file', defaultBranch)).toBeNull();
      expect(await forge.write.findChange(projectId, 'no/such-branch')).toBeNull();
    });

    test('access levels, inherited ones included, 0 for everybody else', async () => {
      const { forge, projectId, access } = world();
      for (const [userId, level] of access) {
        expect([userId, await forge.read.accessLevel(projectId, userId)]).toEqual([userId, level]);
      }
      expect(await forge.read.accessLevel(projectId, 987_654)).toBe(0);
    });

    test('a look-up that fails throws instead of saying 0', async () => {
      const { stranger, projectId, botId } = world();
      expect(await kindOf(stranger.read.accessLevel(projectId, botId))).toBe('denied');
      expect(await kindOf(stranger.read.me())).toBe('denied');
    });
  });
}

function defineNotes(world: World): void {
  describe('notes', () => {
    test('are created, edited and listed oldest first', async () => {
      const { forge, projectId, botId, openIssue } = world();
      const on = { type: 'issue', iid: await openIssue('notes') } as const;
      const first = await forge.write.createNote(projectId, on, 'first');
      const second = await forge.write.createNote(projectId, on, 'second', { internal: true });
      await forge.write.updateNote(projectId, on, first.id, 'first, edited');
      const notes = (await forge.read.notes(projectId, on)).filter((note) => !note.system);
      expect(
        notes.map(({ id, body, authorId, internal }) => ({ id, body, authorId, internal })),
      ).toEqual([
        { id: first.id, body: 'first, edited', authorId: botId, internal: false },
        { id: second.id, body: 'second', authorId: botId, internal: true },
      ]);
    });

    test('are answered in their thread', async () => {
      const { forge, projectId, openIssue, discussionOf } = world();
      const on = { type: 'issue', iid: await openIssue('threads') } as const;
      const question = await forge.write.createNote(projectId, on, 'why?');
      const discussionId = await discussionOf(on, question.id);
      const answer = await forge.write.createNote(projectId, on, 'because', { discussionId });
      expect(await discussionOf(on, answer.id)).toBe(discussionId);
    });

    test('more than one page are all there', async () => {
      const { forge, projectId, openIssue } = world();
      const on = { type: 'issue', iid: await openIssue('long') } as const;
      for (let index = 0; index < 103; index += 1) {
        await forge.write.createNote(projectId, on, `note ${index}`);
      }
      const notes = (await forge.read.notes(projectId, on)).filter((note) => !note.system);
      expect(notes.map((note) => note.body)).toEqual(
        Array.from({ length: 103 }, (_, index) => `note ${index}`),
      );
    });

    test('of quick actions only are refused', async () => {
      const { forge, projectId, openIssue } = world();
      const on = { type: 'issue', iid: await openIssue('quick actions') } as const;
      expect(await kindOf(forge.write.createNote(projectId, on, '/close'))).toBe('invalid');
    });

    test('and issues take a reaction once, the second one counts as done', async () => {
      const { forge, projectId, openIssue } = world();
      const on = { type: 'issue', iid: await openIssue('reactions') } as const;
      const { id } = await forge.write.createNote(projectId, on, 'look');
      for (const noteId of [id, id, null, null]) {
        await forge.write.react(projectId, on, noteId, 'eyes');
      }
      expect(await kindOf(forge.write.react(projectId, on, 987_654, 'eyes'))).toBe('not_found');
    });
  });
}

function defineCommits(world: World, head: () => string): void {
  describe('commits', () => {
    test('make the branch, then go on top of it', async () => {
      const { forge, projectId } = world();
      const branch = 'contract/commits';
      const first = await forge.write.commit(projectId, {
        branch,
        startSha: head(),
        message: 'First\n\nmarker 1',
        changes: [
          file('dir/a.txt', 'ä\n'),
          { ...file('run.sh', '#!/bin/sh\n'), mode: '100755' },
          file('gone.txt', 'x'),
        ],
      });
      expect(await forge.read.branch(projectId, branch)).toEqual({
        sha: first.sha,
        message: expect.stringContaining('marker 1'),
      });
      const second = await forge.write.commit(projectId, {
        branch,
        startSha: first.sha,
        message: 'Second',
        changes: [
          file('dir/a.txt', 'b\n', 'update'),
          { path: 'gone.txt', action: 'delete', mode: '100644' },
        ],
      });
      expect((await forge.read.branch(projectId, branch))?.sha).toBe(second.sha);
      expect(await forge.read.file(projectId, 'dir/a.txt', branch)).toBe('b\n');
      expect(await forge.read.file(projectId, 'dir/a.txt', first.sha)).toBe('ä\n');
      expect(await forge.read.file(projectId, 'gone.txt', branch)).toBeNull();
    });

    test('do not go on a branch that moved, nor twice', async () => {
      const { forge, projectId } = world();
      const request = {
        branch: 'contract/moved',
        startSha: head(),
        message: 'Once',
        changes: [file('once.txt', '1')],
      };
      const { sha } = await forge.write.commit(projectId, request);
      expect(await kindOf(forge.write.commit(projectId, request))).toBe('conflict');
      expect((await forge.read.branch(projectId, request.branch))?.sha).toBe(sha);
    });

    test('to a branch that is deleted, twice, leave none', async () => {
      const { forge, projectId } = world();
      const branch = 'contract/deleted';
      await forge.write.commit(projectId, {
        branch,
        startSha: head(),
        message: 'x',
        changes: [file('x.txt', 'x')],
      });
      await forge.write.deleteBranch(projectId, branch);
      await forge.write.deleteBranch(projectId, branch);
      expect(await forge.read.branch(projectId, branch)).toBeNull();
    });
  });
}

function defineChanges(world: World, commitTo: CommitTo, openOn: OpenOn): void {
  describe('changes', () => {
    test('are opened once per branch and found by it', async () => {
      const { forge, projectId, defaultBranch, botId } = world();
      const branch = 'contract/change';
      const { sha } = await commitTo(branch);
      const { iid, url } = await openOn(branch);
      expect(await forge.write.findChange(projectId, branch)).toEqual({
        iid,
        url,
        description: `marker ${branch}`,
      });
      expect(await forge.read.change(projectId, iid)).toMatchObject({
        iid,
        state: 'opened',
        draft: false,
        sourceBranch: branch,
        targetBranch: defaultBranch,
        sourceProjectId: projectId,
        headSha: sha,
        labels: ['autodev'],
        authorId: botId,
      });
      await expect(openOn(branch)).rejects.toMatchObject({
        kind: 'conflict',
        message: expect.stringContaining(`!${iid}`),
      });
    });

    test('keep their labels when some are added', async () => {
      const { forge, projectId } = world();
      const branch = 'contract/labels';
      await commitTo(branch);
      const { iid } = await openOn(branch);
      await forge.write.updateChange(projectId, iid, {
        title: 'Draft: new title',
        description: 'new text',
        addLabels: ['security-review'],
      });
      const change = await forge.read.change(projectId, iid);
      expect(change).toMatchObject({ title: 'Draft: new title', draft: true });
      expect(change.labels.toSorted()).toEqual(['autodev', 'security-review']);
      expect((await forge.write.findChange(projectId, branch))?.description).toBe('new text');
      const removeLabels = ['security-review', 'never-there'];
      await forge.write.updateChange(projectId, iid, { removeLabels });
      expect((await forge.read.change(projectId, iid)).labels).toEqual(['autodev']);
    });
  });
}

function definePipelines(world: World): void {
  describe('pipelines', () => {
    test('are created, found, looked into and cancelled', async () => {
      const { forge, projectId, defaultBranch, hasCi } = world();
      if (!hasCi) {
        expect(await kindOf(forge.ci.createPipeline(projectId, defaultBranch))).toBe('invalid');
        return;
      }
      const before = new Date(Date.now() - 2_000).toISOString();
      const made = await forge.ci.createPipeline(projectId, defaultBranch);
      expect(made).toMatchObject({ ref: defaultBranch, source: 'api', changeIid: null });
      const query = { ref: defaultBranch, sha: made.sha, source: 'api', createdAfter: before };
      const found = await forge.ci.pipelines(projectId, query);
      expect(found.map((pipeline) => pipeline.id)).toContain(made.id);
      expect(
        await forge.ci.pipelines(projectId, { ...query, createdAfter: '2100-01-01T00:00:00Z' }),
      ).toEqual([]);
      expect((await forge.ci.jobs(projectId, made.id)).length).toBeGreaterThan(0);
      expect(await forge.ci.children(projectId, made.id)).toEqual([]);
      await forge.ci.cancelPipeline(projectId, made.id);
      expect(['canceled', 'canceling']).toContain(
        (await forge.ci.pipeline(projectId, made.id)).status,
      );
    });

    test('of a branch that is not there cannot be created', async () => {
      const { forge, projectId } = world();
      expect(await kindOf(forge.ci.createPipeline(projectId, 'no/such-branch'))).toBe('invalid');
    });
  });
}

function defineSetup(world: World): void {
  describe('setting up', () => {
    test('version, token and runners can be seen', async () => {
      const { forge, projectId } = world();
      expect((await forge.setup.version()).version).toMatch(/^\d+\.\d+/);
      expect(await forge.setup.token()).toMatchObject({ active: true });
      expect((await forge.setup.token()).scopes).toContain('api');
      for (const runner of await forge.setup.runners(projectId)) {
        expect(runner).toEqual({
          id: expect.any(Number),
          online: expect.any(Boolean),
          tags: expect.any(Array),
          runUntagged: expect.any(Boolean),
        });
      }
    });

    test('a hook is created, seen and changed in place, with no event but those asked for', async () => {
      const { forge, projectId } = world();
      const hook = {
        url: 'https://autodev.example.com/webhooks/gitlab',
        token: 'a-hook-secret',
        signingToken: `whsec_${Buffer.alloc(32, 7).toString('base64')}`,
        events: ['note_events', 'issues_events'],
      };
      const made = await forge.setup.saveHook(projectId, hook);
      expect(made.events.toSorted()).toEqual(['issues_events', 'note_events']);
      const changed = await forge.setup.saveHook(projectId, {
        ...hook,
        id: made.id,
        events: ['pipeline_events'],
      });
      expect(changed).toMatchObject({ id: made.id, events: ['pipeline_events'] });
      const all = await forge.setup.hooks(projectId);
      expect(all.filter((one) => one.url === hook.url)).toEqual([changed]);
    });

    test('a label is created once', async () => {
      const { forge, projectId } = world();
      const label = { name: 'autodev::implement', color: '#6699cc', description: 'Start' };
      await forge.setup.createLabel(projectId, label);
      expect(await forge.setup.labels(projectId)).toContain(label.name);
      expect(await kindOf(forge.setup.createLabel(projectId, label))).toBe('conflict');
    });
  });
}

function defineWeather(world: World, head: () => string, commitTo: CommitTo, openOn: OpenOn): void {
  /** A write, and how often it was carried out, counted by reading. */
  interface Verb {
    name: string;
    method: string;
    prepare(id: string): Promise<number>;
    write(subject: number, id: string): Promise<unknown>;
    count(subject: number, id: string): Promise<number>;
    /** Takes long to prepare: only the weathers that matter most. */
    slow?: boolean;
  }
  const bodies = async (iid: number) => {
    const { forge, projectId } = world();
    return (await forge.read.notes(projectId, { type: 'issue', iid })).map((note) => note.body);
  };
  const verbs: Verb[] = [
    {
      name: 'a note',
      method: 'POST',
      prepare: () => world().openIssue('weather'),
      write: (iid, id) =>
        world().forge.write.createNote(world().projectId, { type: 'issue', iid }, id),
      count: async (iid, id) => (await bodies(iid)).filter((body) => body === id).length,
    },
    {
      name: 'a commit',
      method: 'POST',
      slow: true,
      prepare: async () => 0,
      write: (_subject, id) => commitTo(id),
      count: async (_subject, id) => {
        const { forge, projectId } = world();
        return (await forge.read.branch(projectId, id)) === null ? 0 : 1;
      },
    },
    {
      name: 'a change',
      method: 'POST',
      slow: true,
      prepare: async (id) => (await commitTo(id), 0),
      write: (_subject, id) => openOn(id),
      count: async (_subject, id) => {
        const { forge, projectId } = world();
        return (await forge.write.findChange(projectId, id)) === null ? 0 : 1;
      },
    },
    {
      name: 'an edit',
      method: 'PUT',
      prepare: async () => {
        const iid = await world().openIssue('weather');
        await world().forge.write.createNote(world().projectId, { type: 'issue', iid }, 'old');
        return iid;
      },
      write: async (iid, id) => {
        const { forge, projectId } = world();
        const [note] = await forge.read.notes(projectId, { type: 'issue', iid });
        await forge.write.updateNote(projectId, { type: 'issue', iid }, note?.id ?? 0, id);
      },
      count: async (iid, id) => (await bodies(iid)).filter((body) => body === id).length,
    },
    {
      name: 'a delete',
      method: 'DELETE',
      slow: true,
      prepare: async (id) => (await commitTo(id), 0),
      write: (_subject, id) => world().forge.write.deleteBranch(world().projectId, id),
      count: async (_subject, id) => {
        const { forge, projectId } = world();
        return (await forge.read.branch(projectId, id)) === null ? 1 : 0;
      },
    },
  ];
  // trouble, kind of the error (null: none), times carried out, requests sent
  const weathers: [string, Trouble, string | null, number, number][] = [
    ['its answer lost', { kind: 'drop_reply' }, 'ambiguous', 1, 1],
    ['its connection lost', { kind: 'drop_before' }, 'ambiguous', 0, 1],
    ['a 502', { kind: 'status', status: 502 }, 'ambiguous', 0, 1],
    ['a 500', { kind: 'status', status: 500 }, 'ambiguous', 0, 1],
    ['a 403', { kind: 'status', status: 403 }, 'denied', 0, 1],
    ['a 429', { kind: 'status', status: 429, retryAfter: 1 }, null, 1, 2],
  ];

  describe('bad weather', () => {
    const table = verbs.flatMap((verb) =>
      weathers
        .filter((weather) => !verb.slow || weather[1].kind !== 'status')
        .map((weather) => ({ verb, weather, title: `${verb.name} with ${weather[0]}` })),
    );
    test.each(table)('$title', async ({ verb, weather }) => {
      const { trouble, requests } = world();
      if (!trouble) {
        process.stdout.write(`left out: ${verb.name} with ${weather[0]}, no weather here\n`);
        return;
      }
      const [what, , kind, times, sent] = weather;
      const id = `weather/${verb.name}-${what}`.replaceAll(' ', '-');
      const subject = await verb.prepare(id);
      const before = requests(verb.method);
      trouble(verb.method, weather[1]);
      expect(await kindOf(verb.write(subject, id))).toBe(kind ?? 'done');
      expect(requests(verb.method) - before).toBe(sent);
      expect(await verb.count(subject, id)).toBe(times);
    });

    test.each([
      ['lost', { kind: 'drop_reply' }],
      ['a 503', { kind: 'status', status: 503 }],
      ['a 429', { kind: 'status', status: 429, retryAfter: 1 }],
    ] as [string, Trouble][])('a read gets over %s', async (_name, trouble) => {
      const { forge, projectId, defaultBranch, trouble: make } = world();
      if (!make) return;
      make('GET', trouble);
      expect((await forge.read.branch(projectId, defaultBranch))?.sha).toBe(head());
    });
  });
}
