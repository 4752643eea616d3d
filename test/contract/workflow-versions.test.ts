/** A version of a workflow template keeps its meaning: a bot that finds another one does not start. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pino from 'pino';
import { readEnv, type Config } from '../../bot/config/env.ts';
import { findInstallation } from '../../bot/config/installation.ts';
import { loadWorkflows } from '../../bot/config/settings.ts';
import { SettingsError } from '../../bot/config/settings-error.ts';
import { startBot } from '../../bot/main.ts';
import { openMigratedStore, refuseChangedWorkflows } from '../../bot/parts.ts';
import { changedWorkflows, useWorkflow } from '../../bot/store/workflow-versions.ts';
import type { Store } from '../../bot/store/store.ts';
import type { Workflow } from '../../schema/wire/workflow.ts';
import { prepareData } from '../support/prepared-data.ts';

const log = pino({ level: 'silent' });
const { workflowsDir } = findInstallation(import.meta.dirname);
const shipped = loadWorkflows(workflowsDir);
const feature = shipped['feature'] as Workflow;

let dir: string;
let config: Config;
let store: Store;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'autodev-templates-'));
  // Embedded, so that a bot that kept hold of the database would be noticed.
  const dataDir = join(dir, 'data');
  await prepareData(dataDir);
  const read = readEnv({
    AUTODEV_GITLAB_URL: 'http://127.0.0.1:1',
    AUTODEV_GITLAB_TOKEN: 'glpat-not-a-real-token',
    AUTODEV_WEBHOOK_SECRET: 'a-secret-of-more-than-32-characters',
    AUTODEV_PUBLIC_URL: 'http://127.0.0.1:2',
    AUTODEV_DATA_DIR: dataDir,
    OPENAI_API_KEY: 'sk-not-a-key',
  });
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  config = read.config;
  store = await openMigratedStore(config, log);
});
afterAll(async () => {
  await store?.close();
  rmSync(dir, { recursive: true, force: true });
});

const shorter = (version: number): Workflow => ({
  ...feature,
  version,
  stages: feature.stages.slice(0, 3),
});

test('what runs have used is no change, also with a default that came later', async () => {
  await useWorkflow(store, feature);
  expect(await changedWorkflows(store, [feature])).toEqual([]);
  const bare = JSON.stringify(feature).replaceAll(/,"(aside|optional)":false/g, '');
  expect(bare).not.toBe(JSON.stringify(feature));
  await store.query(`update workflow_versions set body = $1, digest = 'of an older schema'`, [
    bare,
  ]);
  expect(await changedWorkflows(store, [feature])).toEqual([]);
});

test('another content under a used version is named, with the next free version', async () => {
  await useWorkflow(store, shorter(feature.version + 4));
  const next = feature.version + 5;
  const found = await changedWorkflows(store, [shorter(feature.version), shorter(next)]);
  expect(found).toEqual([{ name: 'feature', version: feature.version, next }]);
  const refused = refuseChangedWorkflows(store, { feature: shorter(feature.version) }, '/etc/w');
  await expect(refused).rejects.toThrow(
    `/etc/w/feature.yaml: runs have used version ${feature.version} with other stages; raise version to ${next}`,
  );
});

test('the bot does not start, says what to do, and lets the database go', async () => {
  await store.query('delete from workflow_versions');
  await useWorkflow(store, shorter(feature.version));
  await store.close();
  const started = startBot(config, 'worker', log);
  await expect(started).rejects.toThrow(SettingsError);
  await expect(started).rejects.toThrow(
    new RegExp(`feature\\.yaml: .*raise version to ${feature.version + 1}`),
  );
  store = await openMigratedStore(config, log);
});
