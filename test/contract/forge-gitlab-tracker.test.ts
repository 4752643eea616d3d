/** Issues of an epic on GitLab (ForgeTracker) against the sandbox, in the editions without and with epics. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Forge, Webhooks } from '../../bot/forge/forge.ts';
import { createGitLabForge } from '../../bot/forge/gitlab/client.ts';
import { startSandboxGitLab, type SandboxGitLab } from '../../sandbox/gitlab/server.ts';
import { ACCESS } from '../../sandbox/gitlab/state/access-levels.ts';
import type { Project, User } from '../../sandbox/gitlab/state/types.ts';
import { kindOf } from './forge-contract.ts';

interface Place {
  gitlab: SandboxGitLab;
  project: Project;
  bot: User;
  forge: Forge;
}

const folders: string[] = [];

async function open(edition: 'ce' | 'ee'): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'autodev-tracker-'));
  folders.push(folder);
  const gitlab = await startSandboxGitLab({ dataDir: folder, edition });
  const project = await gitlab.api.createProject({ path: 'shop/cart' });
  const bot = gitlab.api.createUser({ username: 'autodev', bot: true });
  gitlab.api.addMember(project, bot, ACCESS.maintainer);
  const token = gitlab.api.createToken(bot).value;
  const forge = createGitLabForge({ url: gitlab.url, token, webhooks: {} as Webhooks });
  return { gitlab, project, bot, forge };
}

async function close({ gitlab }: Place): Promise<void> {
  const unknown = gitlab.calls.unknown().map((call) => `${call.method} ${call.path}`);
  await gitlab.close();
  expect(unknown).toEqual([]);
  expect(gitlab.problems).toEqual([]);
}

const newIssue = ({ forge, project }: Place, title: string, labels: string[] = []) =>
  forge.tracker.createIssue(project.id, { title, description: `about ${title}`, labels });

/** What the REST API shows at an issue: number and kind of link, by number. */
async function linksOf({ gitlab, project, bot }: Place, iid: number): Promise<string[]> {
  const token = gitlab.api.createToken(bot).value;
  const address = `${gitlab.url}/api/v4/projects/${project.id}/issues/${iid}/links`;
  const answer = await fetch(address, { headers: { 'private-token': token } });
  const rows = (await answer.json()) as { iid: number; link_type: string }[];
  return rows.map((row) => `${row.link_type} #${row.iid}`).toSorted();
}

afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

describe.each(['ce', 'ee'] as const)('issues and links on %s', (edition) => {
  let place: Place;
  beforeAll(async () => {
    place = await open(edition);
  });
  afterAll(async () => close(place));

  test('open issues that everybody may read, and no others', async () => {
    const { gitlab, project, bot, forge } = place;
    const shown = await newIssue(place, 'Shown', ['bug']);
    const closed = await newIssue(place, 'Closed');
    const hidden = await newIssue(place, 'Hidden');
    const token = gitlab.api.createToken(bot).value;
    const edit = (iid: number, field: string) =>
      fetch(`${gitlab.url}/api/v4/projects/${project.id}/issues/${iid}?${field}`, {
        method: 'PUT',
        headers: { 'private-token': token },
      });
    await edit(closed.iid, 'state_event=close');
    await edit(hidden.iid, 'confidential=true');
    const open = await forge.tracker.openIssues(project.id, 100);
    const iids = open.map(({ iid }) => iid);
    expect(iids).toContain(shown.iid);
    expect(iids).not.toContain(closed.iid);
    expect(iids).not.toContain(hidden.iid);
    expect(open.find(({ iid }) => iid === shown.iid)).toMatchObject({
      title: 'Shown',
      labels: ['bug'],
      confidential: false,
    });
    expect(await forge.tracker.openIssues(project.id, 1)).toHaveLength(1);
  });

  test('an issue is found again by label and author, and by nothing else', async () => {
    const { forge, project, gitlab, bot } = place;
    const mine = await newIssue(place, 'mine', ['autodev-epic']);
    await newIssue(place, 'unlabelled');
    const dana = gitlab.api.createUser({ username: `dana-${edition}` });
    gitlab.api.addMember(project, dana, ACCESS.developer);
    const token = gitlab.api.createToken(dana).value;
    const hers = createGitLabForge({ url: gitlab.url, token, webhooks: {} as Webhooks });
    const asks = { title: 'a copy', description: 'about mine', labels: ['autodev-epic'] };
    await hers.tracker.createIssue(project.id, asks);
    const by = { label: 'autodev-epic', authorId: bot.id };
    const found = await forge.tracker.findIssues(project.id, by);
    expect(found).toEqual([{ ...mine, description: 'about mine', open: true }]);
  });

  test('issues are read at once; those that are not there are left out', async () => {
    const { forge, project } = place;
    const [one, two] = [await newIssue(place, 'one'), await newIssue(place, 'two')];
    const read = await forge.tracker.issues(project.id, [one.iid, two.iid, 999]);
    expect(read.map(({ iid }) => iid).toSorted((a, b) => a - b)).toEqual([one.iid, two.iid]);
    expect(await forge.tracker.issues(project.id, [])).toEqual([]);
  });

  test('linking twice is linking once', async () => {
    const { forge, project } = place;
    const [one, two] = [await newIssue(place, 'three'), await newIssue(place, 'four')];
    for (let time = 0; time < 2; time += 1) {
      await forge.tracker.link(project.id, one.iid, { as: 'related', iid: two.iid });
    }
    expect(await linksOf(place, two.iid)).toEqual([`relates_to #${one.iid}`]);
  });
});

describe('without epics', () => {
  let place: Place;
  beforeAll(async () => {
    place = await open('ce');
  });
  afterAll(async () => close(place));

  test('nothing is offered, and GraphQL is not even asked', async () => {
    const { forge, project, gitlab } = place;
    const offered = await forge.tracker.capabilities(project.id);
    expect(offered).toEqual({ epics: false, blocking: false });
    expect(gitlab.calls.find('POST', /^\/graphql/)).toEqual([]);
  });

  test('waiting for another issue is refused', async () => {
    const { forge, project } = place;
    const [one, two] = [await newIssue(place, 'one'), await newIssue(place, 'two')];
    const linked = forge.tracker.link(project.id, one.iid, { as: 'after', iid: two.iid });
    expect(await kindOf(linked)).toBe('denied');
  });
});

describe('with epics', () => {
  let place: Place;
  beforeAll(async () => {
    place = await open('ee');
  });
  afterAll(async () => close(place));

  test('they are offered, but not made by somebody with no say in the group', async () => {
    const { forge, project } = place;
    const offered = await forge.tracker.capabilities(project.id);
    expect(offered).toEqual({ epics: true, blocking: true });
    const made = forge.tracker.createEpic(project.id, { title: 'Big', description: '' });
    expect(await kindOf(made)).toBe('denied');
  });

  test('an epic is made, found by its marker, and gets children that wait for each other', async () => {
    const { forge, project, gitlab, bot } = place;
    const { tracker } = forge;
    gitlab.api.addGroupMember('shop', bot, ACCESS.developer);
    const marker = '<!-- autodev:epic:1:2 -->';
    const by = { marker, author: 'autodev' };
    expect(await tracker.findEpic(project.id, by)).toBeNull();
    const description = `${marker}\nAsked for.`;
    const made = await tracker.createEpic(project.id, { title: 'Big "one"', description });
    expect(await tracker.findEpic(project.id, by)).toEqual(made);
    expect(await tracker.findEpic(project.id, { ...by, author: 'dana' })).toBeNull();
    const [one, two] = [await newIssue(place, 'first'), await newIssue(place, 'second')];
    for (const { iid } of [one, two, two]) {
      await tracker.link(project.id, iid, { as: 'child', epic: made.id });
    }
    await tracker.link(project.id, two.iid, { as: 'after', iid: one.iid });
    const [epic] = gitlab.api.epics('shop');
    const ids = [one, two].map(({ iid }) => gitlab.api.issue(project.path, iid).id);
    expect(epic).toMatchObject({ title: 'Big "one"', description, children: ids });
    expect(await linksOf(place, one.iid)).toEqual([`blocks #${two.iid}`]);
    expect(await linksOf(place, two.iid)).toEqual([`is_blocked_by #${one.iid}`]);
  });

  test('a refusal inside the payload is a refusal', async () => {
    const { forge, project } = place;
    const { iid } = await newIssue(place, 'third');
    const bad = { as: 'child', epic: 'gid://gitlab/WorkItem/1' } as const;
    expect(await kindOf(forge.tracker.link(project.id, iid, bad))).toBe('invalid');
  });

  test('a mutation whose answer is lost is ambiguous, like any write', async () => {
    const { forge, project, gitlab } = place;
    gitlab.weather.calls({ method: 'POST', path: /^\/graphql/ }, { kind: 'drop_reply' });
    const asked = forge.tracker.findEpic(project.id, { marker: 'x', author: 'autodev' });
    expect(await kindOf(asked)).toBe('ambiguous');
    gitlab.weather.clear();
  });
});

describe('the endpoint itself', () => {
  let place: Place;
  beforeAll(async () => {
    place = await open('ee');
  });
  afterAll(async () => close(place));

  const ask = async (query: string): Promise<{ errors?: { message: string }[] }> => {
    const token = place.gitlab.api.createToken(place.bot).value;
    const answer = await fetch(`${place.gitlab.url}/api/graphql`, {
      method: 'POST',
      headers: { 'private-token': token, 'content-type': 'application/json' },
      body: JSON.stringify({ query }),
    });
    expect(answer.status).toBe(200);
    return (await answer.json()) as { errors?: { message: string }[] };
  };

  test.each([
    ['{ group(fullPath: "shop") { epics { nodes { id } } } }', /'epics' doesn't exist on type/],
    ['{ namespace(path: "shop") { id } }', /doesn't accept argument 'path'/],
    ['mutation { workItemCreate(input: {name: "x"}) { errors } }', /argument 'name'/],
    ['{ group(fullPath: "shop") { workItemTypes } }', /must have selections/],
    ['{ group(fullPath: "shop") {', /Parse error/],
  ])('what the schema does not know is refused with 200: %s', async (query, message) => {
    expect((await ask(query)).errors?.[0]?.message).toMatch(message);
  });
});
