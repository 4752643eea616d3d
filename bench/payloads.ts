/** What the benches send: webhooks as the forges send them, each body another one, each proved its own way. */
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { projectSigningToken } from '../bot/forge/gitlab/webhooks.ts';

export type Kind = 'gitlab_push' | 'gitlab_note' | 'github_issue';

export interface Signed {
  headers: Record<string, string | number>;
  body: Buffer;
}

/** Size of the bodies: a push with some commits, an issue of GitHub. */
const BODY_BYTES = 12_700;
/** Of no recorded payload: its hook signs, and from then on must. */
const PROJECT = 4_000_007;
const MARK = '__bench__';

/** Makes the n-th webhook of a kind; `seed` makes every body differ from those of other seeds. */
export function payloads(kind: Kind, secret: string, seed: string): (number: number) => Signed {
  switch (kind) {
    case 'gitlab_push':
      return standardSigned(bodies(push(), seed), secret, seed);
    case 'gitlab_note':
      return withToken(bodies(note(), seed), secret);
    case 'github_issue':
      return hubSigned(bodies(issue(), seed), secret, seed);
  }
}

/** The template around the mark, which every body replaces by its own seed and number. */
function bodies(template: object, seed: string): (number: number) => Buffer {
  const [before = '', after = ''] = JSON.stringify(template).split(MARK);
  return (number) => Buffer.from(`${before}${seed}-${number}${after}`);
}

/** A push of commits with long messages, of about BODY_BYTES. */
function push(): object {
  const line = 'A line of a commit message, as long as such lines are.\n';
  const sha = 'a'.repeat(40);
  return {
    object_kind: 'push',
    ...{ checkout_sha: sha, before: 'b'.repeat(40), after: sha, ref: 'refs/heads/main' },
    ...{ user_id: 5, user_username: 'sam', project_id: PROJECT },
    project: {
      ...{ id: PROJECT, path_with_namespace: 'bench/app', default_branch: 'main' },
      web_url: 'http://gitlab.test/bench/app',
    },
    total_commits_count: 1,
    commits: [{ id: MARK, message: line.repeat(Math.round((BODY_BYTES - 700) / line.length)) }],
  };
}

/** A recorded comment on a change that is no command, so that no server has more to do with it. */
function note(): object {
  const file = path.join(
    import.meta.dirname,
    '../test/fixtures/gitlab/note-on-merge-request-line.json',
  );
  const recorded = JSON.parse(readFileSync(file, 'utf8')) as { object_attributes: object };
  const object_attributes = { ...recorded.object_attributes, note: `Looks good (${MARK}).` };
  return { ...recorded, object_attributes };
}

/** The example of an issue's event nearest to BODY_BYTES. */
function issue(): object {
  const all = createRequire(import.meta.url)('@octokit/webhooks-examples') as {
    name: string;
    examples: { action?: string; issue?: object }[];
  }[];
  const examples = all.find(({ name }) => name === 'issues')?.examples ?? [];
  const off = (example: object): number => Math.abs(JSON.stringify(example).length - BODY_BYTES);
  const [nearest] = examples.toSorted((one, two) => off(one) - off(two));
  return { ...nearest, issue: { ...nearest?.issue, title: `Bench ${MARK}` } };
}

function standardSigned(
  make: (number: number) => Buffer,
  secret: string,
  seed: string,
): (number: number) => Signed {
  const token = projectSigningToken(secret, PROJECT);
  const key = Buffer.from(token.slice('whsec_'.length), 'base64');
  return (number) => {
    const body = make(number);
    const id = `${seed}-${number}`;
    const at = Math.floor(Date.now() / 1000);
    const digest = createHmac('sha256', key).update(`${id}.${at}.`).update(body).digest('base64');
    const headers = {
      ...common(body),
      'x-gitlab-event': 'Push Hook',
      'webhook-id': id,
      'webhook-timestamp': String(at),
      'webhook-signature': `v1,${digest}`,
    };
    return { headers, body };
  };
}

function withToken(make: (number: number) => Buffer, secret: string): (number: number) => Signed {
  return (number) => {
    const body = make(number);
    const headers = { 'x-gitlab-event': 'Note Hook', 'x-gitlab-token': secret };
    return { headers: { ...common(body), ...headers }, body };
  };
}

function hubSigned(
  make: (number: number) => Buffer,
  secret: string,
  seed: string,
): (number: number) => Signed {
  return (number) => {
    const body = make(number);
    const digest = createHmac('sha256', secret).update(body).digest('hex');
    const headers = {
      ...common(body),
      'x-github-event': 'issues',
      'x-github-delivery': `${seed}-${number}`,
      'x-hub-signature-256': `sha256=${digest}`,
    };
    return { headers, body };
  };
}

const common = (body: Buffer): Record<string, string | number> => ({
  'content-type': 'application/json',
  'content-length': body.length,
});
