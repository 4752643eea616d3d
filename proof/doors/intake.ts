/**
 * E1, E2, E3, E5 and E8: forged, replayed and lying webhooks, prototypes and SQL in their texts, on the real HTTP face
 * over a socket with the database behind it.
 */
import { createHmac, randomUUID } from 'node:crypto';
import {
  createGitLabWebhooks,
  projectHookToken,
  projectSigningToken,
} from '../../bot/forge/gitlab/webhooks.ts';
import { parseRepoConfig } from '../../bot/config/repo-config.ts';
import { parseJsonBody } from '../../bot/forge/payload.ts';
import { normaliseGitLab } from '../../bot/forge/gitlab/events/normalise.ts';
import type { Store } from '../../bot/store/store.ts';
import { send, startWeb, type Web } from '../../test/support/web.ts';
import { sharedStore } from '../database.ts';
import { broken, held, type Played, type Proof } from '../proof.ts';
import type { Random } from '../random.ts';

const ROOT = 'root-secret-of-the-operator-0123456789';
/** A hook that is known to sign. */
const SIGNS = 77;
const PROJECT = 7;

let place: Promise<{ store: Store; web: Web }> | null = null;
const open = (): Promise<{ store: Store; web: Web }> => (place ??= start());

async function start(): Promise<{ store: Store; web: Web }> {
  const store = await sharedStore();
  const gitlab = createGitLabWebhooks({
    ...{ secret: ROOT, requireSigning: false, signingProjects: (id) => id === SIGNS },
  });
  return {
    store,
    web: await startWeb({ db: store, intake: { webhooks: { gitlab, github: null } } }),
  };
}

const payload = (project: number, more: object = {}): Buffer =>
  Buffer.from(
    JSON.stringify({
      ...{ object_kind: 'note', user: { id: 5, username: 'sam' }, nonce: randomUUID() },
      project: { id: project, path_with_namespace: 'a/b', default_branch: 'main' },
      object_attributes: { id: 9, note: 'Hello', noteable_type: 'Issue', action: 'create' },
      ...{ issue: { iid: 1, title: 't', description: '', state: 'opened' }, ...more },
    }),
  );
const withToken = (token: string): Record<string, string> => ({
  ...{ 'x-gitlab-event': 'Note Hook', 'x-gitlab-token': token },
});

function signed(body: Buffer, project: number, off = 0): Record<string, string> {
  const [id, at] = [randomUUID(), Math.floor(Date.now() / 1000) + off];
  const key = Buffer.from(projectSigningToken(ROOT, project).slice('whsec_'.length), 'base64');
  const digest = createHmac('sha256', key).update(`${id}.${at}.`).update(body).digest('base64');
  return {
    ...{ 'x-gitlab-event': 'Note Hook', 'webhook-id': id, 'webhook-timestamp': String(at) },
    'webhook-signature': `v1,${digest}`,
  };
}
const left = (headers: Record<string, string>, name: string): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).filter(([key]) => key !== name));

/** Requests that no hook of the project sent. */
const FORGERIES: readonly [string, (body: Buffer, random: Random) => Record<string, string>][] = [
  ['no token', () => ({ 'x-gitlab-event': 'Note Hook' })],
  ['an empty token', () => withToken('')],
  ['a wrong token', (_, random) => withToken(random.token(43))],
  ['the beginning of the token', () => withToken(projectHookToken(ROOT, PROJECT).slice(0, -1))],
  ['more than the token', () => withToken(`${projectHookToken(ROOT, PROJECT)}A`)],
  ['a token of 12 kB', () => withToken('x'.repeat(12_000))],
  ['the token of another project', () => withToken(projectHookToken(ROOT, PROJECT + 1))],
  ['the signing token as a token', () => withToken(projectSigningToken(ROOT, PROJECT))],
  ['a signature of another project', (body) => signed(body, PROJECT + 1)],
  ['a signature of another body', () => signed(payload(PROJECT), PROJECT)],
  ['a signature 302 s old', (body) => signed(body, PROJECT, -302)],
  ['a signature 302 s ahead', (body) => signed(body, PROJECT, 302)],
  ['a signature under another id', (body) => ({ ...signed(body, PROJECT), 'webhook-id': 'x' })],
  [
    'a right token beside a wrong signature',
    () => ({ ...withToken(ROOT), 'webhook-signature': `v1,${'A'.repeat(43)}=` }),
  ],
  ['a signature without its time', (body) => left(signed(body, PROJECT), 'webhook-timestamp')],
];

async function count(store: Store): Promise<number> {
  const [row] = await store.query<{ n: number }>('select count(*)::int as n from deliveries');
  return row?.n ?? -1;
}

/** What was put into the prototype of all objects; it is taken out again, for what comes after. */
function everywhere(): string[] {
  const strange = Object.keys(Object.prototype);
  for (const key of strange) Reflect.deleteProperty(Object.prototype, key);
  return strange;
}

async function play(index: number, random: Random): Promise<Played> {
  const played = await playOne(index, random).catch((error: unknown) => error);
  const strange = everywhere();
  if (strange.length > 0) return broken('prototypes', `${strange.join()} is everywhere`);
  if (played instanceof Error) throw played;
  return played as Played;
}

async function playOne(index: number, random: Random): Promise<Played> {
  const { store, web } = await open();
  const url = `${web.url}/webhooks/gitlab`;
  const post = async (headers: Record<string, string>, body: Buffer): Promise<number> =>
    (await send(url, { headers, body })).status;
  const before = await count(store);
  switch (index % 4) {
    case 0: {
      const forgery = FORGERIES[(index / 4) % (FORGERIES.length + 2)];
      const stripped = (index / 4) % (FORGERIES.length + 2) === FORGERIES.length;
      // Without its signature, on a hook that signs; or two projects in one body, with the token of one.
      const about =
        forgery?.[0] ?? (stripped ? 'the signature removed' : 'a body that names two projects');
      const body =
        forgery !== undefined
          ? payload(PROJECT)
          : stripped
            ? payload(SIGNS)
            : payload(PROJECT, { project_id: PROJECT + 1 });
      const token = projectHookToken(ROOT, stripped ? SIGNS : PROJECT);
      const status = await post(forgery?.[1](body, random) ?? withToken(token), body);
      if (![401, 403, 431].includes(status)) return broken(about, `it was answered with ${status}`);
      return (await count(store)) === before ? held(about) : broken(about, 'it was stored');
    }
    case 1: {
      const about = 'the same request again and again';
      const body = payload(PROJECT);
      const bySignature = random.chance(0.5);
      const headers = bySignature
        ? signed(body, PROJECT)
        : withToken(projectHookToken(ROOT, PROJECT));
      // What is not signed may be changed at will in a replay.
      const again = (): Record<string, string> =>
        bySignature ? headers : { ...headers, 'idempotency-key': randomUUID() };
      const statuses = await Promise.all(Array.from({ length: 10 }, () => post(again(), body)));
      if (statuses.some((status) => status !== 200)) return broken(about, statuses.join());
      const made = (await count(store)) - before;
      return made === 1 ? held(about) : broken(about, `${made} rows were made`);
    }
    case 2:
      return prototypes(random, post);
    default:
      return sql(random, post, store);
  }
}

type Post = (headers: Record<string, string>, body: Buffer) => Promise<number>;

const KEYS = ['__proto__', 'constructor', 'prototype', '__defineGetter__', 'toString', 'x'];

/** JSON text, because an object literal would not have such keys of its own. */
function polluted(random: Random, depth: number): string {
  if (depth === 0) return '"polluted"';
  const key = random.pick(KEYS);
  return `{"${key}":${polluted(random, depth - 1)},"polluted":"yes"}`;
}

async function prototypes(random: Random, post: Post): Promise<Played> {
  const own = polluted(random, 1 + random.int(5));
  const about = own;
  const names = ['user', 'project', 'object_attributes', 'issue', 'changes', 'labels', '__proto__'];
  const text = payload(PROJECT).toString();
  const body = Buffer.from(
    `${text.slice(0, -1)},"${random.pick(names)}x":${own},"__proto__":${own}}`,
  );
  const status = await post(
    { ...withToken(ROOT), [random.pick(['constructor', 'prototype'])]: 'polluted' },
    body,
  );
  if (status !== 200) return broken(about, `an authentic delivery was answered with ${status}`);
  const parsed = parseJsonBody(body);
  const event = normaliseGitLab({ 'x-gitlab-event': 'Note Hook' }, parsed.ok ? parsed.value : null);
  parseRepoConfig(
    `agents:\n  ${random.pick(KEYS)}:\n    engine: codex\n${random.pick(KEYS)}: {}\n`,
  );
  return 'polluted' in event ? broken(about, 'the event has a foreign property') : held(about);
}

const SQL = [
  ...["'); drop table deliveries; --", "' or '1'='1", "\\'; delete from runs; --", '$1', '$$;$$'],
  ...["x'||(select 1)||'", '; truncate deliveries;', "E'\\\\'", '"; drop schema public; --', '%s'],
];

/** What people wrote is stored as they wrote it, and nothing else happens. */
async function sql(random: Random, post: Post, store: Store): Promise<Played> {
  const text = Array.from({ length: 1 + random.int(3) }, () => random.pick(SQL)).join(' ');
  const about = JSON.stringify(text);
  const body = payload(PROJECT, {
    issue: { iid: 1, title: text, description: text, state: 'opened', labels: [{ title: text }] },
    user: { id: 5, username: text },
  });
  const before = await count(store);
  // Several at once go into one statement.
  const event = random.chance(0.3) ? 'Note Hook' : text.replaceAll(/[^\x20-\x7e]/g, '');
  const status = await post({ ...withToken(ROOT), 'x-gitlab-event': event }, body);
  if (status !== 200) return broken(about, `it was answered with ${status}`);
  const rows = await store.query<{ body: string }>(
    'select body from deliveries where body = $1 and event_name <> $2',
    [body.toString(), ''],
  );
  const made = (await count(store)) - before;
  return rows.length === 1 && made === 1 ? held(about) : broken(about, `${made} rows were made`);
}

const HOOKS = 'bot/forge/gitlab/webhooks.ts';

export const intake: Proof = {
  id: 'E1 E2 E3 E5 E8',
  name: 'Forged, replayed and lying webhooks leave no row; prototypes and SQL in them are text',
  layer: 'bot',
  fullOnly: true,
  runs: { ci: 136, full: 40_000 },
  play,
  close: async () => {
    const last = await place;
    place = null;
    await last?.web.close();
  },
  mutants: [
    {
      name: 'the token',
      file: HOOKS,
      from: 'if (own === undefined || !equalSecrets(',
      to: 'if (false && own !== undefined && !equalSecrets(',
    },
    {
      name: 'a token for each project',
      file: HOOKS,
      from: "createHmac('sha256', root).update(`gitlab-hook-token:${projectId}`)",
      to: "createHmac('sha256', root).update(`gitlab-hook-token:${projectId > 0}`)",
    },
    {
      name: 'one project in a body',
      file: HOOKS,
      from: 'const own = claimed.length === 1 ? claimed[0] : undefined;',
      to: 'const [own] = claimed;',
    },
    { name: 'the signature', file: HOOKS, from: 'timingSafeEqual(given, expected)', to: 'true' },
    {
      name: 'the signed time',
      file: HOOKS,
      from: 'if (Math.abs(Math.floor(now.getTime() / 1000) - Number(timestamp)) > TOLERANCE_SECONDS) {',
      to: 'if (false) {',
    },
    {
      name: 'no way back to the token',
      file: HOOKS,
      from: 'if (claimed.some((project) => project === UNNAMEABLE || options.signingProjects(project))) {',
      to: 'if (false) {',
    },
    {
      name: 'each body once',
      file: HOOKS,
      from: '`body:${await contentKey(raw)}`',
      to: "`body:${await contentKey(raw)}${String(headers['idempotency-key'])}`",
    },
    {
      name: 'own properties alone',
      file: 'bot/forge/payload.ts',
      from: 'value: JSON.parse(text) as unknown',
      to: 'value: spread({}, JSON.parse(text)) as unknown',
      also: [
        {
          file: 'bot/forge/payload.ts',
          from: 'const MAX_NAME_LENGTH = 100;',
          to: 'const MAX_NAME_LENGTH = 100;\nfunction spread(to: any, from: any): any { for (const key in from) { if (typeof from[key] === "object" && from[key] !== null) { to[key] ??= {}; spread(to[key], from[key]); } else { to[key] = from[key]; } } return to; }',
        },
      ],
    },
    {
      name: 'parameters of SQL',
      file: 'bot/http/webhooks.ts',
      from: '  const { id, inserted } = await deps.insert({',
      to: "  await deps.db.query(`select '${JSON.parse(body.bytes.toString()).issue.title}'`);\n  const { id, inserted } = await deps.insert({",
    },
  ],
};
