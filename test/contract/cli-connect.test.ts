/** `autodev connect` against the sandbox GitLab: what it makes, and that twice is once. */
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { applyConnect } from '../../bot/cli/connect/apply.ts';
import { HOOK_EVENT_NAMES } from '../../bot/cli/connect/hook-events.ts';
import { planConnect, type ConnectPlan } from '../../bot/cli/connect/plan.ts';
import { hasWork, showPlan } from '../../bot/cli/connect/show-plan.ts';
import { createTerminal } from '../../bot/cli/terminal.ts';
import { projectHookToken, projectSigningToken } from '../../bot/forge/gitlab/webhooks.ts';
import { repoByProject } from '../../bot/store/repos.ts';
import { CI_FILE, SECRET, startCliWorld, TEMPLATE, type CliWorld } from './cli-world.ts';

let world: CliWorld;

const writes = (): string[] =>
  world.gitlab.calls.all
    .filter((call) => call.method !== 'GET')
    .map((call) => `${call.method} ${call.route ?? call.path}`);

const plan = (options = {}): Promise<ConnectPlan> =>
  planConnect(world.forge, world.request(options));

const apply = async (planned: ConnectPlan) =>
  applyConnect(
    { forge: world.forge, secret: SECRET, publicUrl: world.face.url, store: await world.store() },
    planned,
  );

function shown(planned: ConnectPlan): string {
  const output = new PassThrough();
  showPlan(createTerminal({ input: new PassThrough(), output }), planned);
  return String(output.read());
}

const file = async (path: string, ref: string) =>
  world.forge.read.file(world.project.id, path, ref);

describe('on a GitLab whose hooks sign', () => {
  beforeAll(async () => {
    world = await startCliWorld('19.1.0');
  });
  afterAll(async () => {
    await world?.close();
  });
  beforeEach(() => world.gitlab.calls.clear());

  test('a look writes nothing and shows hook, labels and diff', async () => {
    const planned = await plan();
    expect(writes()).toEqual([]);
    expect(hasWork(planned)).toBe(true);
    const text = shown(planned);
    for (const name of [...HOOK_EVENT_NAMES, 'autodev::implement', 'autodev::fix']) {
      expect(text).toContain(name);
    }
    expect(text).toContain(`+  - remote: ${world.face.url}/ci-templates/autodev.yml`);
    expect(text).toContain(' image: node:24   # the same everywhere');
  });

  test('the hook gets its own secrets, the labels are made, the change is opened', async () => {
    const applied = await apply(await plan());
    expect(writes()).toEqual([
      'POST /projects/{id}/hooks',
      'POST /projects/{id}/labels',
      'POST /projects/{id}/labels',
      'POST /projects/{id}/labels',
      'POST /projects/{id}/repository/commits',
      'POST /projects/{id}/merge_requests',
    ]);
    const { id } = world.project;
    const [hook, ...others] = world.project.hooks;
    expect(others).toEqual([]);
    expect(hook).toMatchObject({
      url: `${world.face.url}/webhooks/gitlab`,
      token: projectHookToken(SECRET, id),
      signingToken: projectSigningToken(SECRET, id),
      enableSslVerification: true,
    });
    const on = Object.entries(hook?.events ?? {}).filter(([, value]) => value);
    expect(on.map(([name]) => name).toSorted()).toEqual([...HOOK_EVENT_NAMES].toSorted());
    expect(await repoByProject(await world.store(), 'gitlab', id)).toMatchObject({
      path: 'shop/cart',
      hookId: hook?.id,
      hookSigns: true,
    });
    expect(applied).toMatchObject({ hookSigns: true, remembered: true });
    expect(applied.labels).toEqual(['autodev', 'autodev::implement', 'autodev::fix']);

    const change = world.gitlab.api.mergeRequest('shop/cart', applied.change?.iid ?? 0);
    expect(change).toMatchObject({ title: '[AutoDev] Include the CI template', state: 'opened' });
    expect(change.description).toContain(world.face.url);
    const text = (await file('.gitlab-ci.yml', 'autodev/onboarding')) ?? '';
    expect(text.replace(/include:[^]*'\n\n/, '')).toBe(CI_FILE);
    expect((parse(text) as { include: unknown }).include).toEqual([
      {
        remote: `${world.face.url}/ci-templates/autodev.yml`,
        inputs: { server: world.face.url, bot_user_id: String(world.bot.id) },
      },
    ]);
    expect(await file('.gitlab-ci.yml', 'main')).toBe(CI_FILE);
  });

  test('again it finds everything and changes nothing', async () => {
    const planned = await plan();
    expect(hasWork(planned)).toBe(false);
    await apply(planned);
    expect(writes()).toEqual([]);
    expect(shown(planned)).toMatch(
      /hook \d+ is there[^]*labels are there[^]*!1 waits to be merged/,
    );
  });

  test('what is broken is mended, and only that', async () => {
    const [hook] = world.project.hooks;
    hook!.events.note_events = false;
    world.project.labels = world.project.labels.filter((label) => label.name !== 'autodev::fix');
    await apply(await plan());
    expect(writes()).toEqual(['PUT /projects/{id}/hooks/{hook_id}', 'POST /projects/{id}/labels']);
    expect(hook!.events.note_events).toBe(true);
  });

  test('a hook that does not sign yet, is not ours, or shall be reset gets its secrets', async () => {
    const [hook] = world.project.hooks;
    hook!.signingToken = null;
    expect((await plan()).hook).toMatchObject({ action: 'update', why: 'it does not sign yet' });
    await apply(await plan());
    expect(hook!.signingToken).toBe(projectSigningToken(SECRET, world.project.id));
    expect((await plan({ resetHook: true })).hook).toMatchObject({ action: 'update' });
    const stranger = { ...world.request(), row: () => Promise.resolve(null) };
    const foreign = await planConnect(world.forge, stranger);
    expect(foreign.hook).toMatchObject({ action: 'update', why: /not made by this bot/ });
    // Without the database nothing is known about the hook, and what can be seen is right.
    const blind = await planConnect(world.forge, { ...world.request(), row: null });
    expect(blind.hook).toMatchObject({ action: 'none' });
  });

  test('an address that moved is corrected in the open change', async () => {
    const moved = { ...world.request(), publicUrl: 'https://bot.example.com' };
    const planned = await planConnect(world.forge, moved);
    expect(planned.change).toMatchObject({ action: 'amend', change: { iid: 1 } });
    expect(planned.hook).toMatchObject({ action: 'create' });
    await apply({ ...planned, hook: (await plan()).hook });
    const text = (await file('.gitlab-ci.yml', 'autodev/onboarding')) ?? '';
    expect(text).toContain("server: 'https://bot.example.com'");
    await apply(await plan());
    expect(await file('.gitlab-ci.yml', 'autodev/onboarding')).toContain(world.face.url);
  });

  test('a branch left over without a change starts anew', async () => {
    const root = world.gitlab.root.token.value;
    await fetch(`${world.gitlab.url}/api/v4/projects/${world.project.id}/merge_requests/1`, {
      method: 'PUT',
      headers: { 'private-token': root, 'content-type': 'application/json' },
      body: JSON.stringify({ state_event: 'close' }),
    });
    const planned = await plan();
    expect(planned.change).toMatchObject({ action: 'open', leftover: true });
    expect((await apply(planned)).change?.iid).toBe(2);
  });

  test.each([
    ['the answer to the change is lost', /merge_requests$/],
    ['the answer to the commit is lost', /repository\/commits$/],
  ])('when %s there is one change all the same', async (_, path) => {
    await world.forge.write.deleteBranch(world.project.id, 'autodev/onboarding');
    const before = world.project.mergeRequests.filter((one) => one.state === 'opened');
    for (const one of before) one.state = 'closed';
    world.gitlab.weather.calls({ method: 'POST', path }, { kind: 'drop_reply' });
    const { change } = await apply(await plan());
    expect(world.gitlab.weather.pending()).toBe(0);
    const open = world.project.mergeRequests.filter((one) => one.state === 'opened');
    expect(open.map((one) => one.iid)).toEqual([change?.iid]);
  });

  test('other sources of the template', async () => {
    const library = await world.gitlab.api.createProject({
      path: 'platform/autodev',
      files: { 'ci-templates/autodev.yml': TEMPLATE },
      visibility: 'internal',
    });
    const local = await plan({ template: { kind: 'local' } });
    expect(local.change).toMatchObject({
      action: 'amend',
      files: [{ path: 'ci-templates/autodev.yml', before: null, after: TEMPLATE }],
    });
    for (const one of world.project.mergeRequests) one.state = 'closed';
    const fromProject = { kind: 'project', path: library.path, ref: null } as const;
    const { change } = await plan({ template: fromProject });
    const after = change.action === 'open' ? (change.files[0]?.after ?? '') : '';
    expect((parse(after) as { include: unknown[] }).include[0]).toMatchObject({
      project: 'platform/autodev',
      ref: 'main',
      file: '/ci-templates/autodev.yml',
    });
    await expect(plan({ template: { ...fromProject, path: 'shop/cart' } })).rejects.toThrow(
      /has no ci-templates\/autodev.yml at main/,
    );
    await expect(plan({ template: { ...fromProject, path: 'no/body' } })).rejects.toThrow(
      /no project no\/body/,
    );
  });

  test('without Maintainer, and on a project that is not there, it says what to do', async () => {
    world.gitlab.api.setLevel(world.project, world.bot, 30);
    await expect(plan()).rejects.toThrow(/is Developer there[^]*make @project_1_bot Maintainer/);
    world.gitlab.api.setLevel(world.project, world.bot, 40);
    const nowhere = planConnect(world.forge, { ...world.request(), path: 'shop/none' });
    await expect(nowhere).rejects.toThrow(/no project shop\/none[^]*invite @project_1_bot/);
    expect(writes()).toEqual([]);
  });

  test('nothing went to GitLab that it does not know', () => {
    expect(world.gitlab.problems).toEqual([]);
    expect(world.gitlab.calls.unknown()).toEqual([]);
  });
});
