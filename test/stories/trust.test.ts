/** What an agent, a stranger's job and a forged identity can get hold of: nothing. */
import { readFile } from 'node:fs/promises';
import { afterAll, expect, jest, test } from '@jest/globals';
import { SignJWT, generateKeyPair } from 'jose';
import { edit, finish, shell, type Story } from '../support/one-story.ts';
import { until } from '../support/until.ts';
import { startStage, type Stage } from '../support/story.ts';

jest.setTimeout(150_000);

const CANARIES = Object.fromEntries(
  ['DEPLOY_TOKEN', 'AWS_SECRET_ACCESS_KEY', 'OPENAI_API_KEY', 'ANTHROPIC_API_KEY', 'PLAIN'].map(
    (name) => [name, `canary-${name.toLowerCase()}-7f3a9c`],
  ),
);

let opened: Promise<Stage> | null = null;
const open = (): Promise<Stage> => (opened ??= startStage({ ci: { env: CANARIES } }));
afterAll(async () => (await opened)?.close());

/** Not the whole of /proc: what runs as the same user on a runner without isolation can be read there. */
const DUMP = [
  'env',
  'tr "\\0" "\\n" < /proc/self/environ',
  'tr "\\0" "\\n" < /proc/$PPID/environ',
  'git config -l --show-origin; git remote -v; cat .git/config',
  'cat ~/.netrc ~/.git-credentials ~/.config/git/credentials',
  'git push origin HEAD:refs/heads/stolen',
  'ls -la ~ ..',
].join('; ');

test.concurrent(
  'an agent that dumps its environment finds no key, no token and no canary',
  async () => {
    const stage = await open();
    const project = await stage.project('stories/canary');
    const planted = 'canary-project-variable-51be';
    await stage.rest('dana', 'POST', `/projects/${project.id}/variables`, {
      key: 'PROJECT_SECRET',
      value: planted,
    });
    const turns = [shell(DUMP), edit('a.txt', 'a\n'), finish('Looked around.')];
    await stage.tell('Dumps its environment', { project, turns }, async (story) => {
      await story.comment('sam', '/autodev implement');
      await story.ends('done');
      const asked = stage.world.models.requests.filter(({ bodyText }) =>
        bodyText.includes('Dumps its environment'),
      );
      const seen = JSON.stringify(asked.map(({ body }) => body));
      expect(seen).toContain('CI=true');
      const jobs = stage.world.gitlab.api.pipelines(project.path).flatMap(({ jobs }) => jobs);
      const { config, world } = stage;
      const secrets = {
        ...CANARIES,
        planted,
        botToken: config.gitlab.token,
        webhookSecret: config.webhookSecret,
        openai: world.models.keys.openai,
        anthropic: world.models.keys.anthropic,
      };
      const notes = world.gitlab.api.notes(story.issue).map(({ body }) => body);
      const places = {
        'what the model saw': seen,
        'the result': JSON.stringify(await stage.rows('select result, progress from attempts')),
        notes: notes.join('\n') + story.changes()[0]?.description,
        'the log of the bot': stage.log.join(''),
        'the logs of the jobs': (
          await Promise.all(
            jobs.filter((job) => !job.bridge).map((job) => readFile(job.tracePath, 'utf8')),
          )
        ).join('\n'),
      };
      for (const [place, text] of Object.entries(places)) {
        for (const [name, secret] of Object.entries(secrets)) {
          expect([place, name, text.includes(secret)]).toEqual([place, name, false]);
        }
      }
      // A job token of GitLab and the attempt's own token have their prefixes.
      expect(seen).not.toMatch(/glcbt-|adt_|eyJhbGciOi/);
      const heads = await stage.rest('dana', 'GET', `/projects/${project.id}/repository/branches`);
      expect(JSON.stringify(heads)).not.toContain('stolen');
    });
  },
);

test.concurrent('a pipeline that nobody asked for gets a child that does nothing', async () => {
  const stage = await open();
  const project = await stage.project('stories/unasked');
  // Started by the bot's own account, but for no task: what a thief of its token could do.
  await stage.rest('autodev', 'POST', `/projects/${project.id}/pipeline?ref=main`);
  const jobs = (): string[] =>
    stage.world.gitlab.api
      .pipelines(project.path)
      .flatMap((one) => one.jobs.map((job) => `${job.name} ${job.status}`));
  await until(() => jobs().includes('autodev-nothing-to-do success'), 60_000, 'the child');
  expect(jobs().filter((job) => job.includes('agent'))).toEqual([]);
  expect(stage.world.models.requests.filter((one) => one.bodyText.includes('unasked'))).toEqual([]);
  // A person's own pipeline does not even hold the plan job.
  const own = stage.rest('dana', 'POST', `/projects/${project.id}/pipeline?ref=main`);
  await expect(own).rejects.toThrow(/400/);
});

test.concurrent(
  'a claim that is forged, tampered with, repeated or late changes nothing',
  async () => {
    const stage = await open();
    const turns = [{ ...edit('a.txt', 'a\n'), delayMs: 4_000 }, finish()];
    await stage.tell('Forged claims', { turns }, async (story) => {
      await story.comment('sam', '/autodev implement');
      await story.status(/implement \| running/);
      const attempt = await attemptOf(stage, story);
      const claim = (token: string, id = attempt.id): Promise<number> =>
        call(stage, 'claim', token, { attempt: id });
      const state = (): Promise<unknown> =>
        stage.rows('select state, job_id, jti, token_hash from attempts where id = $1', [
          attempt.id,
        ]);
      const before = await state();
      const { gitlab } = stage.world;
      const child = gitlab.api
        .pipelines(story.project.path)
        .find((one) => one.spec.parent?.pipelineId === attempt.pipeline);
      const server = stage.config.publicUrl;
      const good = await gitlab.idToken(child?.id ?? 0, 'autodev-agent', server);
      const plan = await gitlab.idToken(attempt.pipeline, 'autodev-plan', server);
      const elsewhere = await gitlab.idToken(
        child?.id ?? 0,
        'autodev-agent',
        'https://other.example',
      );
      const outcomes = {
        'a second claim': await claim(good),
        'the plan job': await claim(plan),
        'another attempt': await claim(good, attempt.id + 1_000),
        'other claims': await claim(tampered(good)),
        'another key': await claim(await selfSigned(good)),
        'no signature': await claim(unsigned(good)),
        'another audience': await claim(elsewhere),
        'no token': await claim(''),
        'a heartbeat': await call(stage, 'heartbeat', 'adt_wrong', {}),
        'a result': await call(stage, 'result', 'adt_wrong', {}),
      };
      expect(outcomes).toEqual({
        'a second claim': 409,
        'the plan job': 403,
        'another attempt': 403,
        'other claims': 401,
        'another key': 401,
        'no signature': 401,
        'another audience': 401,
        'no token': 401,
        'a heartbeat': 401,
        'a result': 401,
      });
      expect(await state()).toEqual(before);
      await story.ends('done');
      expect(await claim(good)).toBe(409);
      expect(await attemptOf(stage, story)).toMatchObject({ id: attempt.id, state: 'finished' });
    });
  },
);

test.concurrent('a job of another project cannot claim', async () => {
  const stage = await open();
  const project = await stage.project('stories/thief');
  const turns = [{ ...edit('b.txt', 'b\n'), delayMs: 4_000 }, finish()];
  await stage.tell('Claimed from elsewhere', { turns }, async (story) => {
    await story.comment('sam', '/autodev implement');
    await story.status(/implement \| running/);
    await stage.rest('autodev', 'POST', `/projects/${project.id}/pipeline?ref=main`);
    const [pipeline] = stage.world.gitlab.api.pipelines(project.path);
    const server = stage.config.publicUrl;
    const token = await stage.world.gitlab.idToken(pipeline?.id ?? 0, 'autodev-plan', server);
    const { id } = await attemptOf(stage, story);
    expect(await call(stage, 'claim', token, { attempt: id })).toBe(403);
    await story.ends('done');
  });
});

interface AttemptIds {
  id: number;
  pipeline: number;
  state: string;
}

async function attemptOf(stage: Stage, story: Story): Promise<AttemptIds> {
  const [run] = await story.runs();
  const [attempt] = await stage.rows<AttemptIds>(
    'select id, pipeline_id as pipeline, state from attempts where run_id = $1',
    [run?.id],
  );
  return attempt as AttemptIds;
}

async function call(stage: Stage, path: string, token: string, body: unknown): Promise<number> {
  const response = await fetch(`${stage.config.publicUrl}/api/job/${path}`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });
  return response.status;
}

function partsOf(token: string): [head: string, body: string, signature: string] {
  return token.split('.') as [string, string, string];
}

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

function claimsOf(token: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(partsOf(token)[1], 'base64url').toString()) as Record<
    string,
    unknown
  >;
}

/** The same signature under claims that name another user. */
function tampered(token: string): string {
  const [head, , signature] = partsOf(token);
  return [head, encode({ ...claimsOf(token), user_id: '1' }), signature].join('.');
}

function unsigned(token: string): string {
  return `${encode({ alg: 'none', typ: 'JWT' })}.${partsOf(token)[1]}.`;
}

async function selfSigned(token: string): Promise<string> {
  const { privateKey } = await generateKeyPair('RS256');
  return new SignJWT(claimsOf(token)).setProtectedHeader({ alg: 'RS256' }).sign(privateKey);
}
