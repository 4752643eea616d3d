/** The gates: whose approval counts, for which commit, and what else people can do there. */
import { afterAll, expect, jest, test } from '@jest/globals';
import type { Finding } from '../../schema/wire/finding.ts';
import { ACCESS } from '../../sandbox/gitlab/state/access-levels.ts';
import { startStage, type Stage } from '../support/story.ts';
import {
  atGate,
  decide,
  headOf,
  hireTeam,
  mergeCalls,
  mergesOf,
  push,
  statusesOf,
} from '../support/team.ts';

jest.setTimeout(300_000);

/** LOOK_SECONDS.person of the sweeper, and time to act on what it saw. */
const HEALED_MS = 45_000;

let opened: Promise<Stage> | null = null;
const open = (): Promise<Stage> => (opened ??= startStage());
afterAll(async () => (await opened)?.close());

test.concurrent('whose approval counts, and for which commit', async () => {
  const stage = await open();
  const project = await stage.project('gates/approvals');
  const { weather, api } = stage.world.gitlab;
  const on = (path: string) => ({
    path: new RegExp(`^/projects/${project.id}/merge_requests/\\d+/${path}`),
  });
  const hookId = project.hooks[0]?.id ?? 0;
  const holdNextChangeHook = (): void =>
    weather.hooks({ hookId, event: /Merge Request/ }, { kind: 'hold' });
  hireTeam(stage, 'Whose approval');
  await stage.tell('Whose approval', { project }, async (story) => {
    await story.comment('sam', '/autodev plan');
    const spec = await atGate(story, 'spec-gate');
    const written = headOf(spec);
    await push(story, 'lee', spec);
    await story.status(new RegExp(`needs 1 approval of ${headOf(spec).slice(0, 8)}`));
    for (const person of ['sam', 'autodev', 'lee'] as const) {
      await decide(story, person, 'approve', spec);
    }
    // Rita may approve at that moment, and is a reporter again when it is looked at.
    holdNextChangeHook();
    api.addMember(project, stage.world.people.rita.user, ACCESS.developer);
    await decide(story, 'rita', 'approve', spec);
    api.addMember(project, stage.world.people.rita.user, ACCESS.reporter);
    weather.release();
    for (const why of [
      '@sam: asked for this work',
      '@autodev: the bot cannot decide',
      '@lee: worked on the change',
      '@rita: needs Developer',
    ]) {
      await story.status(new RegExp(`^\\| spec-gate \\| waits for you .*${why}`, 'm'));
    }
    expect(spec.state).toBe('opened');
    expect(mergeCalls(story, spec)).toEqual([]);

    weather.calls({ method: 'PUT', ...on('merge') }, { kind: 'drop_reply' });
    await decide(story, 'dana', 'approve', spec);
    const code = await atGate(story, 'merge');
    expect(mergesOf(spec)).toBe(1);
    expect(mergeCalls(story, spec)).toEqual([{ sha: headOf(spec), status: 200 }]);
    expect(headOf(spec)).not.toBe(written);

    // A push while the approval is on its way, and a token that may not take approvals back.
    weather.calls({ method: 'PUT', ...on('reset_approvals') }, { kind: 'status', status: 401 });
    const judged = headOf(code);
    holdNextChangeHook();
    await decide(story, 'dana', 'approve', code);
    await push(story, 'lee', code);
    const pushed = headOf(code);
    expect(pushed).not.toBe(judged);
    await story.status(new RegExp(`^\\| merge \\| waits for you (?!.*${judged.slice(0, 8)})`, 'm'));
    weather.release();
    await story.status(
      new RegExp(
        `^\\| merge \\| .*needs 1 approval of ${pushed.slice(0, 8)}.*@dana: approved an older version`,
        'm',
      ),
    );
    weather.calls({ method: 'PUT', ...on('merge') }, { kind: 'status', status: 405 }, { times: 2 });
    weather.calls({ method: 'PUT', ...on('merge') }, { kind: 'drop_reply' }, { skip: 2 });
    await decide(story, 'dana', 'unapprove', code);
    await decide(story, 'dana', 'approve', code);
    await story.ends('done');
    await stage.settled();
    expect([code.state, mergesOf(code), story.issue.state]).toEqual(['merged', 1, 'closed']);
    expect(mergeCalls(story, code)).toEqual([
      { sha: pushed, status: 405 },
      { sha: pushed, status: 405 },
      { sha: pushed, status: 200 },
    ]);
  });
});

const SLIP: Finding = {
  path: 'team.txt',
  line: 1,
  severity: 'low',
  category: 'style',
  title: 'The round could be spelled out',
  body: 'A number says little.',
  confidence: 0.9,
};

test.concurrent('people merge by themselves, and send the change back before that', async () => {
  const stage = await open();
  const project = await stage.project('gates/native');
  const { weather, calls } = stage.world.gitlab;
  const base = `^/projects/${project.id}/`;
  const threads = { method: 'POST', path: new RegExp(`${base}merge_requests/\\d+/discussions$`) };
  const statuses = { method: 'POST', path: new RegExp(`${base}statuses/`) };
  const team = hireTeam(stage, 'By hand', {
    review: (round) => (round === 1 ? [SLIP] : []),
  });
  await stage.tell('By hand', { project }, async (story) => {
    await story.comment('sam', '/autodev plan');
    const spec = await atGate(story, 'spec-gate');
    await decide(story, 'dana', 'merge', spec);
    const enforce = (on: boolean): Promise<unknown> =>
      stage.rest('dana', 'PUT', `/projects/${project.id}`, {
        only_allow_merge_if_pipeline_succeeds: on,
      });
    await enforce(true);
    for (const lost of [threads, statuses]) weather.calls(lost, { kind: 'drop_reply' });
    const code = await atGate(story, 'merge');
    expect(spec.mergedById).toBe(stage.world.people.dana.user.id);
    const remark = await story.expectNote(/^\*\*low · style\*\* The round could be spelled out/);
    await stage.settled();
    for (const lost of [threads, statuses]) {
      const sent = calls.find(lost.method, lost.path);
      expect([String(lost.path), sent.filter((call) => call.replyDropped).length]).toEqual([
        String(lost.path),
        1,
      ]);
    }
    expect(code.notes.filter((note) => note.body.includes('autodev:finding:'))).toHaveLength(1);
    expect(await statusesOf(story, headOf(code))).toEqual(['autodev/gate pending']);

    const first = headOf(code);
    const no = await story.comment('dana', '/autodev reject spell the round out', {
      change: code.iid,
    });
    await story.status(new RegExp(`^\\| merge \\| –`, 'm'));
    expect((await atGate(story, 'merge')).iid).toBe(code.iid);
    await story.expectReactions(no, ['white_check_mark']);
    const asked = team.asked('Builder');
    expect(asked).toHaveLength(2);
    expect(asked[1]).toMatch(/Answer the findings below.*The round could be spelled out/s);
    expect(asked[1]).toContain('spell the round out');
    expect(headOf(code)).not.toBe(first);
    expect(code.versions).toHaveLength(2);
    await story.expectNote(new RegExp(`^Fixed in ${headOf(code).slice(0, 8)}\\.`), {
      inThreadOf: { id: remark.id, discussionId: remark.discussionId },
    });
    await stage.settled();
    expect(remark.resolvedAt).not.toBeNull();

    // Until then the pending status of the gate keeps everybody's hands off the merge button.
    await enforce(false);
    await decide(story, 'dana', 'merge', code);
    const status = await story.ends('done');
    expect(status).toContain(`!${code.iid} was merged`);
    expect(code.mergedById).toBe(stage.world.people.dana.user.id);
    expect([mergeCalls(story, spec).length, mergeCalls(story, code).length]).toEqual([1, 1]);
  });
});

test.concurrent(
  'a rejected specification is written again; a closed one ends the run',
  async () => {
    const stage = await open();
    const team = hireTeam(stage, 'Not like this');
    await stage.tell('Not like this', {}, async (story) => {
      const asked = await story.comment('sam', '/autodev plan');
      const spec = await atGate(story, 'spec-gate');
      const no = await story.comment('lee', '/autodev reject');
      await story.expectNote(/reason/, { inThreadOf: no });
      await story.expectReactions(no, ['x']);
      const yes = await story.comment('dana', '/autodev reject keep the old file as well');
      await story.status(/^\| spec \| (starting|waiting|running) /m);
      await atGate(story, 'spec-gate');
      await story.expectReactions(yes, ['white_check_mark']);
      expect(story.specs()).toEqual([spec]);
      expect(spec.versions).toHaveLength(2);
      expect(team.asked('Architect')).toHaveLength(2);
      expect(team.asked('Architect')[0]).not.toContain('keep the old file');
      expect(team.asked('Architect')[1]).toContain('keep the old file as well');

      await decide(story, 'dana', 'close', spec);
      const status = await story.ends('cancelled');
      expect(status).toContain(`!${spec.iid} was closed.`);
      await story.expectReactions(asked, ['eyes', 'x']);
      expect(story.changes()).toEqual([]);
    });
  },
);

test.concurrent('an approval whose hook is lost is seen all the same', async () => {
  const stage = await open();
  const project = await stage.project('gates/lost-hook');
  hireTeam(stage, 'Lost hook');
  await stage.tell('Lost hook', { project }, async (story) => {
    await story.comment('sam', '/autodev plan');
    const spec = await atGate(story, 'spec-gate');
    await stage.world.gitlab.hooksIdle();
    const hookId = project.hooks[0]?.id ?? 0;
    stage.world.gitlab.weather.hooks({ hookId, event: /Merge Request/ }, { kind: 'drop' });
    const since = performance.now();
    await decide(story, 'dana', 'approve', spec);
    await story.waitFor('the merge', () => spec.state === 'merged');
    expect(performance.now() - since).toBeLessThan(HEALED_MS);
    await story.status(/^\| implement \| (starting|waiting|running) /m);
    await story.comment('sam', '/autodev cancel');
    await story.ends('cancelled');
  });
});
