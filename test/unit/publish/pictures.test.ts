/** Pictures by agents: only what draws them is shown, under an address of the forge's own. */
import { expect, test } from '@jest/globals';
import type { Attachment } from '../../../schema/wire/result.ts';
import { pictureLines } from '../../../bot/worker/publish/pictures.ts';
import { cleanPng, PNG_LIMITS } from '../../../bot/worker/publish/png.ts';
import { chunk, png } from '../../support/png.ts';

const GOOD = png(8, 8);

test('a picture stays as it is, and what it carries besides goes', () => {
  expect(cleanPng(GOOD)).toEqual({ ok: true, png: GOOD });
  const text = chunk('tEXt', Buffer.from('Comment\0stolen'));
  const carrying = Buffer.concat([png(8, 8, text), Buffer.from('<script>')]);
  expect(cleanPng(carrying)).toEqual({ ok: true, png: GOOD });
});

const broken = Buffer.from(GOOD);
broken[30] = 0xff;
const lying = Buffer.from(GOOD);
lying.writeUInt32BE(0x7fffffff, 8);
test.each<[string, Buffer, RegExp]>([
  ['nothing', Buffer.alloc(0), /no PNG/],
  ['a page', Buffer.from('<html><script>'), /no PNG/],
  ['an SVG', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg">'), /no PNG/],
  ['a name only', GOOD.subarray(0, 8), /ends too early/],
  ['a cut one', GOOD.subarray(0, GOOD.length - 6), /ends too early|longer than the whole/],
  ['a wrong checksum', broken, /checksum/],
  ['a length that lies', lying, /longer than the whole/],
  ['pixels first', Buffer.concat([GOOD.subarray(0, 8), GOOD.subarray(33)]), /header/],
  ['two headers', Buffer.concat([GOOD.subarray(0, 33), GOOD.subarray(8)]), /header/],
  ['no size', png(0, 8), /0 by 8/],
  ['a huge size', png(100_000, 100_000), /100000 by 100000/],
  ['too many bytes', Buffer.concat([GOOD, Buffer.alloc(PNG_LIMITS.bytes)]), /larger than/],
])('%s is refused', (_, bytes, why) => {
  expect(cleanPng(bytes)).toMatchObject({ ok: false, why: expect.stringMatching(why) });
});

const SECRET = 'ab'.repeat(16);

async function shown(
  ...attachments: Partial<Attachment>[]
): Promise<{ text: string; sent: Buffer[] }> {
  const sent: Buffer[] = [];
  const lines = await pictureLines(
    attachments.map((one, n) => ({
      name: `picture-${n + 1}.png`,
      title: 'The start page',
      mediaType: 'image/png',
      content: GOOD.toString('base64'),
      ...one,
    })),
    async (name, bytes) => {
      sent.push(bytes);
      return `/uploads/${SECRET}/${name}`;
    },
  );
  return { text: lines.join('\n'), sent };
}

test('each is shown with its words, at the address the forge gave', async () => {
  const { text, sent } = await shown({}, { title: '' });
  expect(text).toBe(
    `\nPicture 1: The start page\n\n![picture 1](/uploads/${SECRET}/picture-1.png)\n\nPicture 2: without words\n\n![picture 2](/uploads/${SECRET}/picture-2.png)`,
  );
  expect(sent).toEqual([GOOD, GOOD]);
});

test('one that is refused is said and not sent', async () => {
  const { text, sent } = await shown({ content: Buffer.from('GIF89a').toString('base64') });
  expect(text).toBe('\nPicture 1: The start page. It is not shown, because it is no PNG.');
  expect(sent).toEqual([]);
});

test.each([
  '![x](https://evil.test/a.png)',
  '![x](/uploads/0123456789abcdef0123456789abcdef/a.png)',
  '<img src="https://evil.test/a.png">',
  '/close',
  'x\n/close',
  '@dana look',
  'Closes #12',
  '[a]: https://evil.test',
])('the words %j act, link and load nothing', async (title) => {
  const { text } = await shown({ title });
  expect(text.match(/!\[/g)).toHaveLength(1);
  expect(text.match(/\]\(/g)).toHaveLength(1);
  expect(text).not.toMatch(/^\s*\/close/m);
  expect(text).not.toMatch(/@dana|Closes #12|<img|https:\/\//);
});
