/**
 * What every driver does for gates and reviews (ForgeGate, ForgeReview). Continues forge-contract.ts;
 * a test file gives the world, see forge-gitlab-gate.test.ts.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Forge } from '../../bot/forge/forge.ts';
import { png } from '../support/png.ts';
import { kindOf } from './forge-contract.ts';
import type { ForgeWorld } from './forge-contract.ts';

export type Who = 'dana' | 'mia';

/** Where a thread stands, as the forge shows it. */
export interface ShownPosition {
  position_type: string;
  new_path: string;
  old_path: string;
  new_line: number | null;
  old_line: number | null;
  head_sha: string;
}

/**
 * Besides a `ForgeWorld`: two people who may approve (Mia is called `Mia Maintainer`), and
 * `src/long.txt` (60 lines), `src/old-name.txt` (60 other lines) and `src/gone.txt` on the default
 * branch. Its bot may reset approvals.
 */
export interface GateWorld extends ForgeWorld {
  people: Record<Who, number>;
  /** The same forge with the token of a person. */
  human: Forge;
  approve(who: Who, iid: number): Promise<void>;
  unapprove(who: Who, iid: number): Promise<void>;
  /** Creates a file on a branch; `rewriteFrom` throws the branch's own commits away. */
  commitAs(
    who: Who,
    branch: string,
    path: string,
    options?: { rewriteFrom?: string; author?: { name: string; email: string } },
  ): Promise<string>;
  /** Whether the forge itself takes approvals back when somebody pushes. */
  resetsOnPush: boolean;
  /** Makes the forge ask for so many approvals; false where it cannot. */
  needApprovals(count: number): boolean;
  positionOfThread(iid: number, threadId: string): Promise<ShownPosition | null>;
}

const CHECKING = new Set(['preparing', 'unchecked', 'checking', 'approvals_syncing']);
const PATIENCE_MS = 10_000;

/** Asks until the answer fits; throws with the last answer when it never does. */
async function until<T>(ask: () => Promise<T>, fits: (answer: T) => boolean): Promise<T> {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const answer = await ask();
    if (fits(answer)) return answer;
    if (Date.now() > end) throw new Error(`it stayed ${JSON.stringify(answer)}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** One change of the bot and what is known of it. */
interface Opened {
  iid: number;
  branch: string;
  sha: string;
}

interface Tools {
  world: () => GateWorld;
  /** Head of the default branch at the start. */
  base: () => string;
  open(files?: Files, options?: { draft?: boolean }): Promise<Opened>;
  settled(iid: number): Promise<string>;
  headIs(iid: number, sha: string): Promise<void>;
}

type Files = Parameters<Forge['write']['commit']>[1]['changes'];

const write = (path: string, text: string, action: 'create' | 'update'): Files[number] => ({
  path,
  action,
  mode: '100644',
  content: Buffer.from(text).toString('base64'),
});

function createTools(world: () => GateWorld, base: () => string): Tools {
  let count = 0;
  return {
    world,
    base,
    async open(files, { draft = false } = {}) {
      count += 1;
      const { forge, projectId, defaultBranch } = world();
      const branch = `gate/${count}`;
      const { sha } = await forge.write.commit(projectId, {
        branch,
        startSha: base(),
        message: `Change ${count}`,
        changes: files ?? [write(`new/${count}.txt`, `${count}\n`, 'create')],
      });
      const { iid } = await forge.write.openChange(projectId, {
        sourceBranch: branch,
        targetBranch: defaultBranch,
        title: `Change ${count}`,
        description: '',
        labels: [],
        draft,
        removeSourceBranch: false,
      });
      return { iid, branch, sha };
    },
    settled: (iid) =>
      until(
        () => world().forge.gate.mergeStatus(world().projectId, iid),
        (status) => !CHECKING.has(status),
      ),
    async headIs(iid, sha) {
      const { forge, projectId } = world();
      await until(
        () => forge.read.change(projectId, iid),
        (change) => change.headSha === sha,
      );
    },
  };
}

/** Defines the suite. `make` is called once, before the first test. */
export function defineGateContract(label: string, make: () => Promise<GateWorld>): void {
  describe(`gate contract: ${label}`, () => {
    let world: GateWorld;
    let base: string;
    beforeAll(async () => {
      world = await make();
      const branch = await world.forge.read.branch(world.projectId, world.defaultBranch);
      if (!branch) throw new Error('the world has no default branch');
      base = branch.sha;
    });
    afterAll(async () => {
      await world?.close();
    });
    const tools = createTools(
      () => world,
      () => base,
    );
    defineApprovals(tools);
    defineContributors(tools);
    defineMerging(tools);
    defineStatuses(tools);
    defineThreads(tools);
    defineThreadWeather(tools);
    defineAttachments(tools);
  });
}

function defineApprovals({ world, open, headIs }: Tools): void {
  describe('approvals', () => {
    test('tell who gave them and when, and go when they are taken back', async () => {
      const { forge, projectId, people, approve, unapprove } = world();
      const { iid } = await open();
      expect(await forge.gate.approvals(projectId, iid)).toEqual({ given: [], left: 0 });
      const before = Date.now();
      await approve('dana', iid);
      await approve('mia', iid);
      const { given } = await forge.gate.approvals(projectId, iid);
      expect(given.map((one) => one.user)).toEqual([
        { id: people.dana, username: 'dana' },
        { id: people.mia, username: 'mia' },
      ]);
      for (const { at } of given) {
        expect(at?.getTime()).toBeGreaterThanOrEqual(before - 1000);
        expect(at?.getTime()).toBeLessThanOrEqual(Date.now() + 1000);
      }
      await unapprove('dana', iid);
      const left = await forge.gate.approvals(projectId, iid);
      expect(left.given.map((one) => one.user.username)).toEqual(['mia']);
    });

    test('that the rules still miss are counted where the forge has rules', async () => {
      const { forge, projectId, approve, needApprovals } = world();
      const { iid } = await open();
      const hasRules = needApprovals(2);
      try {
        const leftNow = async () => (await forge.gate.approvals(projectId, iid)).left;
        expect(await leftNow()).toBe(hasRules ? 2 : 0);
        await approve('dana', iid);
        expect(await leftNow()).toBe(hasRules ? 1 : 0);
      } finally {
        needApprovals(0);
      }
    });

    test('after a push stay or go as the edition has it', async () => {
      const { forge, projectId, approve, commitAs, resetsOnPush } = world();
      const { iid, branch } = await open();
      await approve('mia', iid);
      await headIs(iid, await commitAs('dana', branch, 'pushed.txt'));
      const { given } = await until(
        () => forge.gate.approvals(projectId, iid),
        (now) => now.given.length === (resetsOnPush ? 0 : 1),
      );
      expect(given).toHaveLength(resetsOnPush ? 0 : 1);
    });

    test('are reset by the bot; a person is denied and changes nothing', async () => {
      const { forge, human, projectId, approve } = world();
      const { iid } = await open();
      await approve('dana', iid);
      await expect(human.gate.resetApprovals(projectId, iid)).rejects.toMatchObject({
        kind: 'denied',
        message: expect.stringContaining('project or group bot'),
      });
      expect((await forge.gate.approvals(projectId, iid)).given).toHaveLength(1);
      await forge.gate.resetApprovals(projectId, iid);
      expect((await forge.gate.approvals(projectId, iid)).given).toEqual([]);
      await forge.gate.resetApprovals(projectId, iid);
    });

    test('of a change that is not there are not found', async () => {
      const { forge, projectId } = world();
      for (const ask of [
        () => forge.gate.approvals(projectId, 999_999),
        () => forge.gate.contributors(projectId, 999_999),
        () => forge.gate.headAt(projectId, 999_999),
        () => forge.gate.mergeStatus(projectId, 999_999),
        () => forge.gate.merge(projectId, 999_999, 'a'.repeat(40)),
        () => forge.gate.resetApprovals(projectId, 999_999),
        () => forge.review.threads(projectId, 999_999),
      ]) {
        expect(await kindOf(ask())).toBe('not_found');
      }
    });
  });
}

function defineContributors({ world, base, open, headIs }: Tools): void {
  describe('contributors', () => {
    test('are the bot alone on its own change', async () => {
      const { forge, projectId, botId } = world();
      const { iid } = await open();
      expect(await forge.gate.contributors(projectId, iid)).toEqual([botId]);
    });

    test('are those who pushed, also when their commits were thrown away', async () => {
      const { forge, projectId, botId, people, commitAs } = world();
      const { iid, branch } = await open();
      await headIs(iid, await commitAs('dana', branch, 'by-dana.txt'));
      const both = [botId, people.dana].toSorted((a, b) => a - b);
      expect(await forge.gate.contributors(projectId, iid)).toEqual(both);
      const rewritten = await commitAs('mia', branch, 'by-mia.txt', { rewriteFrom: base() });
      await headIs(iid, rewritten);
      expect(await forge.gate.contributors(projectId, iid)).toEqual(
        [...both, people.mia].toSorted((a, b) => a - b),
      );
    });

    test.each([
      ['a private address', (id: number) => `${id}-mia@users.noreply.gitlab.example.com`, 'x'],
      ['a name', () => 'somebody@example.org', 'mia maintainer'],
      ['a username before the @', () => 'MIA@example.org', 'y'],
    ])('are found by %s of the author', async (_what, email, name) => {
      const { forge, projectId, people, commitAs } = world();
      const { iid, branch } = await open();
      const author = { name, email: email(people.mia) };
      await headIs(iid, await commitAs('dana', branch, 'authored.txt', { author }));
      expect(await forge.gate.contributors(projectId, iid)).toContain(people.mia);
    });

    test('are not everybody: an unknown author matches nobody', async () => {
      const { forge, projectId, people, commitAs } = world();
      const { iid, branch } = await open();
      const author = { name: 'Some Body', email: 'mia.other@example.org' };
      await headIs(iid, await commitAs('dana', branch, 'unknown.txt', { author }));
      expect(await forge.gate.contributors(projectId, iid)).not.toContain(people.mia);
    });

    test('and the age of the head go with the newest version', async () => {
      const { forge, projectId, commitAs } = world();
      const { iid, branch } = await open();
      const first = await forge.gate.headAt(projectId, iid);
      expect(Math.abs(Date.now() - (first?.getTime() ?? 0))).toBeLessThan(PATIENCE_MS);
      await new Promise((resolve) => setTimeout(resolve, 5));
      await headIs(iid, await commitAs('dana', branch, 'later.txt'));
      const second = await forge.gate.headAt(projectId, iid);
      expect(second?.getTime()).toBeGreaterThan(first?.getTime() ?? Infinity);
    });
  });
}

function defineMerging({ world, open, settled, headIs }: Tools): void {
  const stateOf = async (iid: number) =>
    (await world().forge.read.change(world().projectId, iid)).state;

  describe('merging', () => {
    test('takes the head it names and no other', async () => {
      const { forge, projectId, defaultBranch, commitAs } = world();
      const { iid, branch, sha } = await open();
      const moved = await commitAs('dana', branch, 'moved.txt');
      await headIs(iid, moved);
      expect(await settled(iid)).toBe('mergeable');
      expect(await kindOf(forge.gate.merge(projectId, iid, sha))).toBe('conflict');
      expect(await stateOf(iid)).toBe('opened');
      const merged = await forge.gate.merge(projectId, iid, moved);
      expect(await stateOf(iid)).toBe('merged');
      expect((await forge.read.branch(projectId, defaultBranch))?.sha).toBe(merged.sha);
      expect(await forge.gate.mergeStatus(projectId, iid)).toBe('not_open');
      expect(await kindOf(forge.gate.merge(projectId, iid, moved))).toBe('conflict');
    });

    test('waits until it is known whether the change can be merged', async () => {
      const { forge, projectId } = world();
      const { iid, sha } = await open();
      const status = await forge.gate.mergeStatus(projectId, iid);
      if (!CHECKING.has(status)) return;
      expect(await kindOf(forge.gate.merge(projectId, iid, sha))).toBe('conflict');
      expect(await settled(iid)).toBe('mergeable');
      await forge.gate.merge(projectId, iid, sha);
    });

    test('a draft, or one without its approvals, is a conflict', async () => {
      const { forge, projectId, approve, needApprovals } = world();
      const draft = await open(undefined, { draft: true });
      expect(await settled(draft.iid)).toBe('draft_status');
      expect(await kindOf(forge.gate.merge(projectId, draft.iid, draft.sha))).toBe('conflict');
      const { iid, sha } = await open();
      const hasRules = needApprovals(1);
      try {
        expect(await settled(iid)).toBe(hasRules ? 'not_approved' : 'mergeable');
        if (hasRules) {
          expect(await kindOf(forge.gate.merge(projectId, iid, sha))).toBe('conflict');
          await approve('dana', iid);
        }
        await forge.gate.merge(projectId, iid, sha);
        expect(await stateOf(iid)).toBe('merged');
      } finally {
        needApprovals(0);
      }
    });

    test.each([
      ['its answer lost', { kind: 'drop_reply' }, 'merged'],
      ['its connection lost', { kind: 'drop_before' }, 'opened'],
      ['a 502', { kind: 'status', status: 502 }, 'opened'],
    ] as const)('with %s is ambiguous and sent once', async (_what, trouble, state) => {
      const { forge, projectId, trouble: make, requests } = world();
      if (!make) return;
      const { iid, sha } = await open();
      await settled(iid);
      const before = requests('PUT');
      make('PUT', trouble);
      expect(await kindOf(forge.gate.merge(projectId, iid, sha))).toBe('ambiguous');
      expect(requests('PUT') - before).toBe(1);
      expect(await stateOf(iid)).toBe(state);
    });

    test('without the right to is denied', async () => {
      const { stranger, projectId } = world();
      const { iid, sha } = await open();
      expect(await kindOf(stranger.gate.merge(projectId, iid, sha))).toBe('denied');
    });
  });
}

function defineStatuses({ world, open }: Tools): void {
  describe('commit statuses', () => {
    test('go on the pipeline that is named, and the same state again counts as done', async () => {
      const { forge, projectId } = world();
      const { sha, branch } = await open();
      const status = { name: 'autodev/gate', description: 'needs 1 approval', ref: branch };
      const ofCommit = () => forge.ci.pipelines(projectId, { sha });
      await forge.gate.setStatus(projectId, sha, {
        ...status,
        state: 'pending',
        pipelineId: null,
      });
      const [pipeline, ...others] = await ofCommit();
      expect(others).toEqual([]);
      const pipelineId = pipeline?.id ?? 0;
      for (const state of ['pending', 'pending', 'success', 'success', 'failed'] as const) {
        // A ref of no pipeline: the named pipeline counts.
        const ref = 'refs/merge-requests/1/head';
        await forge.gate.setStatus(projectId, sha, { ...status, ref, state, pipelineId });
      }
      expect((await ofCommit()).map(({ id, status: now }) => [id, now])).toEqual([
        [pipelineId, 'failed'],
      ]);
    });

    test('need a commit and its pipeline', async () => {
      const { forge, projectId } = world();
      const { sha, branch } = await open();
      const status = {
        name: 'autodev/gate',
        state: 'pending',
        description: '',
        ref: branch,
      } as const;
      const set = (commit: string, pipelineId: number | null) =>
        kindOf(forge.gate.setStatus(projectId, commit, { ...status, pipelineId }));
      expect(await set('f'.repeat(40), null)).toBe('not_found');
      expect(await set(sha, 987_654)).toBe('not_found');
    });
  });
}

const lines = (word: string, change: (index: number) => string | null = () => null): string =>
  Array.from({ length: 60 }, (_, index) => change(index + 1) ?? `${word} ${index + 1}\n`).join('');

/** Lines 2a added after 2, 31 removed; a new file, a renamed one with line 5 changed, one deleted. */
const REVIEWED: Files = [
  write(
    'src/long.txt',
    lines('line', (at) => (at === 2 ? 'line 2\nadded\n' : at === 31 ? '' : null)),
    'update',
  ),
  write('src/fresh.txt', '@@ -1,1 +1,1 @@\nsecond\n', 'create'),
  write(
    'src/new-name.txt',
    lines('row', (at) => (at === 5 ? 'changed\n' : null)),
    'create',
  ),
  { path: 'src/old-name.txt', action: 'delete', mode: '100644' },
  { path: 'src/gone.txt', action: 'delete', mode: '100644' },
];

function defineThreads({ world, open, headIs }: Tools): void {
  describe('threads', () => {
    let reviewed: Opened;
    beforeAll(async () => {
      reviewed = await open(REVIEWED);
    });

    const long = { new_path: 'src/long.txt', old_path: 'src/long.txt' };
    const renamed = { new_path: 'src/new-name.txt', old_path: 'src/old-name.txt' };
    const line = (new_line: number, old_line: number | null) => ({
      position_type: 'text',
      new_line,
      old_line,
    });
    const whole = { position_type: 'file', new_line: null, old_line: null };
    test.each([
      ['an added line', 'src/long.txt', 3, 'line', { ...long, ...line(3, null) }],
      ['a line before the added one', 'src/long.txt', 1, 'line', { ...long, ...line(1, 1) }],
      ['a line after it', 'src/long.txt', 4, 'line', { ...long, ...line(4, 3) }],
      ['a line after the removed one', 'src/long.txt', 33, 'line', { ...long, ...line(33, 33) }],
      ['a line before the removed one', 'src/long.txt', 31, 'line', { ...long, ...line(31, 30) }],
      ['a line far from any change', 'src/long.txt', 50, 'file', { ...long, ...whole }],
      ['a line after the end', 'src/long.txt', 5_000, 'file', { ...long, ...whole }],
      ['a new file', 'src/fresh.txt', 2, 'line', { new_path: 'src/fresh.txt', ...line(2, null) }],
      ['a renamed file', 'src/new-name.txt', 5, 'line', { ...renamed, ...line(5, null) }],
      ['its unchanged line', 'src/new-name.txt', 6, 'line', { ...renamed, ...line(6, 6) }],
      ['a deleted file', 'src/gone.txt', 1, 'change', null],
      ['the old name', 'src/old-name.txt', 1, 'change', null],
      ['a file that is not part of it', 'README.md', 1, 'change', null],
    ])('open on %s', async (_what, path, at, on, position) => {
      const { forge, projectId, positionOfThread } = world();
      const { iid } = reviewed;
      const lines = { path, line: at, sha: reviewed.sha };
      const made = await forge.review.openThread(projectId, iid, lines, saying(`at ${at}`));
      expect(made.place).toEqual(on === 'line' ? { on, line: at } : { on });
      const shown = await positionOfThread(iid, made.id);
      if (position === null) expect(shown).toBeNull();
      else expect(shown).toMatchObject({ ...position, head_sha: reviewed.sha });
    });

    test('are listed with their replies and resolved, twice if asked', async () => {
      const { forge, projectId, botId } = world();
      const { iid, sha } = await open(REVIEWED);
      const body = 'Wrong.\n\n```suggestion:-0+0\nright\n```';
      await forge.write.createNote(projectId, { type: 'change', iid }, 'no thread');
      const first = await forge.review.openThread(
        projectId,
        iid,
        { path: 'src/long.txt', line: 3, sha },
        saying(body),
      );
      const second = await forge.review.openThread(
        projectId,
        iid,
        { path: '-', line: 1, sha },
        saying('why?'),
      );
      await forge.review.replyInThread(projectId, iid, first.id, 'fixed');
      for (let times = 0; times < 2; times += 1) {
        await forge.review.resolveThread(projectId, iid, first.id, true);
      }
      const note = (text: string) => ({ id: expect.any(Number), authorId: botId, body: text });
      const resolvedBy = { id: botId, username: expect.any(String) };
      expect(await forge.review.threads(projectId, iid)).toEqual([
        { id: first.id, resolved: true, resolvedBy, notes: [note(body), note('fixed')] },
        { id: second.id, resolved: false, resolvedBy: null, notes: [note('why?')] },
      ]);
      await forge.review.resolveThread(projectId, iid, first.id, false);
      expect((await forge.review.threads(projectId, iid))[0]).toMatchObject({
        resolved: false,
        resolvedBy: null,
      });
      for (const ask of [
        () => forge.review.replyInThread(projectId, iid, 'f'.repeat(40), 'x'),
        () => forge.review.resolveThread(projectId, iid, 'f'.repeat(40), true),
      ]) {
        expect(await kindOf(ask())).toBe('not_found');
      }
    });

    test('stand on the newest version after a push', async () => {
      const { forge, projectId, commitAs, positionOfThread } = world();
      const { iid, branch } = await open(REVIEWED);
      const sha = await commitAs('dana', branch, 'src/after.txt');
      await headIs(iid, sha);
      const on = { path: 'src/after.txt', line: 1, sha };
      const made = await forge.review.openThread(projectId, iid, on, saying('new'));
      expect(made.place).toEqual({ on: 'line', line: 1 });
      expect(await positionOfThread(iid, made.id)).toMatchObject({ head_sha: sha, new_line: 1 });
      // Lines of a head that is not the newest any more are other lines.
      const late = { ...on, sha: 'e'.repeat(40) };
      const onFile = await forge.review.openThread(projectId, iid, late, saying('late'));
      expect(onFile.place).toEqual({ on: 'file' });
    });

    test('on several lines stand on the first that the diff shows', async () => {
      const { forge, projectId, positionOfThread } = world();
      const { iid, sha } = reviewed;
      const on = { path: 'src/long.txt', line: 20, endLine: 33, sha };
      const said: unknown[] = [];
      const made = await forge.review.openThread(projectId, iid, on, (place) => {
        said.push(place);
        return 'x';
      });
      expect(said).toEqual([made.place]);
      expect(made.place).toMatchObject({ on: 'line' });
      const at = made.place.on === 'line' ? made.place.line : 0;
      expect(at).toBeGreaterThan(20);
      expect(await positionOfThread(iid, made.id)).toMatchObject({ new_line: at });
    });

    test('tell who reacted to their notes', async () => {
      const { forge, projectId, botId } = world();
      const { iid, sha } = await open();
      const on = { path: '-', line: 1, sha };
      await forge.review.openThread(projectId, iid, on, saying('x'));
      const [thread] = await forge.review.threads(projectId, iid);
      const noteId = thread?.notes[0]?.id ?? 0;
      await forge.write.react(projectId, { type: 'change', iid }, noteId, 'thumbsdown');
      expect(await forge.review.reactions(projectId, iid, noteId)).toEqual([
        {
          name: 'thumbsdown',
          user: { id: botId, username: expect.any(String) },
          at: expect.any(Date),
        },
      ]);
      expect(await kindOf(forge.review.reactions(projectId, iid, 999_999))).toBe('not_found');
    });

    test('of quick actions only are refused and leave nothing', async () => {
      const { forge, projectId } = world();
      const { iid, sha } = await open();
      const on = { path: '-', line: 1, sha };
      const opened = forge.review.openThread(projectId, iid, on, saying('/close'));
      expect(await kindOf(opened)).toBe('invalid');
      expect(await forge.review.threads(projectId, iid)).toEqual([]);
    });
  });
}

function defineAttachments({ world }: Tools): void {
  test('a picture is uploaded, and its path can stand in a note', async () => {
    const { forge, projectId } = world();
    const path = await forge.review.attach(projectId, 'picture-1.png', png(2, 2));
    expect(path).toMatch(/^\/uploads\/[0-9a-f]{32}\/picture-1\.png$/);
    expect(await kindOf(forge.review.attach(999_999, 'a.png', png(2, 2)))).toBe('not_found');
  });
}

/** The same text, wherever it is put. */
const saying = (text: string) => () => text;

function defineThreadWeather({ world, open }: Tools): void {
  describe('bad weather', () => {
    test.each([
      ['its answer lost', { kind: 'drop_reply' }, 'ambiguous', 1],
      ['its connection lost', { kind: 'drop_before' }, 'ambiguous', 0],
      ['a 500', { kind: 'status', status: 500 }, 'ambiguous', 0],
      ['a 403', { kind: 'status', status: 403 }, 'denied', 0],
    ] as const)('a thread with %s is opened at most once', async (_what, trouble, kind, count) => {
      const { forge, projectId, trouble: make, requests } = world();
      if (!make) return;
      const { iid, sha } = await open(REVIEWED);
      const on = { path: 'src/long.txt', line: 3, sha };
      const before = requests('POST');
      make('POST', trouble);
      expect(await kindOf(forge.review.openThread(projectId, iid, on, saying('x')))).toBe(kind);
      expect(requests('POST') - before).toBe(1);
      expect(await forge.review.threads(projectId, iid)).toHaveLength(count);
    });
  });
}
