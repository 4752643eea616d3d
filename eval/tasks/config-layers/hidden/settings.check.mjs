import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

const PROGRAM = `
import json, os, sys, tempfile
from settings.load import load_settings
from settings.errors import SettingsError
from settings.defaults import DEFAULTS
asked = json.load(sys.stdin)
before = json.dumps(DEFAULTS)
path = None
if asked.get("file") is not None:
    path = os.path.join(tempfile.mkdtemp(), "app.json")
    with open(path, "w") as file:
        json.dump(asked["file"], file)
try:
    settings = load_settings(path, asked["environ"]) if "environ" in asked else load_settings(path)
    settings["server"]["hosts"].append("mine")
    settings["server"]["hosts"].pop()
    again = load_settings()
    again["server"]["hosts"].append("mine")
    answer = {"settings": settings}
except SettingsError as error:
    answer = {"error": str(error)}
print(json.dumps({**answer, "untouched": json.dumps(DEFAULTS) == before}))
`;

function load(asked) {
  const options = { cwd: process.env.REPO, encoding: 'utf8', input: JSON.stringify(asked) };
  const { stdout, stderr } = spawnSync('python3', ['-c', PROGRAM], options);
  assert.notEqual(stdout, '', stderr);
  return JSON.parse(stdout);
}
const by = (environ, file) => load({ environ, file }).settings;

test('without variables all is as before', () => {
  const { server, database } = load({ file: { server: { port: 1 } } }).settings;
  assert.deepEqual([server.port, server.hosts, database.pool_size], [1, ['localhost'], 5]);
  assert.match(load({ file: { server: { prot: 1 } } }).error, /server\.prot/);
});
test('a variable beats the file, the file beats the defaults', () => {
  const file = { server: { port: 1 }, database: { timeout: 9 } };
  const { server, database } = by({ APP_SERVER__PORT: '2', HOME: '/x' }, file);
  assert.deepEqual([server.port, database.timeout], [2, 9]);
});
test('keys may hold underscores, and case does not count', () => {
  assert.equal(by({ APP_DATABASE__POOL_SIZE: '20' }).database.pool_size, 20);
  assert.equal(by({ app_database__pool_size: '21' }).database.pool_size, 21);
});
test('values get the types of the defaults', () => {
  const { server, database } = by({
    APP_SERVER__DEBUG: 'TRUE',
    APP_DATABASE__TIMEOUT: '0.5',
    APP_DATABASE__URL: '5432',
  });
  assert.deepEqual([server.debug, database.timeout, database.url], [true, 0.5, '5432']);
  assert.equal(by({ APP_SERVER__DEBUG: 'false' }).server.debug, false);
});
test('lists are written with commas', () => {
  const hosts = (text) => by({ APP_SERVER__HOSTS: text }).server.hosts;
  assert.deepEqual(hosts('a.example, b.example'), ['a.example', 'b.example']);
  assert.deepEqual(hosts(''), []);
});
test('unknown names are mistakes', () => {
  for (const name of ['APP_SERVER__PROT', 'APP_CACHE__SIZE', 'APP_DEBUG']) {
    assert.match(load({ environ: { [name]: '1' } }).error ?? 'none', new RegExp(name));
  }
});
test('a value of the wrong type is named by its variable, not repeated', () => {
  for (const [name, value] of [
    ['APP_SERVER__PORT', 'hunter2'],
    ['APP_SERVER__DEBUG', 'hunter2'],
    ['APP_DATABASE__TIMEOUT', 'hunter2'],
    ['APP_SERVER__PORT', '80.5'],
  ]) {
    const { error = 'none' } = load({ environ: { [name]: value } });
    assert.match(error, new RegExp(name));
    assert.ok(!error.includes(value), error);
  }
});
test('the defaults stay as they are', () => {
  assert.equal(load({ environ: { APP_SERVER__HOSTS: 'a' } }).untouched, true);
});
