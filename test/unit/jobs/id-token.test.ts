import { expect, test } from '@jest/globals';
import { requireIdToken, serverUrl } from '../../../jobs/id-token.ts';

const token = (claims: unknown): string =>
  `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.sig`;

test.each<[string, string | undefined, string]>([
  [token({ aud: 'https://bot.example.com/' }), undefined, 'https://bot.example.com'],
  [token({ aud: ['https://bot.example.com/base//'] }), undefined, 'https://bot.example.com/base'],
  [token({ aud: 'https://other' }), 'http://127.0.0.1:3000', 'http://127.0.0.1:3000'],
])('the bot of %s with %s is %s', (idToken, server, expected) => {
  expect(serverUrl(idToken, server)).toBe(expected);
});

test.each([
  [token({}), 'The bot cannot be found'],
  [token({ aud: 'autodev' }), 'The bot cannot be found'],
  [token({ aud: 'file:///etc/passwd' }), 'The bot cannot be found'],
  ['nonsense', 'AUTODEV_ID_TOKEN cannot be read'],
  ['a.%%%.c', 'AUTODEV_ID_TOKEN cannot be read'],
])('%s is refused', (idToken, message) => {
  expect(() => serverUrl(idToken, undefined)).toThrow(message);
});

test('a job without a token is told where it comes from', () => {
  expect(() => requireIdToken(undefined)).toThrow('AUTODEV_ID_TOKEN is not set');
});
