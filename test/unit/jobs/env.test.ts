import { expect, test } from '@jest/globals';
import { agentEnv, commandEnv, readJobEnv } from '../../../jobs/env.ts';

test('the job environment is read once, empty counts as absent', () => {
  expect(
    readJobEnv({
      AUTODEV_ID_TOKEN: ' eyJ.a.b ',
      AUTODEV_ATTEMPT: '12',
      AUTODEV_SERVER: '',
      CI_PROJECT_DIR: '/builds/g/p',
      CI_JOB_TOKEN: 'job-token-123',
      PATH: '/bin',
      HOME: '/h',
      http_proxy: 'http://proxy:3128',
      NO_PROXY: '.internal',
      https_proxy: '',
      CI_BUILDS_DIR: '/builds',
    }),
  ).toEqual({
    idToken: 'eyJ.a.b',
    attempt: 12,
    server: undefined,
    projectDir: '/builds/g/p',
    path: '/bin',
    lang: 'C.UTF-8',
    secrets: [' eyJ.a.b ', 'job-token-123'],
    hidden: ['/builds'],
    jobToken: 'job-token-123',
    network: { http_proxy: 'http://proxy:3128', NO_PROXY: '.internal' },
    scanners: { npmRegistry: undefined, semgrepRules: undefined, trivyCache: undefined },
  });
});

test.each(['', '0', '-1', '1.5', '1e3', '7; rm', '99999999999999999999'])(
  'attempt %j is not one',
  (value) => {
    expect(readJobEnv({ AUTODEV_ATTEMPT: value }).attempt).toBeUndefined();
  },
);

test('values that only look like secrets are not hidden', () => {
  const { secrets } = readJobEnv({
    GIT_AUTHOR_NAME: 'someone else',
    CI_KEYCLOAK: 'true',
    TOKEN_FILE: '/run/secrets/token',
    DEPLOY_KEY: 'short',
    SECRET_NUMBER: '1234567890',
    DB_PASSWORD: 'correct horse',
  });
  expect(secrets).toEqual(['someone else', 'correct horse']);
});

test('children see an allow-list', () => {
  expect(agentEnv({ path: '/bin', lang: 'C' }, '/h', '/t')).toEqual({
    PATH: '/bin',
    HOME: '/h',
    LANG: 'C',
    TMPDIR: '/t',
  });
  expect(Object.keys(commandEnv({ PATH: '/bin', AUTODEV_TOKEN: 'x', FOO: 'y' }))).toEqual([
    'PATH',
    'HOME',
    'LANG',
    'TMPDIR',
    'CI',
  ]);
});
