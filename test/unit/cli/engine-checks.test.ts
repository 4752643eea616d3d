/** What `autodev doctor` can say about jobs from the settings alone. */
import { expect, test } from '@jest/globals';
import { checkJobs } from '../../../bot/cli/doctor/engine-checks.ts';
import { loadAgents, loadSettings } from '../../../bot/config/settings.ts';
import type { Settings } from '../../../schema/wire/settings.ts';

const settings = loadSettings('config/settings.yaml');
const shipped = Object.values(loadAgents('config/agents')).filter((agent) => agent !== undefined);

test('an installation as shipped needs no program of others and takes the isolation there is', () => {
  expect(checkJobs(settings, shipped)).toMatchObject([
    { name: 'engines', status: 'ok', detail: 'every agent works with builtin' },
    { name: 'isolation', status: 'ok', detail: expect.stringMatching(/^auto, no network but/) },
  ]);
});

test('an engine that agents ask for is named with who asks and what happens without it', () => {
  const agents = shipped.map((agent) =>
    agent.role === 'builder'
      ? { ...agent, settings: { ...agent.settings, engine: 'codex' as const } }
      : agent,
  );
  const strict = { ...settings.engines, codex: { whenMissing: 'stop' as const } };
  const say = (engines: Settings['engines']): string | undefined =>
    checkJobs({ ...settings, engines }, agents)[0]?.detail;
  expect(say(settings.engines)).toContain('codex for builder (else builtin steps in)');
  expect(say(strict)).toContain('codex for builder (else their tasks stop)');
  expect(say(strict)).toContain('autodev-job doctor');
});

test('isolation that is turned off is a warning with its remedy', () => {
  const isolation = { sandbox: 'off', network: 'gateway' } as const;
  const [, check] = checkJobs({ ...settings, ci: { ...settings.ci, isolation } }, shipped);
  expect(check).toMatchObject({ status: 'warning', fix: expect.stringContaining('sandbox: auto') });
});
