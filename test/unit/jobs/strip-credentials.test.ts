import { expect, test } from '@jest/globals';
import { cleanConfig } from '../../../jobs/workspace/strip-credentials.ts';

test.each<[string, string[], string[]]>([
  ['a plain file', ['[core]', 'bare = false'], ['[core]', 'bare = false']],
  [
    'user and password in a URL',
    ['[remote "o"]', '\turl = https://gitlab-ci-token:t0k@h/g.git', '\tfetch = +refs/*:refs/*'],
    ['[remote "o"]', '\turl = https://h/g.git', '\tfetch = +refs/*:refs/*'],
  ],
  [
    'an ssh address stays',
    ['[remote "o"]', 'url = git@h:g.git'],
    ['[remote "o"]', 'url = git@h:g.git'],
  ],
  [
    'headers',
    ['[http "https://h"]', 'extraHeader = A: b', 'proxy = p'],
    ['[http "https://h"]', 'proxy = p'],
  ],
  ['headers on the section line', ['[http] extraheader = A: b', 'x = y'], ['x = y']],
  ['a continued header', ['[http]', 'extraheader = A: \\', 'secret', 'x = y'], ['[http]', 'x = y']],
  ['rewrites', ['[url "https://u:t@h/"]', 'insteadOf = https://h/', '[core]'], ['[core]']],
  ['helpers', ['[credential "https://h"]', 'helper = !x', '[core]'], ['[core]']],
  [
    'includes',
    ['[includeIf "gitdir:/"]', 'path = /x', '[Include]', 'path = y', '[core]'],
    ['[core]'],
  ],
  ['the old subsection form', ['[credential.h]', 'helper = x', '[core]'], ['[core]']],
])('%s', (_, before, after) => {
  expect(cleanConfig(before.join('\n')).split('\n')).toEqual(after);
});
