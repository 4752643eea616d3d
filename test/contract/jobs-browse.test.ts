/** The tool `browse` with the system's Chromium: what it opens, what it refuses, and that nothing is left behind. */
import { spawnSync } from 'node:child_process';
import { createServer } from 'node:http';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { browseTool } from '../../jobs/tools/browse.ts';
import { isAllowed } from '../../jobs/tools/browser/page.ts';
import { findBrowser } from '../../jobs/tools/browser/program.ts';
import { checkCall, type ToolResult } from '../../jobs/tools/tool.ts';
import { freePort } from '../../sandbox/world.ts';
import { declareMissing } from '../support/missing.ts';
import { finish, useJob } from './jobs-case.ts';
import { NOBODY, removeTree } from './jobs-standin.ts';

jest.setTimeout(90_000);

const PAGE = `<!doctype html><title>Words</title><h1>Count</h1>
<label>Text <input id="text"></label><button onclick="document.querySelector('output').textContent =
document.querySelector('#text').value.split(' ').length">Go</button><output></output>`;

let root = '';
let pictures: { title: string; content: string }[] = [];
beforeEach(() => {
  root = realpathSync(mkdtempSync(path.join(tmpdir(), 'autodev-browse-')));
  pictures = [];
  mkdirSync(path.join(root, '.tmp'));
  writeFileSync(path.join(root, 'page.html'), PAGE);
});
afterEach(() => removeTree(root));

async function browse(args: object, PATH = process.env.PATH ?? ''): Promise<ToolResult> {
  const checked = checkCall([browseTool], 'browse', JSON.stringify(args));
  if (!checked.ok) return checked;
  return browseTool.run(checked.input, {
    root,
    resultBytes: 20_000,
    commandSeconds: 30,
    env: { PATH, HOME: root, LANG: 'C.UTF-8', TMPDIR: path.join(root, '.tmp') },
    self: [],
    signal: AbortSignal.timeout(60_000),
    ...NOBODY,
    onCommand: () => undefined,
    onPicture: (picture) => {
      pictures.push(picture);
      return 'kept';
    },
  });
}

test.each([
  'http://example.com/',
  'http://127.0.0.1.example.com/',
  'https://169.254.169.254/latest/meta-data',
  'file:///etc/passwd',
  'javascript:alert(1)',
  'chrome://settings',
  '/etc/passwd',
  '../outside.html',
])('%s is not opened', async (url) => {
  const { ok, text } = await browse({ url });
  expect(ok).toBe(false);
  expect(text).toMatch(/only http:\/\/localhost|no Chromium/);
});

test('files of the repository are its own, links out of it are not', async () => {
  symlinkSync('/etc/passwd', path.join(root, 'link.html'));
  const at = (name: string): string => `file://${root}/${name}`;
  expect(await isAllowed(at('page.html'), root)).toBe(true);
  expect(await isAllowed(at('link.html'), root)).toBe(false);
  expect(await isAllowed('file:///etc/passwd', root)).toBe(false);
  expect(await isAllowed(`file://host${root}/page.html`, root)).toBe(false);
});

test('without a browser it says so, and that the work goes on', async () => {
  const { ok, text } = await browse({ url: 'page.html' }, '/nowhere');
  expect(ok).toBe(false);
  expect(text).toContain('Go on without pictures, and say so in the report');
});

const SUITE = 'the browser of agents';
const there = (await findBrowser(process.env.PATH ?? '')) !== null;
describe(SUITE, () => {
  if (!there) return void declareMissing('chromium', SUITE);

  test('a page that a command serves is filled in, read and photographed; the command ends with the call', async () => {
    const port = await freePort();
    const server = `require('http').createServer((q, s) => s.setHeader('content-type', 'text/html') && s.end(require('fs').readFileSync('page.html'))).listen(${port})`;
    writeFileSync(path.join(root, 'serve.cjs'), server);
    const { ok, text, images } = await browse({
      url: `http://localhost:${port}/`,
      serve: `echo up; exec ${process.execPath} serve.cjs`,
      actions: [
        { do: 'type', selector: '#text', text: 'one two three' },
        { do: 'click', selector: 'button' },
      ],
      picture: 'The count',
    });
    expect(text).toMatch(/^Words \(http:\/\/localhost:\d+\/\)/);
    expect(text).toContain('heading "Count"');
    expect(text).toMatch(/StaticText "3"/);
    expect(ok).toBe(true);
    const png = Buffer.from(images?.[0] ?? '', 'base64');
    expect(png.subarray(1, 4).toString()).toBe('PNG');
    expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([1280, 800]);
    expect(pictures).toEqual([{ title: 'The count', content: images?.[0] }]);
    await expect(fetch(`http://localhost:${port}/`)).rejects.toThrow();
    expect(readdirSync(path.join(root, '.tmp'))).toEqual([]);
    expect(spawnSync('pgrep', ['-f', root]).status).not.toBe(0);
  });

  test('a page reaches neither the network nor files outside of the repository', async () => {
    let asked = 0;
    const outside = createServer((_, response) => {
      asked += 1;
      response.end('x');
    });
    await new Promise<void>((resolve) => outside.listen(0, '0.0.0.0', resolve));
    const { port } = outside.address() as AddressInfo;
    const host = spawnSync('hostname', ['-I'], { encoding: 'utf8' }).stdout.trim().split(' ')[0];
    const elsewhere = `${host === '' || host === undefined ? '192.0.2.1' : host}:${port}`;
    writeFileSync(
      path.join(root, 'evil.html'),
      `<title>Evil</title><img src="http://${elsewhere}/a.png"><iframe src="file:///etc/passwd"></iframe>
       <script>new WebSocket('ws://${elsewhere}/'); fetch('http://${elsewhere}/b').catch(() => {})</script>`,
    );
    const { ok, text } = await browse({ url: 'evil.html' });
    outside.closeAllConnections();
    outside.close();
    expect(ok).toBe(true);
    expect(text).toContain(`! not loaded: http://${elsewhere}/`);
    expect(text).toContain('! not loaded: file:///etc/passwd');
    expect(text).not.toContain('root:');
    expect(asked).toBe(0);
  });

  test('what does not come is told: a selector, a page, a command that ends', async () => {
    const gone = await browse({
      url: `http://localhost:${await freePort()}/`,
      serve: 'echo nothing to serve; exit 3',
    });
    expect(gone).toMatchObject({ ok: false });
    expect(gone.text).toMatch(/the command ended \(exit code 3\)[^]*nothing to serve/);
    const missing = await browse({ url: 'page.html', actions: [{ do: 'click', selector: '#no' }] });
    expect(missing.text).toContain('no element matches #no');
  });
});

describe('in a job', () => {
  const job = useJob();
  if (!there) return void declareMissing('chromium', 'browse in a job');

  test('it works inside the namespaces, the model sees the picture, and the result carries it', async () => {
    const call = { url: 'README.md', picture: 'The start page\n![x](http://evil)' };
    const program = await job.start(
      (n) => (n === 0 ? { calls: [{ name: 'browse', args: call }] } : finish()),
      {
        spec: {
          tools: ['read_file', 'browse', 'finish'],
          task: { id: 3, type: 'validate_feature', agent: 'tester' },
        },
      },
    );
    const { out } = await program.done;
    expect(out).toContain('isolation: bubblewrap');
    const told = JSON.stringify(job.standin.requests[1]?.body);
    expect(told).toContain('data:image/png;base64,');
    const [attachment] = job.file().attachments ?? [];
    expect(attachment).toMatchObject({ name: 'picture-1.png', mediaType: 'image/png' });
    expect(told).toContain(attachment?.content);
  });
});
