/** `autodev connect` on a GitLab before 19, whose hooks carry a secret token and no signature. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { applyConnect } from '../../bot/cli/connect/apply.ts';
import { planConnect } from '../../bot/cli/connect/plan.ts';
import { hasWork } from '../../bot/cli/connect/show-plan.ts';
import { projectHookToken } from '../../bot/forge/gitlab/webhooks.ts';
import { repoByProject } from '../../bot/store/repos.ts';
import { SECRET, startCliWorld, type CliWorld } from './cli-world.ts';

let world: CliWorld;

beforeAll(async () => {
  world = await startCliWorld('18.9.0');
});
afterAll(async () => {
  await world?.close();
});

test('the hook has its token, and nobody expects it to sign', async () => {
  const { forge, project } = world;
  const store = await world.store();
  const plan = await planConnect(forge, world.request());
  const deps = { forge, secret: SECRET, publicUrl: world.face.url, store };
  expect(await applyConnect(deps, plan)).toMatchObject({ hookSigns: false, remembered: true });
  const [hook] = project.hooks;
  expect(hook).toMatchObject({ token: projectHookToken(SECRET, project.id), signingToken: null });
  expect(await repoByProject(store, 'gitlab', project.id)).toMatchObject({
    hookId: hook?.id,
    hookSigns: false,
  });
  expect(hasWork(await planConnect(forge, world.request()))).toBe(false);
});
